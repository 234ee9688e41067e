"""Document photos: what their quality is, whether they are as issued, and what was done to them."""

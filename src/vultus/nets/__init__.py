"""PyTorch definitions of the published networks; needs the extra `train`. Inference never imports this."""

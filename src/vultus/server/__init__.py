"""vultus as a service: galleries, keys, limits, a journal, and several APIs on one core."""

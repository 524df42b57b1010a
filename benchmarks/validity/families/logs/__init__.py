"""Training logs and series of checkpoints: healthy ones of many kinds, and such with one thing planted in them."""

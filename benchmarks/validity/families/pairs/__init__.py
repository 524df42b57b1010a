"""Pairs of adapters: copies, checkpoints of one run, strangers, and such that were made to meet."""

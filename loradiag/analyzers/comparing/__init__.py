"""Adapters beside each other: different ones, or the checkpoints of one run."""

"""Baselines: what the traffic of an adapter should look like, bound to what it was made from."""

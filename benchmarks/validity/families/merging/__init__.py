"""Merges: what loradiag says of routes, beside models that were folded, quantized and run by other means."""

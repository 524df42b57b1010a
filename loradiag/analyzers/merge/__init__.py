"""Merge drift: what folding an adapter into its base, and storing the sum in fewer bits, does to what it learned."""

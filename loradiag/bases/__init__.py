"""A base checkpoint: its headers, its identity, and one weight at a time. Never the whole model."""

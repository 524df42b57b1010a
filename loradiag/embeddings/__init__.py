"""Texts as unit vectors: the encoder, and what identifies it."""

"""Adapters behind an OpenAI-compatible endpoint: whether each answers, as itself, also while others are asked."""

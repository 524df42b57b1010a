"""Forgetting: answers of two models to the same documents, with nothing, or a known share of them, lost."""

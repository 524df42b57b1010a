"""lm-eval over models that are loaded already."""

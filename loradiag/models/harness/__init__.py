"""lm-evaluation-harness over a model that is loaded already: its tasks, its requests, its scores, document by document."""

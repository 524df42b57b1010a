"""Rules held against adapters whose condition is known: what fires where it should, and where it should not."""

"""Traffic beside its baseline: requests unlike any reference, topics in other shares, answers that changed."""

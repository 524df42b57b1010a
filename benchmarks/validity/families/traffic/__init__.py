"""Traffic: requests of the same source and planted mixtures, lakes with gaps."""

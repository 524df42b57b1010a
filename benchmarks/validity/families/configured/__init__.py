"""What configurations, names and plain arithmetic settle: targets, scales, sizes beside the base, methods not analysed."""

"""What somebody wants to know who looks rather than judges: reports in a folder, a row an adapter, traffic by day."""

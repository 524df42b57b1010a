"""Two adapters on split traffic, compared request by request."""

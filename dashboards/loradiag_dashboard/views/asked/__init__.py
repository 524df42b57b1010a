"""What the page on forgetting is made of."""

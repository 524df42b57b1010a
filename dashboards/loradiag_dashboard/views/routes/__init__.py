"""What the page on merge drift is made of."""

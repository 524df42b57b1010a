"""Every family of numbers computed a second time, by somebody else's code or by its definition."""

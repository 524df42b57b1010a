"""An adapter's traffic over time: what the page about traffic is made of."""

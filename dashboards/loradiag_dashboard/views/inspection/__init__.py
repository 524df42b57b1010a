"""The parts of the page of an adapter."""

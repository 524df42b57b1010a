"""Alarms of the watch: what the page about them is made of."""

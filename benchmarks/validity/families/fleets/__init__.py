"""Fleets: many adapters that differ as those of one team do, with one that is planted, or none."""

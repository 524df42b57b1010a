"""Saving: the merged checkpoint of one route, as other tools load it, read back and compared with what was measured."""

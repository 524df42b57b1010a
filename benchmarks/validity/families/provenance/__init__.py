"""Provenance: stamps beside adapters, and what a registry knows of them."""

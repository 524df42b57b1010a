"""Adapters beside each other."""

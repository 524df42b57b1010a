"""Identities of bases, and the stamps that bind adapters to them."""

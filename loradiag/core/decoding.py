"""What goes wrong when a document is decoded."""

from __future__ import annotations

import msgspec

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises of a document that is none or not of its type (a ValidationError is a DecodeError), or nests too deep."""

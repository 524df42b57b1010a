"""The common ancestor of all measurements."""

from __future__ import annotations

import msgspec


class Measure(msgspec.Struct, kw_only=True, frozen=True):
    """Base of every measurement."""

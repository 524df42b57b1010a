"""One line of the table: a quantity, who else computes it, on how many cases, and how far apart the two are."""

from __future__ import annotations

import msgspec


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """``difference`` is the largest over all cases, relative where ``relative``; it should not exceed ``tolerance``."""

    quantity: str
    source: str
    cases: int
    difference: float
    tolerance: float
    relative: bool = True

    @property
    def holds(self) -> bool:
        """Whether it does not."""
        return self.difference <= self.tolerance

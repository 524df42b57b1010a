"""What resizing an adapter came to."""

from __future__ import annotations

import math

import msgspec


class ResizedModule(msgspec.Struct, frozen=True):
    """One module, before and after.

    Attributes:
        name: As the base model calls it.
        old_rank, new_rank: Inner dimension of the factors.
        old_scale, new_scale: What the product is multiplied by; the new one as read back from the file written.
        norm: ‖ΔW‖_F before.
        predicted_error: √(Σ_{i>k} σᵢ² / Σ σᵢ²), the relative Frobenius error of the cut; 0 for an update that is zero.
        measured_error: ‖ΔW − ΔW′‖_F / ‖ΔW‖_F of what was written, so with rounding; None if nothing was written.
    """

    name: str
    old_rank: int
    new_rank: int
    old_scale: float
    new_scale: float
    norm: float
    predicted_error: float
    measured_error: float | None = None

    @property
    def error(self) -> float:
        """The measured error, or the predicted one where there is none."""
        return self.predicted_error if self.measured_error is None else self.measured_error


class Resized(msgspec.Struct, frozen=True):
    """A whole adapter, before and after.

    Attributes:
        path: The adapter.
        output: The directory written; None for a dry run.
        criterion: ``rank``, ``energy`` or ``error``: what ranks were chosen by.
        value: The number given for it.
        parameters_before, parameters_after: Elements of all tensors, those that were copied included.
        bytes_before, bytes_after: What these elements take.
        predicted_error: √(Σ‖ΔW − ΔW′‖²) / √(Σ‖ΔW‖²) over all modules, of the cut alone.
        measured_error: The same of what was written; None if nothing was.
        modules: Module by module, in the order of the file.
        notes: What a user should know, a sentence each.
    """

    path: str
    output: str | None
    criterion: str
    value: float
    parameters_before: int
    parameters_after: int
    bytes_before: int
    bytes_after: int
    predicted_error: float
    measured_error: float | None
    modules: list[ResizedModule]
    notes: list[str]


def overall(rows: list[ResizedModule], errors: list[float]) -> float:
    """The relative error of all modules together, from that of each."""
    largest = max((row.norm for row in rows), default=0.0)
    if largest == 0:
        return 0.0
    shares = [row.norm / largest for row in rows]  # so that no square overflows
    lost = math.fsum((error * share) ** 2 for error, share in zip(errors, shares, strict=True))
    return math.sqrt(lost / math.fsum(share**2 for share in shares))

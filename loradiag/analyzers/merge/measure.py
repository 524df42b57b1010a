"""What survives of an update in a stored weight, as sums that add up over strips, modules and roles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from loradiag.core.lazy import require

_STRIP = 1 << 18
"""Entries at once on a CPU, so that intermediate values stay in its cache, and sums of float32 short."""

_UNDERFLOW = 1e-30
"""Mean square of an update below which squares in float32 lose digits."""


class Sums(msgspec.Struct, frozen=True):
    """Sums over entries; W the weight that the route starts from, Δ the exact change, U what is stored less W.

    Attributes:
        entries: Their number.
        weight, update, survived, residual: Σ W², Σ Δ², Σ U², Σ (U − Δ)².
        along: Σ U·Δ.
        changed: Entries with Δ ≠ 0.
        swallowed: Of those, the ones whose code is the same as without the adapter.
        overflowed: Entries of finite W + Δ that are stored as infinite.
        flushed: Entries of W + Δ ≠ 0 that are stored as zero, in floating-point formats.
        nonfinite: Entries that are stored as NaN or infinite.
    """

    entries: int = 0
    weight: float = 0.0
    update: float = 0.0
    survived: float = 0.0
    residual: float = 0.0
    along: float = 0.0
    changed: int = 0
    swallowed: int = 0
    overflowed: int = 0
    flushed: int = 0
    nonfinite: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))

    @property
    def gain(self) -> float | None:
        """⟨U, Δ⟩/‖Δ‖²: 1 keeps the update, 0 erases it. None where there is no update."""
        return self.along / self.update if self.update > 0 else None

    @property
    def gain_error(self) -> float | None:
        """Standard error of the gain, if the rounding errors of entries are independent of each other and of Δ."""
        return math.sqrt(self.residual / self.entries / self.update) if self.update > 0 else None

    @property
    def cosine(self) -> float | None:
        """⟨U, Δ⟩/(‖U‖‖Δ‖). None where there is no update; 0 where nothing is stored of it."""
        if self.update <= 0:
            return None
        return min(self.along / math.sqrt(self.survived * self.update), 1.0) if self.survived > 0 else 0.0

    @property
    def error(self) -> float | None:
        """‖U − Δ‖_F/‖Δ‖_F. Large for 4 bits, where most of it is the quantizer's own and does no harm to Δ."""
        return math.sqrt(self.residual / self.update) if self.update > 0 else None

    @property
    def relative(self) -> float | None:
        """‖Δ‖_F/‖W‖_F."""
        return math.sqrt(self.update / self.weight) if self.weight > 0 else None

    @property
    def swallowed_share(self) -> float | None:
        """Share of the changed entries that are stored as if there were no adapter."""
        return self.swallowed / self.changed if self.changed else None


class Change:
    """W and Δ of some rows, and what all routes that start from the same W share.

    Args:
        weight: W, the weight that routes start from: a torch tensor [rows, cols].
        change: The exact Δ, of the same shape, on the same device.
    """

    def __init__(self, weight: Any, change: Any) -> None:
        self._weight, self._change = weight.reshape(-1), change.reshape(-1)
        self._step = max(self._weight.numel(), 1) if weight.is_cuda else _STRIP
        self._shared = [self._alone(part) for part in self._parts()]

    def stored_as(self, stored: Any, codes: Any, plain_codes: Any, *, floating: bool) -> Sums:
        """Compare what is stored with what should be.

        Args:
            stored: The merged weight as a model that loads it has it: [rows, cols].
            codes: Its codes (see :class:`loradiag.linalg.formats.Stored`).
            plain_codes: Codes that the route gives without an adapter.
            floating: Whether codes can be flushed to zero.
        """
        after, ours, plain = (tensor.reshape(-1) for tensor in (stored, codes, plain_codes))
        found = Sums()
        for part, shared in zip(self._parts(), self._shared, strict=True):
            found += self._beside(part, shared, after[part], ours[part] == plain[part], floating=floating)
        return found

    def _parts(self) -> Iterator[slice]:
        for start in range(0, self._weight.numel(), self._step):
            yield slice(start, start + self._step)

    def _alone(self, part: slice) -> Sums:
        """What is known before anything is stored."""
        w, delta = self._weight[part].float(), self._change[part].float()
        weight, update, changed = _floats(_dot(w, w), _dot(delta, delta), (delta != 0).sum())
        return Sums(entries=w.numel(), weight=weight, update=update, changed=int(changed))

    def _beside(self, part: slice, shared: Sums, after: Any, same: Any, *, floating: bool) -> Sums:
        """One part: in float32, exact enough for differences of stored numbers; in float64 where that over- or underflows."""
        delta = self._change[part].float()
        u = after.float() - self._weight[part].float()
        residual = u - delta
        if shared.changed < shared.entries:
            same = same & (delta != 0)
        zeros = (after == 0).sum() if floating else 0 * u[0]
        sums = (_dot(u, u), _dot(residual, residual), _dot(u, delta), same.sum(), zeros)
        survived, error, along, swallowed, flushed = _floats(*sums)
        small = shared.changed and shared.update < _UNDERFLOW * shared.entries
        if small or not math.isfinite(survived + error + shared.weight + shared.update):
            return _carefully(self._weight[part], self._change[part], after, same, floating=floating)
        if flushed:  # a sum that was zero is none
            flushed = int(((after == 0) & (self._weight[part].double() + self._change[part].double() != 0)).sum())
        return msgspec.structs.replace(
            shared, survived=survived, residual=error, along=along, swallowed=int(swallowed), flushed=int(flushed)
        )


def _dot(one: Any, other: Any) -> Any:
    """Σ a·b: in blocks on a CPU, where parts are short; summed in float64 on a GPU."""
    return (one * other).sum(dtype=_float64()) if one.is_cuda else one.dot(other)


def _float64() -> Any:
    return require("torch", "merge").float64


def _floats(*scalars: Any) -> list[float]:
    """Scalars on a device, fetched together."""
    found: list[float] = require("torch", "merge").stack([scalar.double() for scalar in scalars]).tolist()
    return found


def _carefully(weight: Any, change: Any, stored: Any, same: Any, *, floating: bool) -> Sums:
    """A part in float64. What is stored as NaN or infinite is counted, and left out of the sums."""
    torch = require("torch", "merge")
    w, delta, after = weight.double(), change.double(), stored.double()
    nothing, bad = torch.zeros_like(w), ~torch.isfinite(after)
    good = ~bad & torch.isfinite(w + delta)
    u, d = torch.where(good, after - w, nothing), torch.where(good, delta, nothing)
    held = torch.where(torch.isfinite(w), w, nothing)
    return Sums(
        entries=w.numel(),
        weight=float(held.dot(held)),
        update=float(d.dot(d)),
        survived=float(u.dot(u)),
        residual=float((u - d).dot(u - d)),
        along=float(u.dot(d)),
        changed=int((delta != 0).sum()),
        swallowed=int(same.sum()),
        overflowed=int((bad & torch.isfinite(w + delta)).sum()),
        flushed=int(((after == 0) & (w + delta != 0)).sum()) if floating else 0,
        nonfinite=int(bad.sum()),
    )

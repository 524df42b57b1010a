"""The one pass over the base: every weight that the adapter changes is read once, and everything that needs it computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from loradiag.adapters.model import Method
from loradiag.analyzers.merging import LowRank, Merge, NotMergedError, merge_of
from loradiag.analyzers.pairing import Pair
from loradiag.analyzers.updates import Values
from loradiag.bases.model import Weight
from loradiag.linalg.intruders import EPSILON, SPARE, Intruders, K, intruders
from loradiag.linalg.leading import Leading, NotConvergedError, leading
from loradiag.linalg.products import InBlocks, Plus, Products, Single, Strip, Transposed, products
from loradiag.linalg.rounding import swallowed
from loradiag.linalg.threads import all_threads, parallel
from loradiag.linalg.widen import Array, single, widen

HELD = 1 << 26
"""Entries. A larger weight is never held: its products read it from the file strip by strip."""

_STRIP = 1 << 19
_SMALL = 1 << 21
"""Weights up to this size are measured several at a time, each by one thread; larger ones one by one, by all threads."""


class WeightFacts(msgspec.Struct, frozen=True):
    """What one weight and its update come to.

    Attributes:
        norm: ‖W‖_F.
        change: ‖W′ − W‖_F.
        changed: Entries that differ between W and W′ before rounding.
        swallowed: Of those, the ones that rounding to the base's format takes back; None where that is no plain format.
        spectral: ‖W‖₂; None if it was not asked for.
        change_spectral: ‖W′ − W‖₂ where the update has no thin factors to know it from.
        intruders: See :mod:`loradiag.linalg.intruders`.
        left, right: Leading singular vectors of W on the side of its outputs and of its inputs; None unless asked for.
        reason: Why nothing, or not all, is known.
    """

    norm: float | None = None
    change: float | None = None
    changed: int = 0
    swallowed: int | None = None
    spectral: float | None = None
    change_spectral: float | None = None
    intruders: Intruders | None = None
    left: Array | None = None
    right: Array | None = None
    reason: str | None = None


class Wanted(msgspec.Struct, frozen=True):
    """What to compute beyond norms and swallowed entries.

    Attributes:
        spectral: Top singular values and intruders.
        directions: Modules whose leading singular vectors are kept.
        few: Measure so many modules only, those that tell whether the adapter fits the base; None measures all.
        device: Where large products are computed.
        epsilon, k: See :mod:`loradiag.linalg.intruders`.
    """

    spectral: bool = True
    directions: frozenset[str] = frozenset()
    few: int | None = None
    device: str = "cpu"
    epsilon: float = EPSILON
    k: int = K


def measure_weights(
    pairs: Sequence[Pair], wanted: Wanted, progress: Callable[[int, int], None]
) -> Mapping[str, WeightFacts]:
    """Read every paired weight once and measure it.

    Args:
        pairs: Modules with their weights; those without are skipped.
        wanted: What to compute.
        progress: Told after each module.

    Raises:
        InputError: A file ends before its header says.
    """
    paired = [pair for pair in pairs if pair.weight is not None]
    small = [pair for pair in paired if pair.weight is not None and pair.weight.size <= _SMALL]
    large = [pair for pair in paired if pair.weight is not None and pair.weight.size > _SMALL]
    values = Values()
    results: dict[str, WeightFacts] = {}

    def one(pair: Pair) -> tuple[str, WeightFacts]:
        return pair.module.name, _measured(pair, values, wanted)

    for name, facts in _in_turn(one, small, large):
        results[name] = facts
        progress(len(results), len(paired))
    return results


def _in_turn(
    one: Callable[[Pair], tuple[str, WeightFacts]], small: Sequence[Pair], large: Sequence[Pair]
) -> Iterator[tuple[str, WeightFacts]]:
    yield from parallel(one, small)
    if large:
        with all_threads():
            yield from map(one, large)


def _measured(pair: Pair, values: Values, wanted: Wanted) -> WeightFacts:
    assert pair.weight is not None
    try:
        merge = merge_of(pair, values)
        reading = _Reading(pair.weight, merge)
        with np.errstate(over="ignore", invalid="ignore"):
            return reading.facts(pair, wanted)
    except NotMergedError as error:
        return WeightFacts(reason=str(error))


class _Reading:
    """One weight, read strip by strip."""

    def __init__(self, weight: Weight, merge: Merge) -> None:
        self._weight, self._merge = weight, merge
        self._held = weight.size <= HELD
        shape = weight.shape if self._held else (0, 0)
        self._old, self._new = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)

    def facts(self, pair: Pair, wanted: Wanted) -> WeightFacts:
        """Everything that is wanted of it."""
        sums = self._sums(wanted.spectral)
        norm, change, changed, lost = sums.norm**0.5, sums.change**0.5, sums.changed, sums.lost
        if not np.isfinite(norm + change):
            raise NotMergedError("the base's weight, or the merged one, is not finite")
        plain = self._weight.quantization is None
        facts = WeightFacts(norm=norm, change=change, changed=changed, swallowed=lost if plain else None)
        # A saved embedding has the size of hundreds of updates, and its directions are those of the base nearly always.
        spectral = wanted.spectral and norm > 0 and pair.module.method is not Method.SAVED
        if not spectral:
            return facts
        try:
            return self._with_spectra(facts, pair, wanted)
        except NotConvergedError as error:
            return msgspec.structs.replace(facts, reason=str(error))

    def _with_spectra(self, facts: WeightFacts, pair: Pair, wanted: Wanted) -> WeightFacts:
        old, new = self._products(wanted.device, changed=False), self._products(wanted.device, changed=True)
        if pair.transposed:
            old, new = Transposed(old), Transposed(new)
        base = leading(old, min(wanted.k + SPARE, *old.shape))
        kept = pair.module.name in wanted.directions
        return msgspec.structs.replace(
            facts,
            spectral=float(base.values[0]),
            change_spectral=self._change_spectral(pair, wanted),
            intruders=self._intruders(facts, old, new, base, wanted),
            left=base.vectors[:, : wanted.k] if kept else None,
            right=_right(old, base, wanted.k) if kept else None,
        )

    def _intruders(self, facts: WeightFacts, old: Products, new: Products, base: Leading, wanted: Wanted) -> Intruders:
        if facts.change == 0:
            k = min(wanted.k, *old.shape)
            return Intruders(count=0, certified=True, matches=np.ones(k), leading=0)
        return intruders(old, new, base, wanted.k, wanted.epsilon)

    def _change_spectral(self, pair: Pair, wanted: Wanted) -> float | None:
        if pair.module.method not in (Method.DORA, Method.IA3) or not self._held:
            return None
        difference = products(self._new - self._old, wanted.device)
        return float(leading(difference, 1).values[0])

    def _products(self, device: str, *, changed: bool) -> Products:
        if self._held:
            return products(self._new if changed else self._old, device)
        if not changed:
            return InBlocks(self._weight.shape, list(self._bounds()), self._rows)
        if isinstance(self._merge, LowRank):
            thin = self._merge.left.astype(np.float32), self._merge.right.astype(np.float32)
            return Plus(self._products(device, changed=False), *thin)
        return InBlocks(self._weight.shape, list(self._bounds()), self._merged)

    def _rows(self, strip: Strip) -> Single:
        return single(self._weight.read(*strip), self._weight.dtype)

    def _merged(self, strip: Strip) -> Single:
        rows = widen(self._weight.read(*strip), self._weight.dtype)
        return (rows + self._merge.change(rows, strip[0])).astype(np.float32)

    def _bounds(self) -> Iterator[tuple[int, int]]:
        rows, cols = self._weight.shape
        step = max(_STRIP // max(cols, 1), 1)
        yield from ((start, min(start + step, rows)) for start in range(0, rows, step))

    def _sums(self, spectral: bool) -> _Sums:
        keep = self._held and spectral
        strips = [(*bounds, keep) for bounds in self._bounds()]
        run = map if self._weight.size <= _SMALL else parallel
        return sum(run(self._strip, strips), _Sums())

    def _strip(self, strip: tuple[int, int, bool]) -> _Sums:
        start, stop, keep = strip
        raw = self._weight.read(start, stop)
        rows = widen(raw, self._weight.dtype)
        delta = self._merge.change(rows, start)
        lost = swallowed(raw, self._weight.dtype, delta)
        if keep:
            self._old[start:stop] = rows
            np.add(rows, delta, out=self._new[start:stop], casting="unsafe")
        return _Sums(float(np.vdot(rows, rows)), float(np.vdot(delta, delta)), int(np.count_nonzero(delta)), lost)


class _Sums(msgspec.Struct):
    norm: float = 0.0
    change: float = 0.0
    changed: int = 0
    lost: int = 0

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.norm + other.norm, self.change + other.change, self.changed + other.changed, self.lost + other.lost
        )


def _right(matrix: Products, base: Leading, count: int) -> Array:
    """Right singular vectors from the left ones: vᵢ = Wᵀuᵢ/σᵢ."""
    images = matrix.adjoint(base.vectors[:, :count].astype(np.float32)).astype(np.float64)
    lengths = np.linalg.norm(images, axis=0)
    right: Array = images / np.where(lengths > 0, lengths, 1.0)
    return right

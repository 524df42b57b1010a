"""Which weights of its base an adapter reaches. Part of the wire format, as :mod:`loradiag.core.measurements`."""

from __future__ import annotations

from loradiag.core.measure import Measure


class ReachTarget(Measure, kw_only=True, frozen=True):
    """One entry of the configuration's targets: the modules of the base that PEFT resolves it to, and those adapted.

    ``kind`` is ``name``, ``regex``, ``all-linear`` or ``parameter``.
    """

    target: str
    kind: str
    resolved: int
    adapted: int


class Unreached(Measure, kw_only=True, frozen=True):
    """Linear weights of the base that no update reaches, alike but for the numbers in their names.

    ``pattern`` has ``*`` in the place of each number; ``names`` are the full names.
    """

    pattern: str
    role: str
    names: list[str]


class ShapeMismatch(Measure, kw_only=True, frozen=True):
    """A module whose update has another shape than the weight of that name: both as [out, in]."""

    name: str
    adapter: list[int]
    base: list[int]


class VocabularyPart(Measure, kw_only=True, frozen=True):
    """An embedding or a head that the adapter holds or adapts: its rows, and those of the base's."""

    name: str
    rows: int
    base_rows: int | None


class Reach(Measure, kw_only=True, frozen=True):
    """Which weights of the base the adapter reaches, by full names.

    ``linears`` counts the base's linear weights (a stack of experts counts each), ``reached`` those that the adapter
    updates. ``absent`` are adapter modules without a weight of that name in the base; ``skipped`` modules of the base that
    the targets mean and the adapter has no factors for. ``renamed`` says which beginning of the adapter's names was taken
    for which of the base's. ``tied`` names embedding and head modules in play on a base that ties the two.
    """

    targets: list[ReachTarget]
    linears: int
    reached: int
    unreached: list[Unreached]
    absent: list[str]
    mismatched: list[ShapeMismatch]
    skipped: list[str]
    experts: int
    experts_reached: int
    vocabulary: list[VocabularyPart]
    tied: list[str]
    renamed: list[str]

"""Adapters beside each other. Part of the wire format, as :mod:`loradiag.core.measurements`."""

from __future__ import annotations

from typing import Literal

from loradiag.core.measure import Measure

Relation = Literal["same", "near-duplicate", "one-start", "alike", "unrelated", "not-compared", "unjudged"]
"""``same``: the same update but for rounding; ``near-duplicate``: almost. ``one-start``: they began from the same random start,
as checkpoints of one run do, and runs of one seed. ``alike``: they learned alike from different starts, as two seeds of one
recipe do. ``unrelated``: no more in common than adapters of one base have. ``unjudged``: the policy leaves the rules out."""


class Uncompared(Measure, kw_only=True, frozen=True):
    """A module that could not be compared, and why."""

    name: str
    reason: str


class ComparedAdapter(Measure, kw_only=True, frozen=True):
    """One of the adapters.

    ``label``: its short name in this report. ``modules``: with an update that has directions; ``uncompared``: the others.
    ``stored_whole``: layers that it holds in full, which no sum of updates can hold twice. ``holds_part_of_base``: B·A as
    stored is not what training changed (PiSSA and its kin, stored unconverted). ``frobenius_norm``: of all its updates
    together.
    """

    label: str
    path: str
    sha256: str
    layout: str
    method: str | None
    base: str | None
    ranks: dict[str, int]
    modules: int
    frobenius_norm: float
    step: int | None
    stored_whole: list[str]
    uncompared: list[Uncompared]
    holds_part_of_base: bool


class ComparedModule(Measure, kw_only=True, frozen=True):
    """One module of two adapters ``a`` and ``b``.

    ``rank_a``, ``rank_b``: numerical ranks of the updates. ``left``, ``right``: overlap of what they write and of what they
    read, ‖UₐᵀU_b‖_F²/min(rₐ, r_b) and the same of V (arXiv 2106.09685, §7.2); ``left_expected``, ``right_expected``: of
    random subspaces, max(rₐ, r_b)/d. ``cosine``: tr(ΔₐᵀΔ_b)/(‖Δₐ‖‖Δ_b‖). ``distance``: ‖Δₐ − Δ_b‖_F/max(‖Δₐ‖_F, ‖Δ_b‖_F).
    ``interference``: √((‖UₐᵀΔ_bVₐ‖² + ‖U_bᵀΔₐV_b‖²)/(‖Δₐ‖² + ‖Δ_b‖²)), from 0 to 1 (after the singular task interference of
    arXiv 2412.00081). ``sign_conflict``: among sampled entries that are in the largest fifth of both, the share of opposite
    signs (TIES, arXiv 2306.01708); None where they are too few.
    """

    name: str
    role: str
    stack: str
    layer: int | None
    rank_a: int
    rank_b: int
    left: float
    right: float
    left_expected: float
    right_expected: float
    cosine: float
    distance: float
    interference: float
    sign_conflict: float | None
    norm_a: float
    norm_b: float


class ComparedPair(Measure, kw_only=True, frozen=True):
    """Two of the adapters, by their places in ``Comparison.adapters``.

    ``compared``: modules in common whose updates have directions and one shape. ``left``, ``right`` and what is expected of
    random ones: medians over these; ``left_excess``, ``right_excess``: medians of (overlap − expected)/(1 − expected), 0 by
    chance and 1 of one in the other. ``cosine``, ``distance``, ``interference`` and ``sign_conflict``: of all of them
    together, as of one long update. ``misshapen``: of one name and different shapes. ``uncompared``: modules of both that
    could not be compared, as where values are not finite. ``only_a``, ``only_b``: how many modules the other lacks.
    ``stored_by_both``: layers that both hold in full. ``stored_distance``: the largest ‖Sₐ − S_b‖_F/max(‖Sₐ‖_F, ‖S_b‖_F) over
    these and over biases that both store, 1 where they cannot be compared; None where there are none, where the updates are
    farther apart than the larger is large (``distance`` above 1), where the files are the same, and before schema 1.8.
    ``stored_alone``: how many layers and biases only one of them stores. ``same_file``: whether their weight files are the
    same to the byte.
    ``modules``: empty where the report leaves them out for their number.
    """

    a: int
    b: int
    compared: int
    only_a: int
    only_b: int
    misshapen: list[str]
    uncompared: int = 0
    left: float | None
    right: float | None
    left_expected: float | None
    right_expected: float | None
    left_excess: float | None
    right_excess: float | None
    cosine: float | None
    distance: float | None
    interference: float | None
    sign_conflict: float | None
    stored_by_both: list[str]
    stored_distance: float | None = None
    stored_alone: int = 0
    same_file: bool
    relation: Relation = "unjudged"
    modules: list[ComparedModule] = []


class Comparison(Measure, kw_only=True, frozen=True):
    """Adapters beside each other, every pair once.

    ``modules_left_out``: pairs whose modules are not in the report, for their number. ``sampled``: entries of each update that
    signs were compared on, at most.
    """

    adapters: list[ComparedAdapter]
    pairs: list[ComparedPair]
    modules_left_out: int
    sampled: int

    def __post_init__(self) -> None:
        """Raise ValueError where a pair is of adapters that are not there: rules and outputs look them up."""
        if any(not 0 <= place < len(self.adapters) for pair in self.pairs for place in (pair.a, pair.b)):
            raise ValueError("a pair is of adapters that are not there")

"""Many adapters, a row each. Part of the wire format, as :mod:`loradiag.core.measurements`."""

from __future__ import annotations

from loradiag.core.comparing import Relation
from loradiag.core.measure import Measure

SPECTRAL = ("spectral_norm", "frobenius_norm", "energy_concentration", "entropy_share", "kurtosis")
"""Measures of an adapter that are held against the fleet's own bands (after arXiv 2602.15195)."""


class FleetAdapter(Measure, kw_only=True, frozen=True):
    """One adapter of the fleet.

    ``sha256``: of the weights. ``base_fingerprint``: as its stamp has it. ``modified``: when its weights were last changed,
    in UTC. ``verdict``: of the adapter alone, ``unreadable`` where there is none, with its numbers of findings and their
    ``codes``. ``owner``, ``data_sha256`` and ``evaluations``: what the stamp says. ``spectral_norm``: the largest σ₁ of its
    modules; ``frobenius_norm``: of all its updates together; ``energy_concentration``: the median over modules of σ₁²/Σσ²;
    ``entropy_share``: of entropy rank over rank; ``kurtosis``: of sampled entries of its updates, each module scaled to
    variance 1 (3 for normal ones). ``group``: whom it is held against. ``outlying``: robust z-scores of those of these
    measures that lie outside the fleet's bands. ``problem``: why it could not be read. ``remembered``: whether it is as it
    was, and was not read again.
    """

    path: str
    sha256: str | None = None
    layout: str | None = None
    method: str | None = None
    base: str | None = None
    revision: str | None = None
    base_fingerprint: str | None = None
    rank: int | None = None
    scale: float | None = None
    modules: int = 0
    parameters: int = 0
    bytes: int = 0
    dtype: str | None = None
    step: int | None = None
    modified: str | None = None
    verdict: str = "unreadable"
    errors: int = 0
    warnings: int = 0
    codes: list[str] = []
    stamped: bool = False
    owner: str | None = None
    data_sha256: str | None = None
    evaluations: int = 0
    spectral_norm: float | None = None
    frobenius_norm: float | None = None
    energy_concentration: float | None = None
    entropy_share: float | None = None
    stable_rank: float | None = None
    kurtosis: float | None = None
    group: str = ""
    outlying: dict[str, float] = {}
    problem: str | None = None
    remembered: bool = False


class FleetBase(Measure, kw_only=True, frozen=True):
    """Adapters that name one base, and the fingerprints that their stamps give it, with how many do."""

    base: str | None
    adapters: int
    fingerprints: dict[str, int]


class FleetBand(Measure, kw_only=True, frozen=True):
    """Where a measure lies in a group of adapters of one base, method and rank: quartiles, and what counts as outside."""

    group: str
    measure: str
    adapters: int
    low: float
    median: float
    high: float


class FleetPair(Measure, kw_only=True, frozen=True):
    """Two adapters, by their places, that are more to each other than strangers."""

    a: int
    b: int
    relation: Relation
    cosine: float | None
    distance: float | None


class FleetOverlap(Measure, kw_only=True, frozen=True):
    """Overlap of all with all on one class of modules: ``adapters`` by place, and for each the most overlapping other.

    ``mean_left``, ``mean_right``: over all pairs; ``expected``: of random subspaces. ``file``: where the whole matrix was
    written.
    """

    module: str
    adapters: list[int]
    nearest: list[int]
    nearest_left: list[float]
    mean_left: float
    mean_right: float
    expected_left: float
    expected_right: float
    file: str | None


class Fleet(Measure, kw_only=True, frozen=True):
    """The fleet. ``read``: adapters that were read this time; the others were remembered. ``incomplete``: it was interrupted.

    ``pairs``: those that were found to be related, among ``compared`` that a sketch of the updates proposed.
    """

    adapters: list[FleetAdapter]
    bases: list[FleetBase]
    bands: list[FleetBand]
    pairs: list[FleetPair]
    compared: int
    overlaps: list[FleetOverlap]
    read: int
    incomplete: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError where places are of adapters that are not there: rules and outputs look them up."""
        places = [place for pair in self.pairs for place in (pair.a, pair.b)]
        places += [place for row in self.overlaps for place in (*row.adapters, *row.nearest)]
        if any(not 0 <= place < len(self.adapters) for place in places):
            raise ValueError("a pair is of adapters that are not there")

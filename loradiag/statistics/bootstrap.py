"""What resampling a corpus says about the difference between two models."""

from __future__ import annotations

from math import isfinite

import msgspec

from loradiag.statistics.clusters import Clusters

Ends = tuple[float, float]


class Bootstrap(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of two models on the same corpus. Fields are as in :class:`~loradiag.statistics.paired.Paired`.

    ``base``, ``adapter`` and ``difference`` are None where they are not finite. ``certain`` is False, and there is no
    interval, where there are too few clusters to resample, where a resample has no finite value, where the difference is
    the same in all of them and not 0, and where too many are blind to it to bound it. ``identical``: no document differs,
    as far as the function could see.
    """

    n: int
    clusters: int
    base: float | None
    adapter: float | None
    difference: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    level: float
    certain: bool
    identical: bool
    resamples: int


def result(
    groups: Clusters,
    point: tuple[float, float],
    error: float | None,
    ends: Ends | None,
    *,
    level: float,
    identical: bool,
    resamples: int,
) -> Bootstrap:
    """Put a comparison together; what is not finite becomes None."""
    base, adapter = (_finite(value) for value in point)
    return Bootstrap(
        n=groups.codes.size,
        clusters=groups.count,
        base=base,
        adapter=adapter,
        difference=None if base is None or adapter is None else adapter - base,
        standard_error=_finite(error),
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
        level=level,
        certain=ends is not None,
        identical=identical,
        resamples=resamples,
    )


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and isfinite(value) else None

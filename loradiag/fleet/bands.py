"""The fleet's own bands: where each measure lies among adapters of one base, method and rank, and who lies outside."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np

from loradiag.core.fleet import SPECTRAL, FleetAdapter, FleetBand

LEAST = 12
"""Adapters that a band needs: the spread of fewer says little."""

FAR = 6.0
"""Robust standard deviations from the median that count as outside. Of 1,000 normal values none is expected beyond 4.5; healthy
fleets have heavier tails than that."""

_LOGARITHMIC = ("spectral_norm", "frobenius_norm", "kurtosis")
_LEAST_SPREAD = 0.02
"""Spread below which values count as equal, in the unit of the measure or in logarithms: copies of one recipe differ by
less."""

_LARGEST = 709.0
"""The logarithm of a number that a float still holds: a band of norms that have nothing in common may reach beyond."""


def banded(adapters: Sequence[FleetAdapter]) -> tuple[list[FleetAdapter], list[FleetBand]]:
    """Return adapters with the measures in which they lie outside their group's bands, and the bands.

    A band reaches ``FAR`` robust standard deviations (1.4826 times the median distance from the median) to either side; of
    norms and kurtosis in logarithms.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(adapters):
        if row.problem is None and row.modules:
            groups[group_of(row)].append(place)
    bands: list[FleetBand] = []
    outlying: dict[int, dict[str, float]] = defaultdict(dict)
    for group, places in sorted(groups.items()):
        for measure in SPECTRAL:
            known = [place for place in places if _positive(getattr(adapters[place], measure))]
            if len(known) < LEAST:
                continue
            band, scores = _band(group, measure, [getattr(adapters[place], measure) for place in known])
            bands.append(band)
            for place, score in zip(known, scores, strict=True):
                if abs(score) > FAR:
                    outlying[place][measure] = score
    told = [
        msgspec.structs.replace(row, group=group_of(row), outlying=outlying.get(place, {}))
        for place, row in enumerate(adapters)
    ]
    return told, bands


def group_of(row: FleetAdapter) -> str:
    """Name the adapters that one can be held against: of its base, method and rank."""
    base = (row.base or "no base").rstrip("/").rpartition("/")[2]
    return f"{base}, {row.method or 'unknown'}, r={row.rank}"


def _positive(value: float | None) -> bool:
    return value is not None and 0 < value < math.inf


def _band(group: str, measure: str, values: Sequence[float]) -> tuple[FleetBand, list[float]]:
    log = measure in _LOGARITHMIC
    numbers = np.log(values) if log else np.asarray(values, dtype=np.float64)
    middle = float(np.median(numbers))
    spread = max(1.4826 * float(np.median(np.abs(numbers - middle))), _LEAST_SPREAD)
    ends = (middle - FAR * spread, middle, middle + FAR * spread)
    low, median, high = (math.exp(min(value, _LARGEST)) if log else value for value in ends)
    band = FleetBand(group=group, measure=measure, adapters=len(values), low=max(low, 0.0), median=median, high=high)
    return band, [float(score) for score in (numbers - middle) / spread]

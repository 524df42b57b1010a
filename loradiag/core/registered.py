"""What the registry knows of an adapter, for rules. Part of the wire format, as :mod:`loradiag.core.measurements`."""

from __future__ import annotations

from typing import Literal

from loradiag.core.measure import Measure

Stage = Literal["staging", "canary", "live", "retired"]


class Registered(Measure, kw_only=True, frozen=True):
    """An adapter in the registry.

    ``registry`` is where it is kept, without credentials. ``stage`` is None where nobody said one. ``owner`` and
    ``data_sha256`` are what people said, or the stamp. ``evaluations`` counts results; ``evaluated`` is when the newest was
    made, and ``evaluated_days`` how many days before the registry was asked; the same of inspections. ``inspection`` is the
    verdict of the newest inspection, ``inspection_decided`` the codes that decided it.
    """

    registry: str
    stage: Stage | None
    owner: str | None
    data_sha256: str | None
    tags: list[str]
    paths: int
    first_seen: str
    last_seen: str
    reports: int
    evaluations: int
    evaluated: str | None
    evaluated_days: float | None
    inspected: str | None
    inspected_days: float | None
    inspection: Literal["pass", "fail", "inconclusive"] | None
    inspection_decided: list[str]

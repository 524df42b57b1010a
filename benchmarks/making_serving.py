"""What a large team knows of how its adapters are served: checks of an endpoint, canaries, and a registry of all reports.

Checks are real ones of a server of three adapters, told of as many as the team has; canaries are of a small lake of their own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import msgspec

import loradiag
from benchmarks.making_team import document
from benchmarks.teams import Team
from loradiag.core.report import Report, decode
from loradiag.storage.writing import write_whole
from tests.dashboards.serving import canaries, checks

ALONE = ("inspect", "merge-drift", "forgetting")
"""Kinds of reports that are about one adapter: what a registry takes."""


def make_serving(team: Team) -> None:
    """Add reports of an endpoint and of canaries to those of a team, where it has none."""
    if any(team.reports.glob("served-*.json")):
        return
    with tempfile.TemporaryDirectory(prefix="loradiag-bench-") as name:
        work = Path(name)
        for number, report in enumerate(canaries(work / "canaries", work / "lake")):
            write_whole(team.reports / f"canary-{number}.json", document([report]))
        for number, report in enumerate(checks(work / "served")):
            write_whole(team.reports / f"served-{number}.json", document([_of_all(report, team.names)]))


def _of_all(report: Report, names: Sequence[str]) -> Report:
    served = report.measurements.served
    if served is None:
        raise ValueError(f"{report.subject.path} is no report of an endpoint")
    rows = [msgspec.structs.replace(row, name=name) for name, row in zip(names, cycle(served.adapters), strict=False)]
    measured = msgspec.structs.replace(
        report.measurements, served=msgspec.structs.replace(served, adapters=rows, pairs=[])
    )
    return loradiag.judge(msgspec.structs.replace(report, measurements=measured))


def make_registry(team: Team) -> None:
    """Record the reports of a team that are about one adapter in a registry, where it has none."""
    if team.registry.is_file():
        return
    files = sorted(path for kind in ALONE for path in team.reports.glob(f"*-{kind}-*.json"))
    part = team.registry.with_suffix(".part")
    part.unlink(missing_ok=True)
    with loradiag.open_registry(str(part)) as registry:
        registry.record((report, None, None) for file in files for report in decode(file.read_bytes(), str(file)))
    part.rename(team.registry)

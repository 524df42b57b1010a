"""What a platform team's folder holds: reports of hundreds of adapters, named as in a lake of ``making_lake.py``.

Every report is a real one of something else, with another subject, another time and other weights: 8B-shaped adapters of 224
modules that were inspected here, and the toys of ``loradiag demo``, whose merges are stretched to as many modules.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.generate import CONFIG, WEIGHTS, write
from benchmarks.making_lake import START
from benchmarks.shapes import SHAPES, factors, header
from loradiag.api import inspect, judge
from loradiag.core.fleet import FleetAdapter
from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report, Reports, Subject, decode, encode
from loradiag.core.verdict import Status
from loradiag.demo.building import make_demo
from loradiag.fleet.bands import banded
from loradiag.fleet.gathering import bases_of
from loradiag.storage.writing import write_whole

BASES = ("meta-llama/Meta-Llama-3-8B", "meta-llama/Llama-3.1-8B-Instruct", "mistralai/Mistral-7B-v0.3")
LAYERS = 32

MERGED, ASKED, AGAIN = 3, 5, 4
"""Of so many adapters one has a merge report, a forgetting report, and inspections of earlier weights as well."""

WEEKS = 4

Kinds = Mapping[str, Sequence[Report]]


def make_reports(folder: Path, fixtures: Path, names: Sequence[str]) -> None:
    """Write the reports of a fleet: about a file an adapter and kind, and one a week about the traffic of all.

    Args:
        folder: It must not be there.
        fixtures: Of loradiag's tests.
        names: Of adapters.
    """
    work = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    kinds = templates(work / "templates", fixtures)
    shutil.rmtree(work / "templates")
    for name, reports in documents(names, kinds):
        write_whole(work / f"{reports[0].created[:10]}-{name}.json", document(reports))
    work.rename(folder)


def document(reports: Sequence[Report]) -> bytes:
    """One report as commands write it, or several."""
    return encode(reports[0] if len(reports) == 1 else Reports(reports=list(reports)))


def documents(names: Sequence[str], kinds: Kinds) -> Iterator[tuple[str, list[Report]]]:
    """Yield the files of a team, by what they are called beside their days."""
    inspected = {}
    for number, name in enumerate(names):
        plain = name.replace("/", "-")
        several = 3 if number % AGAIN == 0 else 1
        for back in range(several - 1, -1, -1):
            report = told(_of(kinds, "inspect", number), name, number, days=26 - 8 * back + number % 3, weights=back)
            yield f"inspect-{plain}", [report]
        inspected[name] = report
        for kind, every in (("merge-drift", MERGED), ("forgetting", ASKED)):
            if number % every == 0:
                yield f"{kind}-{plain}", [told(_of(kinds, kind, number // every), name, number, days=22 + number % 7)]
    for week in range(WEEKS):
        days = 7 * (week + 1)
        yield (
            "drift-week",
            [
                told(_of(kinds, "drift", (number if number % 9 else 1) + week), name, number, days=days)
                for number, name in enumerate(names)
            ],
        )
    yield "fleet", [_fleet([*inspected.values()], kinds["fleet"][0])]


def _of(kinds: Kinds, kind: str, number: int) -> Report:
    """Most are the first of a kind, which passes; every ninth is another."""
    rows = kinds[kind]
    return rows[0] if number % 9 else rows[number // 9 % len(rows)]


def told(report: Report, name: str, number: int, *, days: int, weights: int = 0) -> Report:
    """A report as if about another adapter.

    Args:
        report: Of any.
        name: Of that adapter.
        number: Its place in the fleet.
        days: Since the beginning of the lake, when it was made.
        weights: Which of its weights it is about, 0 the present ones.
    """
    sha256 = hashlib.sha256(f"{name} {weights}".encode()).hexdigest()
    moment = datetime.fromtimestamp(START / 1e6, UTC) + timedelta(days=days, minutes=number)
    base = BASES[number % len(BASES)]
    subject = msgspec.structs.replace(report.subject, path=name, sha256=sha256, base=base)
    report = msgspec.structs.replace(report, subject=subject, created=f"{moment:%Y-%m-%dT%H:%M:%SZ}")
    drift = report.measurements.drift
    if drift is None:
        return report
    drift = msgspec.structs.replace(
        drift,
        baseline=msgspec.structs.replace(drift.baseline, adapter=name, adapter_sha256=sha256),
        windows=[msgspec.structs.replace(window, adapter=name) for window in drift.windows],
    )
    return msgspec.structs.replace(report, measurements=msgspec.structs.replace(report.measurements, drift=drift))


def templates(work: Path, fixtures: Path) -> Kinds:
    """Real reports by kind, those that pass first."""
    make_demo(work / "demo", lambda *_: None)
    made = [
        report
        for path in sorted((work / "demo" / "reports").glob("*.json"))
        for report in decode(path.read_bytes(), str(path))
    ]
    return {
        "inspect": _calm_first([*_inspected(work)]),
        "merge-drift": _calm_first([_stretched(report) for report in _ready(fixtures, "merge")]),
        "forgetting": _calm_first(_ready(fixtures, "forgetting")),
        "drift": _calm_first([report for report in made if report.measurements.drift is not None]),
        "fleet": [report for report in made if report.measurements.fleet is not None],
    }


def _calm_first(reports: Sequence[Report]) -> list[Report]:
    return sorted(reports, key=lambda report: report.verdict.status is not Status.PASS)


def _ready(fixtures: Path, kind: str) -> list[Report]:
    file = fixtures / "reports" / f"{kind}.json.gz"
    return [judge(report) for report in decode(gzip.decompress(file.read_bytes()), str(file))]


def _inspected(work: Path) -> Iterator[Report]:
    """An 8B-shaped adapter of random numbers, one of which a few modules were never trained, and one with a NaN."""
    shape = SHAPES["8b"]
    sound = work / "sound"
    sound.mkdir(parents=True)
    write(shape, sound)
    yield inspect(sound)
    for name, modules, pattern in (("dead", 7, b"\0\0"), ("broken", 1, b"\xc0\x7f")):
        other = work / name
        other.mkdir()
        shutil.copy(sound / CONFIG, other)
        shutil.copy(sound / WEIGHTS, other)
        with (other / WEIGHTS).open("r+b") as file:
            start = len(header(shape))
            for factor in islice(factors(shape), 2 * modules):
                if factor.side == "B":
                    file.seek(start)
                    file.write(pattern * (factor.nbytes // 2))
                start += factor.nbytes
        yield inspect(other)


def _stretched(report: Report) -> Report:
    """A merge of four layers as if of 32: as many numbers a route as an 8B-shaped adapter has."""
    merge: Merge | None = report.measurements.merge
    if merge is None:
        raise ValueError(f"{report.subject.path} is no merge report")
    routes = [msgspec.structs.replace(route, modules=[*_layers(route)]) for route in merge.routes]
    measured = msgspec.structs.replace(report.measurements, merge=msgspec.structs.replace(merge, routes=routes))
    subject = msgspec.structs.replace(report.subject, modules=len(routes[0].modules), ranks={"16": 224})
    return msgspec.structs.replace(report, measurements=measured, subject=subject)


def _layers(route: Route) -> Iterator[Any]:
    own = 1 + max((module.layer or 0) for module in route.modules)
    for first in range(0, LAYERS, own):
        for module in route.modules:
            layer = first + (module.layer or 0)
            name = module.name.replace(f".{module.layer}.", f".{layer}.", 1)
            yield msgspec.structs.replace(module, name=name, layer=layer)


def _fleet(inspected: Sequence[Report], pattern: Report) -> Report:
    """A report about all of them at once, from what was found of each."""
    fleet = pattern.measurements.fleet
    if fleet is None:
        raise ValueError("the demonstration has no report about a fleet")
    rows, bands = banded([_row(report, like) for report, like in zip(inspected, cycle(_read(fleet)), strict=False)])
    measured = msgspec.structs.replace(
        pattern.measurements,
        fleet=msgspec.structs.replace(
            fleet, adapters=rows, bands=bands, bases=bases_of(rows), pairs=[], compared=0, overlaps=[], read=len(rows)
        ),
    )
    moment = datetime.fromtimestamp(START / 1e6, UTC) + timedelta(days=28, hours=12)
    return msgspec.structs.replace(
        pattern, subject=Subject(path="adapters"), measurements=measured, created=f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    )


def _read(fleet: Any) -> list[FleetAdapter]:
    return [row for row in fleet.adapters if row.verdict != "unreadable"]


def _row(report: Report, like: FleetAdapter) -> FleetAdapter:
    subject = report.subject
    spread = float(np.random.default_rng(int(subject.sha256 or "0", 16)).lognormal(0, 0.1))
    return msgspec.structs.replace(
        like,
        path=subject.path,
        sha256=subject.sha256,
        base=subject.base,
        method=subject.method,
        layout=subject.layout,
        rank=16,
        modules=subject.modules,
        parameters=subject.parameters,
        bytes=subject.bytes,
        verdict=report.verdict.status.value,
        codes=sorted({finding.code for finding in report.findings}),
        spectral_norm=like.spectral_norm and like.spectral_norm * spread,
        problem=None,
    )

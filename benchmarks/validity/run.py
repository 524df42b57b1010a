"""Inspect every case, beside its base where it has one, and judge the same measurements as if there were none."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import msgspec

from benchmarks.validity.cases import Case, Fired, Outcome
from benchmarks.validity.measures import measures
from loradiag.core.report import Report

BESIDE_BASE = ("base", "reach", "relative", "intruders", "fit")


def run(cases: Sequence[Case], jobs: int = 2) -> Iterator[Outcome]:
    """Inspect all of them, in their order."""
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_quietly) as pool:
        yield from pool.map(outcome, cases, chunksize=8)


def _quietly() -> None:
    os.nice(10)
    warnings.filterwarnings("ignore")


def outcome(case: Case) -> Outcome:
    """Inspect one case."""
    from loradiag.api import inspect_all

    begun = time.perf_counter()
    (report,) = inspect_all(case.path, case.base, allow_pickle=case.group == "wild")
    return told(case, report, time.perf_counter() - begun)


def told(case: Case, report: Report, seconds: float = 0.0) -> Outcome:
    """What a report says of a case."""
    from loradiag.api import judge

    bare = msgspec.structs.replace(report.measurements, **dict.fromkeys(BESIDE_BASE))
    alone = judge(msgspec.structs.replace(report, measurements=bare))
    return Outcome(
        name=case.name,
        group=case.group,
        label=case.label,
        sound=case.sound,
        expected=case.expected,
        truth=case.truth,
        beside_base=report.measurements.base is not None,
        fired=_fired(report),
        alone=_fired(alone),
        measures=measures(report),
        seconds=round(seconds, 3),
    )


def _fired(report: Report) -> list[Fired]:
    return [Fired(found.code, found.severity.value, found.message) for found in report.findings]

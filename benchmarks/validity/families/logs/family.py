"""Logs are read as they lie beside an adapter, series as ``compare`` reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.validity.families.logs import defects, series, trained
from benchmarks.validity.families.logs.curves import STYLES, curve, write
from benchmarks.validity.families.words import Place, Shown, Told, counting

JUDGED = frozenset(f"LD9{number:02d}" for number in (1, 2, 3, 4, 5, 6, 12, 13, 14, 15))
SEEDS = 6


def shown(place: Place) -> Shown:
    """All logs and series."""
    return Shown([*_logs(place), *_trained(place), *series.told(place)])


def _logs(place: Place) -> Iterator[Told]:
    """Every style from several seeds, healthy and with each defect."""
    for style in STYLES[:3] if place.quick else STYLES:
        for seed in range(1 if place.quick else SEEDS):
            rng = np.random.default_rng([seed, STYLES.index(style)])
            for number, case in enumerate(defects.cases(curve(style), rng)):
                name = f"{style.name} #{seed}: {case.label} #{number}"
                yield _told("log", name, case, place.scratch / f"{STYLES.index(style)}-{seed}-{number}")


def _trained(place: Place) -> Iterator[Told]:
    """Every run that was trained."""
    for number, case in enumerate(trained.cases()):
        yield _told("run", f"run {number}: {case.label}", case, place.scratch / f"run-{number}")


def _told(family: str, name: str, case: defects.Case, folder: Path) -> Told:
    from loradiag.analyzers.training_log import log_beside
    from loradiag.api.judging import default_policy, judged
    from loradiag.core.measurements import Measurements
    from loradiag.core.report import Accounting, Subject

    log = log_beside([write(folder, case.text)])
    found = judged(Subject(path=name), Measurements(training_log=log), Accounting(), default_policy()).findings
    return Told(
        family=family,
        name=name,
        label=case.label,
        expected=case.expected,
        judged=JUDGED,
        fired=counting(found),
        sound=case.sound,
    )

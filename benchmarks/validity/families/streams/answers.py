"""Answers of five weeks: days differ, and in the last week something else does, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.validity.cases import Expected
from benchmarks.validity.families.traffic.sources import fixtures
from benchmarks.validity.families.words import Place, Told, counting, expect

JUDGED = frozenset(["LD806", "LD807"])
DAYS, RECENT, DAILY = 35, 7, 30
DAY = 86_400_000_000
START = 1_793_491_200_000_000
OF_DAYS = 0.05
"""Standard deviation of a day's own effect on log-perplexity and log-length."""


class Change(NamedTuple):
    """What is true of the last week, as factors, and the share of answers that are cut off."""

    perplexity: float = 1.0
    length: float = 1.0
    cut: float = 0.02
    weekend: float = 0.0


CHANGES: dict[str, tuple[Change, Expected]] = {
    "answers as before": (Change(), expect()),
    "answers as before, other at weekends": (Change(weekend=0.15), expect()),
    "perplexity up by 3%, less than matters": (Change(perplexity=1.03), expect()),
    "perplexity up by 15%": (Change(perplexity=1.15), expect("LD806")),
    "perplexity up by 30%": (Change(perplexity=1.3), expect("LD806")),
    "perplexity down by 15%": (Change(perplexity=0.85), expect()),
    "answers 8% longer, less than matters": (Change(length=1.08), expect()),
    "answers 30% shorter": (Change(length=0.7), expect("LD807")),
    "answers twice as long": (Change(length=2.0), expect("LD807")),
    "one answer in six is cut off": (Change(cut=0.17), expect("LD807")),
}


def told(place: Place) -> Iterator[Told]:
    """Every change from several seeds; more where nothing has changed."""
    world = fixtures(place.scratch / "answers-baselines")
    source = world.sources[0]
    for label, (change, expected) in CHANGES.items():
        trials = 1 if place.quick else 25 if expected == expect() else 12
        for seed in range(trials):
            lake = place.scratch / "answers" / f"{label}-{seed}"
            _write(lake, source.name, change, np.random.default_rng([seed, len(label)]))
            yield _checked(lake, source.baseline, source.name, label, expected, seed)


def _checked(lake: Path, baseline: Path, name: str, label: str, expected: Expected, seed: int) -> Told:
    from loradiag.api import drift_check

    (report,) = drift_check(lake, [baseline], adapters=[name], exemplars=0)
    return Told(
        family="answers",
        name=f"{label} #{seed}",
        label=label,
        expected=expected,
        judged=JUDGED,
        fired=counting(report.findings),
        sound=expected == expect(),
    )


def _write(lake: Path, name: str, change: Change, rng: np.random.Generator) -> None:
    from loradiag.traffic.request import Request
    from loradiag.traffic.rows import row_of
    from loradiag.traffic.writing import make_lake, write_rows

    make_lake(lake)
    rows = []
    for day in range(DAYS):
        now = day >= DAYS - RECENT
        free = change.weekend * (day % 7 >= 5)
        effects = rng.normal(0, OF_DAYS, 2) + free
        for number in range(int(rng.poisson(DAILY))):
            nll = 1.0 + effects[0] + (np.log(change.perplexity) if now else 0) + rng.normal(0, 0.3)
            length = 60 * np.exp(effects[1] + rng.normal(0, 0.5)) * (change.length if now else 1)
            cut = rng.random() < (change.cut if now else 0.02)
            request = Request(
                id=f"{day}-{number}",
                adapter=name,
                time=START + day * DAY + int(rng.integers(DAY)),
                logprobs=(-float(nll),) * 2,
                response_tokens=max(1, int(length)),
                prompt_tokens=int(rng.integers(10, 60)),
                finish="length" if cut else "stop",
            )
            rows.append(row_of(request, "drawn", keep_text=False))
    write_rows(lake, rows)

"""A new adapter beside the old one: requests of both drawn alike, or with a known difference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.validity.cases import Expected
from benchmarks.validity.families.words import Place, Told, counting, expect

JUDGED = frozenset(["LD815", "LD816", "LD817"])
DAYS = 5
DAY = 86_400_000_000
START = 1_793_491_200_000_000


class New(NamedTuple):
    """How the new one differs, as factors and shares; ``prompts``: how much longer the prompts are that it is asked."""

    latency: float = 1.0
    perplexity: float = 1.0
    length: float = 1.0
    cut: float = 0.03
    failed: float = 0.003
    prompts: float = 1.0
    pairs: int = 1500


CASES: dict[str, tuple[New, Expected]] = {
    "as good": (New(), expect(may="LD816")),
    "as good, more traffic day by day": (New(pairs=1200), expect(may="LD816")),
    "better in all": (New(latency=0.8, perplexity=0.9, cut=0.01), expect(may="LD816")),
    "3% slower, less than matters": (New(latency=1.03), expect(may="LD816")),
    "30% slower": (New(latency=1.3), expect("LD815")),
    "less sure by 20%": (New(perplexity=1.2), expect("LD815")),
    "answers cut off, 15 points more": (New(cut=0.18), expect("LD815")),
    "answers 40% shorter": (New(length=0.6), expect("LD815")),
    "one request in ten fails": (New(failed=0.1), expect("LD815")),
    "a hundred pairs": (New(pairs=110), expect("LD816")),
    "prompts a third longer": (New(prompts=1.33), expect("LD817", "LD816")),
}


def told(place: Place) -> Iterator[Told]:
    """Every difference from several seeds; more where there is none."""
    for label, (new, expected) in CASES.items():
        trials = 1 if place.quick else 20 if not expected.should else 6
        for seed in range(trials):
            rng = np.random.default_rng([seed, len(label)])
            lake = place.scratch / "canaries" / f"{len(label)}-{seed}-{label[:6].strip()}"
            _write(lake, new, rng, ramped="day by day" in label)
            yield _told(lake, label, expected, seed)


def _told(lake: Path, label: str, expected: Expected, seed: int) -> Told:
    from loradiag.api import canary

    findings = canary("v1", "v2", lake).findings
    return Told(
        family="canary",
        name=f"{label} #{seed}",
        label=label,
        expected=expected,
        judged=JUDGED,
        fired=counting(findings),
        sound=not expected.should,
    )


def _write(lake: Path, new: New, rng: np.random.Generator, *, ramped: bool) -> None:
    """Both adapters' requests; days differ for both alike, and with ``ramped`` most of the new one's come late."""
    from loradiag.traffic.request import Request
    from loradiag.traffic.rows import row_of
    from loradiag.traffic.writing import make_lake, write_rows

    make_lake(lake)
    effects = rng.normal(0, 0.15, DAYS)
    shares = np.arange(1, DAYS + 1) / sum(range(1, DAYS + 1)) if ramped else np.full(DAYS, 1 / DAYS)
    rows = []
    for adapter, how in (("v1", New()), ("v2", new)):
        days = rng.choice(DAYS, new.pairs, p=shares if adapter == "v2" else None)
        for number, day in enumerate(days):
            busy = effects[day]
            length = 80 * np.exp(rng.normal(0, 0.5)) * how.length
            request = Request(
                id=f"{adapter}-{number}",
                adapter=adapter,
                time=START + int(day) * DAY + int(rng.integers(DAY)),
                logprobs=(-float(max(0.01, 0.9 + np.log(how.perplexity) + rng.normal(0, 0.25))),) * 2,
                response_tokens=max(1, int(length)),
                prompt_tokens=max(1, int(60 * np.exp(rng.normal(0, 0.5)) * how.prompts)),
                latency_ms=float(400 * np.exp(busy + rng.normal(0, 0.3)) * how.latency),
                finish="length" if rng.random() < how.cut else "stop",
                failed=bool(rng.random() < how.failed),
            )
            rows.append(row_of(request, "drawn", keep_text=False))
    write_rows(lake, rows)

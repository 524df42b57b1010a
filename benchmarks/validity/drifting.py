"""Drift alarms where nothing has drifted: every baseline's own held-out requests come as traffic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.validity.cases import FIXTURES

SERVED = {"ledger": "healthy", "chant": "narrow_forgetting", "grammar": "healthy_seed2"}
HEAD = ("baseline", "requests a window", "windows", "promised", "called drift", "95% interval", "novel", "shifted")


def replayed(scratch: Path, trials: int) -> Iterator[list[str]]:
    """A row a baseline and size of window."""
    from loradiag.api import baseline, calibrate_check

    for name, adapter in SERVED.items():
        place = scratch / f"baseline-{name}"
        data = FIXTURES / "traffic" / f"{name}_train.jsonl"
        baseline(FIXTURES / "adapters" / adapter, data, place, encoder=str(FIXTURES / "encoder"), name=name)
        for window in (50, 100):
            found = calibrate_check(place, window=window, trials=trials)
            alarms = found.alarms
            yield [
                name,
                str(window),
                str(trials),
                f"{found.alpha:g}",
                f"{alarms.count} ({alarms.rate:.1%})",
                f"{alarms.low:.1%} – {alarms.high:.1%}",
                str(found.novel.count),
                str(found.shifted.count),
            ]

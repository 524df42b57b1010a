"""What a demonstration tells of adapters: inspected, compared, merged, asked."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from loradiag.api import compare, inspect, inspect_all, scan_fleet
from loradiag.core.text import name_of
from loradiag.demo.kept import keep, ready
from loradiag.demo.month import Month, at
from loradiag.demo.source import ADAPTERS, BROKEN, RUN, SERVED, TEXTS

EARLIER = (("checkpoint-60", 26.0), ("checkpoint-120", 19.0), ("checkpoint-180", 12.0))
"""Checkpoints that lay where ``ledger`` lies, and how many days ago."""

PAIRS = (("ledger", "ledger_bf16"), ("ledger", "grammar"), ("ledger", "chant"))
"""The same in half the bytes; another seed of the same training; another domain."""

INSPECTED, FLEET, MERGED, ASKED = 5.0, (15.0, 1.0), 4.0, 3.0
"""Days ago."""


def lay_out(source: Path) -> None:
    """Copy adapters, broken ones among them, base and encoder, and what they were trained on and may be asked."""
    for fixture, name in ADAPTERS.items():
        shutil.copytree(source / "adapters" / fixture, Path("adapters") / name)
    for name in BROKEN:
        shutil.copytree(source / "broken" / name, Path("incoming") / name)
    for name in ("base", "encoder"):
        shutil.copytree(source / name, name)
    Path("data").mkdir()
    for name in SERVED:
        shutil.copy(source / "traffic" / f"{name}_train.jsonl", "data")
    for name in TEXTS:
        shutil.copy(source / "text" / f"{name}.jsonl", "data")
    shutil.copytree(source / "tasks", "tasks")
    for task in Path("tasks").glob("*.yaml"):  # lm-evaluation-harness looks from where it is called
        task.write_text(task.read_text(encoding="utf-8").replace("fixtures/tasks/", "tasks/"), encoding="utf-8")


def inspect_each(source: Path, month: Month) -> None:
    """Inspect every adapter alone, beside the base, and those that somebody sent."""
    _inspect_earlier(source, month)
    with at(month.ago(INSPECTED)):
        for path in _adapters():
            keep(f"inspect-{path.name}", list(inspect_all(path, "base")))
        for report in ready(source / "reports" / "inspect.json.gz"):
            keep(f"inspect-{name_of(report.subject.path)}", [report])
    with at(month.ago(INSPECTED - 2)):
        keep("inspect-incoming", [one for name in BROKEN for one in inspect_all(Path("incoming") / name)])


def _inspect_earlier(source: Path, month: Month) -> None:
    """Inspect what lay where the ledger's adapter lies, week by week."""
    place = Path("adapters") / "ledger"
    for checkpoint, days in EARLIER:
        shutil.rmtree(place)
        shutil.copytree(source / "adapters" / RUN / checkpoint, place)
        with at(month.ago(days)):
            keep("inspect-ledger", [inspect(place, "base")])
    shutil.rmtree(place)
    shutil.copytree(source / "adapters" / SERVED["ledger"], place)


def _adapters() -> Sequence[Path]:
    return sorted(Path("adapters").iterdir())


def compare_some(month: Month) -> None:
    """Compare a few pairs, and tell the story of the run."""
    with at(month.ago(INSPECTED)):
        for pair in PAIRS:
            keep(f"compare-{'-'.join(pair)}", compare([Path("adapters") / name for name in pair]))
        keep("trajectory", compare([Path("adapters") / ADAPTERS[RUN]]))


def scan_all(month: Month) -> None:
    """Scan everything together, twice in the month."""
    for days in FLEET:
        with at(month.ago(days)):
            keep("fleet", [scan_fleet(["adapters", "incoming"])])


def unpack(source: Path, month: Month) -> None:
    """Unpack what takes minutes: merges on every route, and what the base forgot."""
    for name, days in (("merge", MERGED), ("forgetting", ASKED)):
        with at(month.ago(days)):
            for report in ready(source / "reports" / f"{name}.json.gz"):
                keep(f"{name}-{name_of(report.subject.path)}", [report])

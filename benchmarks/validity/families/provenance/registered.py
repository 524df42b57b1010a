"""A registry in which something is missing or old: what was recorded is the label."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.validity.cases import FIXTURES, Expected
from benchmarks.validity.families.words import Place, Told, counting, expect

JUDGED = frozenset(f"LD{number}" for number in range(530, 536))


class Known(NamedTuple):
    """What the registry is told of an adapter; ``days``: how old its evaluation is."""

    label: str
    expected: Expected
    stage: str | None = "live"
    owner: str | None = "a team"
    data: str | None = "a" * 64
    days: int | None = 10
    adapter: str = "healthy"
    inspected: bool = True


CASES = (
    Known("all is known, live", expect()),
    Known("all is known, staging", expect(), "staging"),
    Known("all is known, canary, evaluated 91 days ago", expect(), "canary", days=91),
    Known("nothing is known, retired", expect(), "retired", None, None, None),
    Known("evaluated a year ago, staging", expect(), "staging", days=365),
    Known("nobody owns it", expect("LD530"), owner=None),
    Known("data unknown", expect("LD531"), data=None),
    Known("not evaluated", expect("LD532"), days=None),
    Known("not evaluated, staging", expect("LD532"), "staging", days=None),
    Known("live, and its inspection failed", expect("LD533"), adapter="partly_dead"),
    Known("staging, and its inspection failed", expect(), "staging", adapter="partly_dead"),
    Known("live, evaluated 100 days ago", expect("LD534"), days=100),
    Known("canary, evaluated a year ago", expect("LD534"), "canary", days=365),
    Known("live, never inspected", expect("LD535"), inspected=False),
    Known("staging, never inspected", expect(), "staging", inspected=False),
)


def told(place: Place) -> Iterator[Told]:
    """Every case with several adapters."""
    names = ("healthy",) if place.quick else ("healthy", "healthy_seed2", "rslora", "tiny")
    for number, case in enumerate(CASES):
        for name in names if case.adapter == "healthy" else (case.adapter, "untrained"):
            folder = place.scratch / f"registry-{number}-{name}"
            yield _told(folder, case, name)


def _told(folder: Path, case: Known, name: str) -> Told:
    from loradiag.api import open_registry
    from loradiag.registry.lifecycle import Change, Result

    folder.mkdir(parents=True)
    adapter = Path(shutil.copytree(FIXTURES / "adapters" / name, folder / name))
    results: tuple[Any, ...] = ()
    if case.days is not None:
        then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=case.days)
        results = (Result(task="arc_easy", value=0.5, metric="acc", n=300, at=then.strftime("%Y-%m-%dT%H:%M:%SZ")),)
    change = Change(owner=case.owner, stage=case.stage, data_sha256=case.data, results=results)
    with open_registry(folder / "registry.sqlite") as registry:
        recorded = registry.add([adapter if case.inspected else _other_report(folder, adapter)], who="bench")
        hashes = [one.sha256 for one in recorded if one.sha256]
        registry.set(hashes, change, who="bench", why="planted")
        findings = [found for report in registry.check() for found in report.findings]
    return Told(
        family="registry",
        name=f"{case.label}: {name}",
        label=case.label,
        expected=case.expected,
        judged=JUDGED,
        fired=counting(findings),
        sound=not case.expected.should,
    )


def _other_report(folder: Path, adapter: Path) -> Path:
    """A report on the adapter that is no inspection: of a merge, by weights alone."""
    from loradiag.api import merge_drift
    from loradiag.core.report import encode

    file = folder / "merge.json"
    file.write_bytes(encode(merge_drift(FIXTURES / "base", adapter, routes=["bf16"], fit=False)))
    return file

"""What a registry of a fleet costs: recording, recording again, listing, ranking, exporting.

Run: python -m benchmarks.registry [ADAPTERS] [MODULES] [PATH_OR_URL]. Reports are of the size that an inspection of an adapter
with so many modules has; every adapter has three results.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

import loradiag
from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.measurements import Measurements
from loradiag.core.report import Report
from loradiag.registry.recording import Item

ADAPTER = Path(__file__).parents[1] / "fixtures" / "adapters" / "healthy"


def reports(count: int, modules: int) -> Iterator[Item]:
    """An inspection and an evaluation of each adapter."""
    whole = loradiag.inspect(ADAPTER)
    spectrum, scale = whole.measurements.spectrum, whole.measurements.scale
    assert spectrum is not None
    assert scale is not None
    times = modules // len(spectrum.modules) + 1
    large = msgspec.structs.replace(
        whole.measurements,
        spectrum=msgspec.structs.replace(spectrum, modules=(spectrum.modules * times)[:modules]),
        scale=msgspec.structs.replace(scale, modules=(scale.modules * times)[:modules]),
    )
    for number in range(count):
        sha256 = hashlib.sha256(str(number).encode()).hexdigest()
        subject = msgspec.structs.replace(whole.subject, sha256=sha256, path=f"/fleet/{number}")
        inspected = msgspec.structs.replace(whole, subject=subject, measurements=large)
        yield inspected, None, None
        yield msgspec.structs.replace(inspected, measurements=_evaluated(number)), None, None


def _evaluated(number: int) -> Measurements:
    value = number % 97 / 100
    scores = [Score(task=task, metric="acc", n=500, adapter=value, base=0.5, binary=True) for task in ("a", "b", "c")]
    return Measurements(forgetting=Forgetting(tasks=scores, harness="0", compute="bfloat16", trained_on="bfloat16"))


def timed(what: str, work: Callable[[], object]) -> None:
    """Do it once, and say how long it took."""
    began = time.perf_counter()
    work()
    print(f"{what:<34} {time.perf_counter() - began:7.2f} s")


def main() -> None:
    """Measure, and print a line each."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    modules = int(sys.argv[2]) if len(sys.argv) > 2 else 224
    made: list[Item] = list(reports(count, modules))
    first: Report = made[0][0]
    print(f"{count:,} adapters, reports of {len(msgspec.json.encode(first)) / 1000:,.0f} kB, two each")
    with tempfile.TemporaryDirectory() as folder:
        where = sys.argv[3] if len(sys.argv) > 3 else str(Path(folder, "registry.sqlite"))
        with loradiag.open_registry(where) as registry:
            timed("record", lambda: registry.record(made))
            timed("record again", lambda: registry.record(made))
            timed("list", registry.ls)
            timed("best", lambda: registry.best("a"))
            timed("check", registry.check)
            timed("export as JSON", registry.export)
            timed("export results as CSV", lambda: registry.export("csv", "evaluations"))
        file = Path(folder, "registry.sqlite")
        if file.exists():
            print(f"{'file':<34} {file.stat().st_size / 1e6:7.1f} MB")


if __name__ == "__main__":
    main()

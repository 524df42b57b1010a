"""What LD604 excuses on little text, and on text that is not the adapter's: measured anew, beside what became of the gain.

python -m benchmarks.validity.families.merging.excuses

Weak adapters of the fixtures are given 20 lines of their own held-out text, three times, and text of two other kinds. Whether
a route keeps the gain is known from ``merges.json.gz``. It takes about six minutes on two cores.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from benchmarks.validity.cases import FIXTURES
from benchmarks.validity.families.merging.family import fate_of, losses
from benchmarks.validity.families.merging.kept import merges, quietly
from benchmarks.validity.families.merging.make import LEDGER, OURS, TEXT, Trial, scaled
from loradiag.core.findings import Severity

_LINES, _PARTS = 20, (0, 25, 50)


def main() -> None:
    """Measure, and print a line a kind of text."""
    quietly()
    fates = {(one.name, route): fate_of(one, outcome) for one in merges() for route, outcome in one.outcomes.items()}
    with tempfile.TemporaryDirectory() as scratch:
        for kind, texts in _texts(Path(scratch)).items():
            found = [row for text in texts for row in _judged(text)]
            errors = [row for row in found if row[1] is Severity.ERROR]
            excused = [fates[row[0]] for row in errors if row[2] is Severity.WARNING]
            told = ", ".join(f"{fate}: {excused.count(fate)}" for fate in sorted(set(excused)))
            print(f"{kind}: {len(errors)} errors by ρ alone, {len(excused)} warnings ({told})", flush=True)


def _texts(scratch: Path) -> dict[str, list[Path]]:
    lines = LEDGER.read_text().splitlines()
    own = []
    for first in _PARTS:
        own.append(scratch / f"own-{first}.jsonl")
        own[-1].write_text("\n".join(lines[first : first + _LINES]) + "\n")
    return {"20 lines of its own": own, "other text": [TEXT / "base_heldout.jsonl", TEXT / "chant_heldout.jsonl"]}


def _judged(text: Path) -> Iterator[tuple[tuple[str, str], Severity | None, Severity | None]]:
    """Of every weak adapter and route: its name, what LD604 says by ρ alone, and what it says."""
    from loradiag.api import merge_drift

    for name, factors in OURS.items():
        for factor in factors:
            if factor == 1.0 and name not in ("undertrained", "tiny"):
                continue
            told = name if factor == 1.0 else f"{name} × {factor:g}"
            trial = Trial(
                told, FIXTURES / "base", FIXTURES / "adapters" / name, factor, (text, slice(None)), (text, slice(None))
            )
            with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                adapter = scaled(trial, Path(scratch) / "adapter")
                report = merge_drift(trial.base, adapter, prompts=text, trained_on="bf16", fit=False)
                shutil.rmtree(adapter)
            yield from (((told, route), alone, now) for route, alone, now in losses(report))


if __name__ == "__main__":
    main()

"""Hold every rule against adapters whose condition is known.

python -m benchmarks.validity [--shared DIR] [--quick] [--jobs N] [--json OUT] [--write]

Prints the tables; ``--write`` puts them into docs/validity.md and into what rules say of themselves. It takes about
three minutes on two cores.
"""

from __future__ import annotations

import os

os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # thousands of small decompositions: threads only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.tables import markdown
from benchmarks.validity import curves, drifting, page, pairs, stored, tables
from benchmarks.validity.cases import Outcome
from benchmarks.validity.confusion import SIZE, Row, confusion, interval
from benchmarks.validity.labelled import cases
from benchmarks.validity.measure import trials
from benchmarks.validity.reasons import REASONS
from benchmarks.validity.run import run, told
from loradiag.rules import all_rules


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the bench."""
    options = _parser().parse_args(arguments)
    shared = options.shared if options.shared.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="loradiag-validity-") as folder:
        outcomes = list(run(cases(shared, Path(folder), quick=options.quick), options.jobs))
        outcomes += [told(case, report) for case, report in trials()]
        if options.json:
            options.json.write_bytes(msgspec.json.format(msgspec.json.encode(outcomes)))
        rows = confusion(outcomes, [rule.code for rule in all_rules()])
        text, sentences = _page(outcomes, rows, Path(folder), quick=options.quick)
    print(text)
    if options.write:
        page.put_between_markers(page.ROOT / "docs" / "validity.md", text)
        page.write_measured(sentences)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.validity", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--shared", type=Path, default=Path("../shared"), help="where zoo and wild lie (default: ../shared)"
    )
    parser.add_argument("--quick", action="store_true", help="few cases, no drift, few draws")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--json", type=Path, help="write every outcome to this file")
    parser.add_argument("--write", action="store_true", help="write docs/validity.md and loradiag/rules/measured.json")
    return parser


def _page(outcomes: list[Outcome], rows: list[Row], scratch: Path, *, quick: bool) -> tuple[str, dict[str, list[str]]]:
    date, draws = page.today(), 100 if quick else 1000
    names = {rule.code: rule.name for rule in all_rules()}
    sentences: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        sentences[row.code].append(tables.sentence(row, date))
    compared = list(pairs.judged(scratch))
    asked = list(stored.tasks())
    parts = [
        f"Measured on {date}, {len(outcomes):,} cases: {_groups(outcomes)}.",
        "### Rules",
        tables.rules_table(rows, names),
        f"Not covered here: {_uncovered(rows)}.",
        "### Held out",
        tables.rules_table(confusion([one for one in outcomes if one.group == "held-out"], SIZE), names),
        "### Sound adapters",
        tables.alarms_table(outcomes),
        "### What single numbers tell",
        tables.areas_table(curves.areas(outcomes, draws)),
        "### Static risk and measured forgetting",
        tables.correlations_table(curves.correlations(outcomes, draws)),
        "### Pairs",
        markdown(("pair", "label", "findings", "verdict"), ([pair, label, *said] for pair, label, _, said in compared)),
        "### Forgetting",
        markdown(stored.HEAD, asked),
    ]
    if not quick:
        replayed = list(drifting.replayed(scratch, 200))
        parts += ["### Drift without drift", markdown(drifting.HEAD, replayed)]
        _of_traffic(sentences, replayed, date)
    if any(one.group == "wild" for one in outcomes):
        parts += ["### Public adapters, finding by finding", tables.wild_table(outcomes, REASONS)]
    _of_abilities(sentences, asked, date)
    return "\n\n".join(parts), sentences


def _groups(outcomes: Sequence[Outcome]) -> str:
    counts = Counter(one.group for one in outcomes)
    return ", ".join(f"{count} {group}" for group, count in counts.items())


def _uncovered(rows: Sequence[Row]) -> str:
    covered = {row.code for row in rows} | {*pairs.CODES, "LD701", "LD801", "LD802"}
    return ", ".join(rule.code for rule in all_rules() if rule.code not in covered)


def _of_abilities(sentences: dict[str, list[str]], asked: Sequence[Sequence[str]], date: str) -> None:
    decided = [row for row in asked if row[-1] in ("right", "WRONG")]
    right = sum(row[-1] == "right" for row in decided)
    low, _ = interval(right, len(decided))
    sentences["LD701"].append(
        f"On {len(decided)} tasks of the fixtures' adapters that were decided, {right} verdicts are those of accuracies "
        f"measured apart (95% at least {low:.0%}; benchmarks/validity, {date})."
    )


def _of_traffic(sentences: dict[str, list[str]], replayed: Sequence[Sequence[str]], date: str) -> None:
    windows = sum(int(row[2]) for row in replayed)
    for code, place in (("LD801", 6), ("LD802", 7)):
        count = sum(int(row[place]) for row in replayed)
        low, high = interval(count, windows)
        sentences[code].append(
            f"In {windows:,} windows without drift it fires in {count} (95% {low:.1%}–{high:.1%}); both "
            f"rules together are promised at most 5% (benchmarks/validity, {date}). How soon it sees drift: "
            "benchmarks/drift.py."
        )


if __name__ == "__main__":
    main()

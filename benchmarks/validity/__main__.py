"""Hold every rule against adapters, logs, traffic and servers whose condition is known.

python -m benchmarks.validity [--shared DIR] [--quick] [--jobs N] [--family NAME …] [--json OUT] [--write]

Prints the tables; ``--write`` puts them into docs/validity.md and into what rules say of themselves. It takes about
twelve minutes on two cores; with ``--family`` only cases of that family are run, and nothing is written.
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
from benchmarks.validity import curves, drifting, page, stored, tables
from benchmarks.validity.cases import Outcome
from benchmarks.validity.confusion import SIZE, Row, confusion, interval, together
from benchmarks.validity.families import rows as of_families
from benchmarks.validity.families import summary
from benchmarks.validity.families.table import FAMILIES
from benchmarks.validity.families.table import run as run_families
from benchmarks.validity.families.words import Shown, Told
from benchmarks.validity.labelled import cases
from benchmarks.validity.measure import trials
from benchmarks.validity.reasons import REASONS
from benchmarks.validity.run import run, told
from benchmarks.validity.uncovered import reason
from loradiag.rules import all_rules

Families = dict[str, Shown]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the bench."""
    options = _parser().parse_args(arguments)
    shared = options.shared if options.shared.is_dir() else None
    codes = [rule.code for rule in all_rules()]
    with tempfile.TemporaryDirectory(prefix="loradiag-validity-") as name:
        folder = Path(name)
        chosen = options.family or FAMILIES
        families = dict(run_families(chosen, shared, folder, quick=options.quick, jobs=options.jobs))
        if options.family:
            _print_families(families, codes)
            return
        outcomes = list(run(cases(shared, folder, quick=options.quick), options.jobs))
        outcomes += [told(case, report) for case, report in trials()]
        if options.json:
            everything = {"outcomes": outcomes, "told": _told(families)}
            options.json.write_bytes(msgspec.json.format(msgspec.json.encode(everything)))
        rows = together(confusion(outcomes, codes), of_families.confusion(_told(families), codes))
        text, sentences = _page(outcomes, families, rows, folder, quick=options.quick)
    print(text)
    if options.write:
        page.put_between_markers(page.ROOT / "docs" / "validity.md", text)
        page.write_measured(sentences)


def _told(families: Families) -> list[Told]:
    return [one for shown in families.values() for one in shown.told]


def _print_families(families: Families, codes: Sequence[str]) -> None:
    """Some families alone: their tables, and every case that was not called what it is."""
    names = {rule.code: rule.name for rule in all_rules()}
    found = _told(families)
    print(tables.rules_table(of_families.confusion(found, codes), names), "\n")
    print(summary.alarms(found), "\n")
    for table in [table for shown in families.values() for table in shown.tables]:
        print("\n\n".join(summary.shown(table)), "\n")
    for one, missed, extra in of_families.wrong(found):
        print(f"{one.name}: missed {sorted(missed)}, extra {sorted(extra)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.validity", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--shared", type=Path, default=Path("../shared"), help="where zoo and wild lie (default: ../shared)"
    )
    parser.add_argument("--quick", action="store_true", help="few cases, no drift, few draws")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--family", action="append", choices=list(FAMILIES), help="this family alone; may be repeated")
    parser.add_argument("--json", type=Path, help="write every outcome to this file")
    parser.add_argument("--write", action="store_true", help="write docs/validity.md and loradiag/rules/measured.json")
    return parser


def _page(
    outcomes: list[Outcome], families: Families, rows: list[Row], scratch: Path, *, quick: bool
) -> tuple[str, dict[str, list[str]]]:
    date, draws = page.today(), 100 if quick else 1000
    names = {rule.code: rule.name for rule in all_rules()}
    sentences: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        sentences[row.code].append(tables.sentence(row, date))
    found = _told(families)
    asked = list(stored.tasks())
    parts = [
        f"Measured on {date}, {len(outcomes) + len(found):,} cases: {_groups(outcomes)}; {summary.counts(found)}.",
        "### Rules",
        tables.rules_table(rows, names),
        "### Not covered",
        markdown(("rule", "why"), _uncovered(rows)),
        "### Held out",
        tables.rules_table(confusion([one for one in outcomes if one.group == "held-out"], SIZE), names),
        "### Sound adapters",
        tables.alarms_table(outcomes),
        "### Sound cases of other kinds",
        summary.alarms(found),
        "### What single numbers tell",
        tables.areas_table(curves.areas(outcomes, draws)),
        "### Static risk and measured forgetting",
        tables.correlations_table(curves.correlations(outcomes, draws)),
        *[part for shown in families.values() for table in shown.tables for part in summary.shown(table)],
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


def _uncovered(rows: Sequence[Row]) -> list[list[str]]:
    covered = {row.code for row in rows}
    return [[f"{rule.code} {rule.name}", reason(rule.code)] for rule in all_rules() if rule.code not in covered]


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

"""More than two reports side by side: what of findings, facts and numbers differs between any of them and A."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.findings import Finding
from loradiag.outputs.arrange import OVERVIEW, SEVERITY_MARKS, active, overview_of, tally
from loradiag.outputs.differing import NONE, Number, facts_beside, numbers
from loradiag_dashboard.parts.plain import label
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.parts.told import unsigned
from loradiag_dashboard.parts.verdicts import moment, verdict_mark
from loradiag_dashboard.views.sidebyside.choosing import Side

if TYPE_CHECKING:
    import pandas as pd


def findings(sides: Sequence[Side]) -> None:
    """A row a rule, the gravest first, with how often each report has it."""
    frame = findings_frame(sides)
    if frame.empty:
        return
    st.markdown("**Findings**", help="How many each report has by rule; the modules of findings may differ.")
    count = st.column_config.NumberColumn(format="localized")
    table(frame, "findings-beside", placeholder="–", column_config={side.name: count for side in sides})


def findings_frame(sides: Sequence[Side]) -> pd.DataFrame:
    """The active findings of all by rule and route: of how many there are none, nothing."""
    import pandas as pd

    counts = [Counter((row.code, row.route) for row in active(side.report)) for side in sides]
    gravest: dict[tuple[str, str | None], Finding] = {}
    for side in sides:
        for row in active(side.report):
            known = gravest.get((row.code, row.route))
            if known is None or row.severity.weight > known.severity.weight:
                gravest[row.code, row.route] = row
    order = sorted(gravest, key=lambda key: (-gravest[key].severity.weight, key[0], key[1] or ""))
    content: dict[str, Any] = {
        "severity": [f"{SEVERITY_MARKS[gravest[key].severity]} {gravest[key].severity.value}" for key in order],
        "rule": [f"{label(key[0])} {label(gravest[key].rule)}" for key in order],
        "route": [label(key[1], 24) if key[1] else None for key in order],
        "in": [_letters(sides, [key in own for own in counts]) for key in order],
    }
    for side, own in zip(sides, counts, strict=True):
        content[side.name] = pd.array([own[key] or None for key in order], dtype="Int64")
    content["says"] = [label(gravest[key].message, 160) for key in order]
    return pd.DataFrame(content).dropna(axis="columns", how="all")


def _letters(sides: Sequence[Side], has: Sequence[bool]) -> str:
    """Which of them have it: ``all``, or their letters."""
    return "all" if all(has) else " ".join(side.letter for side, own in zip(sides, has, strict=True) if own)


def facts_frame(sides: Sequence[Side]) -> pd.DataFrame:
    """A row a fact, with whether all say the same."""
    import pandas as pd

    beside = [
        {name: (one, other) for name, one, other in facts_beside(sides[0].report, side.report)} for side in sides[1:]
    ]
    names = list(dict.fromkeys(name for own in beside for name in own))
    first = {name: own[name][0] for own in beside for name in own}
    rows = [(first[name], *(own.get(name, (NONE, NONE))[1] for own in beside)) for name in names]
    frame = pd.DataFrame(rows, columns=[side.name for side in sides])
    frame.insert(0, "differs", ["" if len(set(row)) == 1 else "≠" for row in rows])
    frame.insert(0, "fact", names)
    return frame


def numbers_frame(sides: Sequence[Side]) -> pd.DataFrame:
    """All numbers that A has in common with another one: in words, and of two as a signed difference too."""
    import pandas as pd

    beside = [{(row.about, row.title): row for row in numbers(sides[0].report, side.report)} for side in sides[1:]]
    keys = list(dict.fromkeys(key for own in beside for key in own))
    rows = []
    for key in keys:
        own = [found.get(key) for found in beside]
        some: Number = next(row for row in own if row is not None)
        said = [unsigned(some.said_a), *(NONE if row is None else unsigned(row.said_b) for row in own)]
        difference = [some.difference] if len(sides) == 2 else []
        rows.append((key[0], key[1], *said, *difference, any(row is None or row.differs for row in own), some.meaning))
    two = ["B − A"] if len(sides) == 2 else []
    columns = ["about", "number", *(side.name for side in sides), *two, "_differs", "meaning"]
    kinds = {"_differs": "bool"} | dict.fromkeys(two, "float64")
    return pd.DataFrame(rows, columns=columns).astype(kinds)


def overview(sides: Sequence[Side]) -> None:
    """A line for each of more than two adapters."""
    import pandas as pd

    columns = overview_of([side.report for side in sides])
    frame = pd.DataFrame(
        {
            "adapter": [side.name for side in sides],
            "verdict": [verdict_mark(side.card.verdict) for side in sides],
            "inspected": [moment(side.card) for side in sides],
            "method": [label(side.report.subject.method, 40) for side in sides],
            "rank": [label(", ".join(side.report.subject.ranks), 40) for side in sides],
            **{OVERVIEW[name]: pd.array(values, dtype="Float64") for name, values in columns.items()},
            "findings": [tally(side.report) for side in sides],
        }
    )
    st.markdown("**All of them**", help="Medians over modules; of intruders the mean a module.")
    numeric = {OVERVIEW[name]: st.column_config.NumberColumn(format="%.4g") for name in columns}
    table(frame, "overview", column_config=numeric)

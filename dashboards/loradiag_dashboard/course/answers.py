"""What the model answered, recent days beside earlier ones: changes with their intervals, and a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.drift import PredictionShift
from loradiag.core.report import Report
from loradiag.outputs import shifts
from loradiag.outputs.figure import Figure
from loradiag.outputs.windows import period
from loradiag_dashboard.course.days import Course
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table

if TYPE_CHECKING:
    import pandas as pd

_TONES = {"fail": "red", "inconclusive": "orange", "pass": "green", "unfinished": "gray"}
_SHAPES = {"fail": "diamond", "inconclusive": "triangle-up", "pass": "circle", "unfinished": "square"}
_FAR = 1000.0
"""Percent beyond which no axis reaches; the table has the numbers."""


def answers(course: Course) -> None:
    """Draw ratios and shares beside each other; say so where answers were not compared."""
    report, found = course.report, course.found
    if report is None or found is None:
        return
    if not found.predictions:
        st.caption("The newest check compared no answers: the lake has none, or too few days.")
        return
    st.caption(md(_between(found.predictions), 300))
    kinds = (
        ("ratios", "Change in percent", [row for row in found.predictions if shifts.is_ratio(row)]),
        ("shares", "Change in percentage points", [row for row in found.predictions if shifts.is_share(row)]),
    )
    drawn = [(name, title, frame) for name, title, rows in kinds if len(frame := _frame(report, rows))]
    for place, (name, title, frame) in zip(st.columns(max(1, len(drawn))), drawn, strict=False):
        with place:
            chart(
                _forest(frame),
                frame[["measure", "change", "low", "high", "became"]],
                name=f"answers-{name}",
                title=title,
                about="Recent days beside earlier ones, each day counted once; bars are 95% intervals, days taken as a whole.",
            )
    table(_table(report, found.predictions, shifts.figures(found, every=True)), "answers", column_config=_help(course))


def _between(rows: Sequence[PredictionShift]) -> str:
    row = next((row for row in rows if row.start and row.end and row.reference_start), None)
    if row is None or row.reference_start is None:
        return "Recent days beside the days before them, each day counted once."
    return f"{period(row.start, row.end)} beside {period(row.reference_start, row.start)}, each day counted once."


def _frame(report: Report, rows: Sequence[PredictionShift]) -> pd.DataFrame:
    import pandas as pd

    found = []
    for row in rows:
        if row.change is None or abs(100 * row.change) > _FAR:
            continue
        became = shifts.standing(report, row)
        ends = [row.change if end is None else end for end in (row.ci_low, row.ci_high)]
        low, high = (min(max(100 * end, -_FAR), _FAR) for end in ends)
        found.append(
            {
                "measure": label(shifts.called(row), 44),
                "change": 100 * row.change,
                "low": low,
                "high": high,
                "became": f"{became.mark} {became.word}",
                "tone": became.tone,
                "said": shifts.moved_words(row),
            }
        )
    return pd.DataFrame(found)


def _forest(frame: pd.DataFrame) -> Any:
    import altair as alt
    import pandas as pd

    became = list(dict.fromkeys(zip(frame["became"], frame["tone"], strict=True)))
    names = [name for name, _ in became]
    shade = alt.Color("became:N", scale=alt.Scale(domain=names, range=[color(_TONES[tone]) for _, tone in became]))
    shape = alt.Shape("became:N", scale=alt.Scale(domain=names, range=[_SHAPES[tone] for _, tone in became]))
    base = alt.Chart(frame).encode(
        y=alt.Y("measure:N", sort=None, axis=alt.Axis(title=None, labelLimit=260, grid=False)),
        tooltip=[alt.Tooltip("said:N", title="measure"), alt.Tooltip("became:N", title="which is")],
    )
    ends = [0.0, *frame["low"], *frame["high"]]
    air = 0.06 * (max(ends) - min(ends)) or 1.0
    scale = alt.Scale(domain=[min(ends) - air, max(ends) + air], nice=False)
    return alt.layer(
        alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(color=color("dim")).encode(x="x:Q"),
        base.mark_rule(strokeWidth=2.5).encode(alt.X("low:Q", scale=scale, title=None), alt.X2("high"), color=shade),
        base.mark_point(filled=True, size=90, opacity=1).encode(
            alt.X("change:Q", title=None), color=shade, shape=shape
        ),
    ).properties(height=alt.Step(34))


def _table(report: Report, rows: Sequence[PredictionShift], figures: Sequence[Figure[PredictionShift]]) -> pd.DataFrame:
    import pandas as pd

    became = [shifts.standing(report, row) for row in rows]
    told: dict[str, list[str]] = {
        "measure": [label(shifts.called(row), 60) for row in rows],
        "status": [f"{one.mark} {one.word}" for one in became],
    }
    told |= {figure.title: [_signed(figure.say(row)) for row in rows] for figure in figures}
    return pd.DataFrame(told)


def _signed(text: str) -> str:
    """A number with its sign behind a thin space, so that no cell is taken for a formula."""
    return f"\u2009{text}" if text.startswith(("+", "-")) else text


def _help(course: Course) -> dict[str, Any]:
    figures = shifts.figures(course.found, every=True) if course.found else []
    return {figure.title: st.column_config.TextColumn(help=figure.meaning) for figure in figures}

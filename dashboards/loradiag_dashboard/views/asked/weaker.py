"""Weaker forms of the adapter: what each keeps of the domain against what it loses of the base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.forgetting import Candidate, Sweep
from loradiag.outputs.sweep import (
    CHOSEN,
    advised,
    chosen,
    explained,
    form,
    kept_interval,
    kept_words,
    loss_words,
    worst_task,
)
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.parts.told import bracketed, sentence, statements

if TYPE_CHECKING:
    import pandas as pd

_KINDS = {
    "adapter": "base, whole adapter",
    "scale": "scale: base + λ·Δ",
    "rank": "rank: cut to so many directions",
    "intruders": "intruder dimensions reduced",
}
_SHAPES = {"adapter": "square", "scale": "circle", "rank": "triangle-up", "intruders": "diamond"}
_COLORS = {"adapter": "gray", "scale": "blue", "rank": "orange", "intruders": "green"}
_LEAST, _MOST = -0.5, 1.5
"""Axes hold no more than this."""


def weaker(made: Sweep) -> None:
    """Draw the trade-off and its table."""
    for line in advised(made):
        st.markdown(f"{CHOSEN if chosen(made) else '✗'} **{md(sentence(line))}**")
    drawn = [row for row in made.candidates if row.loss_report is not None and row.kept_report is not None]
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        if len(drawn) > 1:
            frame = _frame(made, drawn)
            chart(
                _curve(frame, made),
                frame[["form", "kind", "lost", "kept", "kept_low", "kept_high", "task"]],
                name="tradeoff",
                title="Kept of what was learned against the largest loss",
                about="Up and left is better. Points and their 95% intervals: the half of the documents that the choice was "
                "not made by. Left of the dashed line every task stays within the margin.",
                width="stretch",
            )
    with right:
        statements(explained(made), "How it was looked for")
    if made.candidates:
        _table(made)
    if any(row.tasks for row in made.candidates):
        with st.expander("Every task of every form"):
            _tasks(made)


def _kind(row: Candidate) -> str:
    return "adapter" if row.kind == "base" else row.kind


def _frame(made: Sweep, rows: Sequence[Candidate]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "form": form(row),
                "label": f"{CHOSEN} {form(row)}" if row.name == made.chosen else form(row),
                "kind": _KINDS[_kind(row)],
                "line": row.kind in ("base", "scale", "adapter"),
                "strength": row.value,
                "above": row.kind == "intruders",
                "taken": row.name == made.chosen,
                "lost": row.loss_report,
                "kept": row.kept_report,
                "kept_low": row.kept_low,
                "kept_high": row.kept_high,
                "task": worst_task(row) or "–",
                "said": f"keeps {kept_words(row.kept_report)} ({kept_interval(row)})",
                "loses": loss_words(row.loss_report),
                "x": min(max(row.loss_report or 0.0, _LEAST), _MOST),
                "y": min(max(row.kept_report or 0.0, _LEAST), _MOST),
                "y_low": None if row.kept_low is None else min(max(row.kept_low, _LEAST), _MOST),
                "y_high": None if row.kept_high is None else min(max(row.kept_high, _LEAST), _MOST),
            }
            for row in rows
        ]
    )


def _curve(frame: pd.DataFrame, made: Sweep) -> Any:
    import altair as alt
    import pandas as pd

    kinds = [kind for kind in _KINDS if _KINDS[kind] in set(frame["kind"])]
    names = [_KINDS[kind] for kind in kinds]
    tint = alt.Color("kind:N", scale=alt.Scale(domain=names, range=[color(_COLORS[kind]) for kind in kinds]))
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=names, range=[_SHAPES[kind] for kind in kinds]))
    x = alt.X(
        "x:Q",
        title="largest loss of a task, % of the base's score",
        axis=alt.Axis(format=".0%" if frame["x"].max() > 0.05 else ".1%", tickCount=8),
        scale=alt.Scale(domain=_domain([0.0, made.margin, *frame["x"]], right=0.16), nice=False),
    )
    kept = [0.0, 1.0, *frame["y"], *frame["y_low"].dropna(), *frame["y_high"].dropna()]
    y = alt.Y(
        "y:Q",
        title="kept of what was learned",
        axis=alt.Axis(format=".0%", tickCount=6),
        scale=alt.Scale(domain=_domain(kept), nice=False),
    )
    base = alt.Chart(frame)
    tooltip = [
        alt.Tooltip("form:N"), alt.Tooltip("said:N", title="domain"), alt.Tooltip("loses:N", title="largest loss"),
        alt.Tooltip("task:N", title="of task"),
    ]  # fmt: skip
    margin = alt.Chart(pd.DataFrame({"at": [made.margin], "word": [f"margin {loss_words(made.margin)}"]}))
    line = alt.Chart(frame[frame["line"]]).mark_line(color=color("blue"), opacity=0.35, strokeWidth=2)
    layers = [
        margin.mark_rule(color=color("red"), strokeDash=[5, 3], strokeWidth=1.5).encode(x="at:Q"),
        margin.mark_text(align="left", dx=5, dy=10, color=color("red")).encode(x="at:Q", y=alt.value(0), text="word:N"),
        line.encode(x=x, y=y, order="strength:Q"),
        base.mark_rule(strokeWidth=1.6).encode(x=x, y=alt.Y("y_low:Q"), y2="y_high:Q", color=tint),
        alt.Chart(frame[frame["taken"]])
        .mark_point(size=330, shape="circle", filled=False, strokeWidth=2, color=color("ink"), opacity=1)
        .encode(x=x, y=y),
        base.mark_point(size=95, filled=True, opacity=1).encode(x=x, y=y, color=tint, shape=shape, tooltip=tooltip),
        *(
            alt.Chart(frame[frame["above"] == above])
            .mark_text(align="left", dx=9, dy=-10 if above else 12, color=color("ink"))
            .encode(x=x, y=y, text="label:N")
            for above in (False, True)
        ),
    ]
    return alt.layer(*layers).properties(height=380)


def _domain(values: Sequence[float], right: float = 0.07) -> list[float]:
    low, high = min(values), max(values)
    air = (high - low) or 0.1
    return [low - 0.07 * air, high + right * air]


def _table(made: Sweep) -> None:
    import pandas as pd

    rows = made.candidates
    content: dict[str, list[Any]] = {
        "form": [f"{CHOSEN} {form(row)}" if row.name == made.chosen else form(row) for row in rows],
        "kept": [row.kept_report for row in rows],
        "95% interval": [bracketed(kept_interval(row)) for row in rows],
        "largest loss": [row.loss_report for row in rows],
        "of task": [worst_task(row) for row in rows],
        "perplexity": [row.domain_report for row in rows],
        "kept, choosing": [row.kept_choose for row in rows],
        "loss, choosing": [row.loss_choose for row in rows],
        "note": [label(row.reason, 200) if row.reason else "" for row in rows],
    }
    if not any(content["note"]):
        del content["note"]
    config = st.column_config
    columns = {
        "form": config.TextColumn("form", help=f"{CHOSEN}: the form to take."),
        "kept": config.NumberColumn(
            "kept", format="percent", help="Of what was learned, in nats on the domain's text."
        ),
        "95% interval": config.TextColumn("95% interval", help="Where what is kept lies with 95% confidence."),
        "largest loss": config.NumberColumn(
            "largest loss", format="percent", help="Of a task, in shares of the base's score."
        ),
        "perplexity": config.NumberColumn("perplexity", format="%.4g", help="On the domain's text."),
        "kept, choosing": config.NumberColumn(
            "kept, choosing", format="percent", help="On the half that the choice was made by."
        ),
        "loss, choosing": config.NumberColumn(
            "loss, choosing", format="percent", help="On the half that the choice was made by."
        ),
    }
    table(pd.DataFrame(content), "weaker-forms", placeholder="–", column_config=columns)


def _tasks(made: Sweep) -> None:
    import pandas as pd

    lines = [
        {
            "form": form(row),
            "task": label(task.task, 60),
            "metric": label(task.metric, 40),
            "base": task.base,
            "with the form": task.candidate,
            "difference": task.difference,
            "95% from": task.ci_low,
            "to": task.ci_high,
            "choosing": task.chosen_by,
            "margin": task.margin,
        }
        for row in made.candidates
        for task in row.tasks
    ]
    config = st.column_config
    columns = {
        "difference": config.NumberColumn("difference", help="Form less base, in the metric's own unit."),
        "choosing": config.NumberColumn("choosing", help="The same on the half that the choice was made by."),
        "margin": config.NumberColumn(
            "margin", format="percent", help="The share of the base's score that may be lost."
        ),
    }
    table(pd.DataFrame(lines), "weaker-tasks", placeholder="–", column_config=columns)

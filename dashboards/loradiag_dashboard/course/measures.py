"""Measures of answers by day: perplexity with its interval, and what the reader chooses beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import streamlit as st

from loradiag_dashboard.course.days import Course
from loradiag_dashboard.course.panels import Span, across, stacked, up, with_edges
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color

if TYPE_CHECKING:
    import pandas as pd


class Measure(msgspec.Struct, frozen=True):
    """A measure: its title, the columns that are drawn with their names, what it is, and how its axis writes numbers."""

    title: str
    lines: tuple[tuple[str, str], ...]
    about: str
    format: str


MEASURES = {
    "latency": Measure(
        "Time of answers, ms",
        (("latency_p50", "median"), ("latency_p95", "95th percentile")),
        "From request to the end of the answer, of the day's requests.",
        "~s",
    ),
    "first token": Measure(
        "Time to the first token, ms",
        (("first_token_p50", "median"), ("first_token_p95", "95th percentile")),
        "From request to the first token of the answer, of the day's requests.",
        "~s",
    ),
    "tokens": Measure(
        "Tokens",
        (("prompt_tokens", "of prompts"), ("response_tokens", "of answers")),
        "Sums over the day's requests whose log counts them.",
        "~s",
    ),
    "truncated": Measure(
        "Truncated answers",
        (("truncated", "share"),),
        "Share of answers that ended by the limit of tokens, of those of which it is known.",
        ".0%",
    ),
    "refusal-like": Measure(
        "Refusal-like answers",
        (("refusal_like", "share"),),
        "Share of answers that read like a refusal, of those of which it is known.",
        ".0%",
    ),
    "repetition": Measure(
        "Repetition", (("repetition", "mean"),), "Mean share of repeated 4-grams in the day's answers.", ".0%"
    ),
}
_HEIGHT = 160
_DECADE = 10.0


def measures(course: Course, span: Span) -> None:
    """Draw perplexity, and below it what is chosen; nothing without a lake."""
    if course.lake is None or not len(course.lake):
        return
    frame = course.lake[course.lake["start"] >= span.low].reset_index(drop=True)
    if not len(frame):
        return
    frame = with_edges(frame)
    if frame["perplexity"].notna().any():
        _perplexity(course, span, frame)
    offered = [name for name, one in MEASURES.items() if any(frame[line].notna().any() for line, _ in one.lines)]
    if not offered:
        return
    chosen = st.pills("Further measures", offered, selection_mode="multi", key="measures", bind="query-params")
    for name in chosen or []:
        _measure(course, span, frame, name)


def _perplexity(course: Course, span: Span, frame: pd.DataFrame) -> None:
    import altair as alt

    shown = frame[frame["perplexity"].notna()]
    low, high = float(shown["perplexity"].min()), float(shown["perplexity"].max())
    log = high > _DECADE * low
    reach = [
        max(float(shown["perplexity_low"].min()), low / 3) if shown["perplexity_low"].notna().any() else low,
        min(float(shown["perplexity_high"].max()), high * 2) if shown["perplexity_high"].notna().any() else high,
    ]
    ends = (reach[0] * 0.95, max(reach[1], high) * 1.05)
    base = alt.Chart(shown)
    x = across(span, "middle")
    layers = [
        base.mark_rule(strokeWidth=2, color=color("violet"), clip=True, opacity=0.55).encode(
            x, up("perplexity_low:Q", ends, log=log), alt.Y2("perplexity_high")
        ),
        base.mark_line(strokeWidth=1.2, color=color("violet"), opacity=0.6, clip=True).encode(
            x, up("perplexity:Q", ends, log=log)
        ),
        base.mark_point(filled=True, size=45, color=color("violet"), opacity=1, clip=True).encode(
            x, up("perplexity:Q", ends, log=log)
        ),
    ]
    tips = [
        alt.Tooltip("when:N", title="day"),
        alt.Tooltip("perplexity:Q", format=".3g"),
        alt.Tooltip("perplexity_low:Q", title="95% low", format=".3g"),
        alt.Tooltip("perplexity_high:Q", title="95% high", format=".3g"),
        alt.Tooltip("logprobs:Q", title="answers with log-probabilities", format=","),
        alt.Tooltip("conversations:Q", format=","),
    ]
    columns = ["when", "perplexity", "perplexity_low", "perplexity_high", "logprobs", "conversations"]
    chart(
        stacked(course, span, layers, shown, tips, 200),
        shown[columns].rename(columns={"when": "day"}),
        name="perplexity",
        title="Perplexity of answers",
        about=(
            "Of generated tokens, exp of the mean over requests; upright lines are 95% intervals, clustered by conversation, "
            "and are cut where they are far wider than the values."
        ),
    )


def _measure(course: Course, span: Span, frame: pd.DataFrame, name: str) -> None:
    import altair as alt
    import pandas as pd

    told = MEASURES[name]
    long = pd.concat(
        [
            frame[["start", "end", "middle", "when"]].assign(value=frame[column].astype(float), line=words)
            for column, words in told.lines
        ]
    ).dropna(subset=["value"])
    if not len(long):
        return
    names = [words for _, words in told.lines]
    tones = [color("blue"), color("orange")][: len(names)]
    top = max(float(long["value"].max()) * 1.08, 0.05 if told.format.endswith("%") else 1e-9)
    legend = alt.Legend() if len(names) > 1 else None
    lines = (
        alt.Chart(long)
        .mark_line(point=alt.OverlayMarkDef(size=26), strokeWidth=1.8)
        .encode(
            across(span, "middle"),
            up("value:Q", (0.0, top), format=told.format),
            color=alt.Color("line:N", scale=alt.Scale(domain=names, range=tones), legend=legend),
            shape=alt.Shape(
                "line:N", scale=alt.Scale(domain=names, range=["circle", "square"][: len(names)]), legend=legend
            ),
        )
    )
    tips: list[Any] = [alt.Tooltip("when:N", title="day")]
    fine = ".1%" if told.format.endswith("%") else ",.4~g"
    tips += [alt.Tooltip(f"{column}:Q", title=words, format=fine) for column, words in told.lines]
    columns = ["when", *(column for column, _ in told.lines)]
    chart(
        stacked(course, span, [lines], frame, tips, _HEIGHT),
        frame[columns].rename(columns={"when": "day", **dict(told.lines)}),
        name=f"measure-{name.replace(' ', '-')}",
        title=told.title,
        about=told.about,
    )

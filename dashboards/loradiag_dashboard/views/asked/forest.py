"""A forest plot: what each task lost or gained in percent of the base's score, with its interval and its margin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from loradiag.core.forgetting import Score
from loradiag.core.text import shorten
from loradiag.outputs.questions import MARKS, WORDS, Asked, named, served
from loradiag.outputs.scores import borne, extent, metric_words, relative, share_words, span
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.rows import height_of, places, rows_axis

if TYPE_CHECKING:
    import pandas as pd

MOST = 80
"""Rows of one plot; the table has all."""

SHAPES = {"forgot": "cross", "inconclusive": "square", "safe": "circle", "unjudged": "diamond"}
COLORS = {"forgot": "red", "inconclusive": "gold", "safe": "green", "unjudged": "gray"}
_NAME = 44


def forest(questions: Sequence[Asked], name: str, title: str) -> None:
    """Draw the differences of some questions; nothing where no score has one.

    Args:
        questions: In their order, each with the scores of its routes.
        name: Of the chart; trusted.
        title: Above it; trusted.
    """
    rows = [(score, index > 0) for scores in questions for index, score in enumerate(scores)]
    rows = [(score, below) for score, below in rows if relative(score, score.difference) is not None][:MOST]
    ends = extent(score for score, _ in rows)
    if ends is None:
        return
    frame = _frame(rows, ends)
    chart(
        _drawn(frame, ends),
        frame[["task", "metric", "change", "low", "high", "margin", "status"]].rename(
            columns={"change": "of base", "low": "95% from", "high": "to"}
        ),
        name=name,
        title=title,
        about="Adapter less base on the same documents, in percent of the base's score; left of 0 is worse, whatever the "
        "metric. Thin bars are 95% intervals, thick ones the 90% that judge. The shaded part is the margin: safe where the "
        "thick bar ends within it or right of it, forgot where it lies wholly left of it.",
        width="stretch",
    )


def _frame(rows: Sequence[tuple[Score, bool]], ends: tuple[float, float]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([_line(place, score, ends, below=below) for place, (score, below) in enumerate(rows)])


def _line(place: int, score: Score, ends: tuple[float, float], *, below: bool) -> dict[str, Any]:
    point = relative(score, score.difference) or 0.0
    low, high = span(score, score.ci_low, score.ci_high) or (None, None)
    worst, best = span(score, score.bound_low, score.bound_high) or (None, None)
    margin = borne(score)
    name = shorten(served(score) if below else named(score), _NAME)
    return {
        "place": place,
        "name": f"{'group: ' if score.role == 'group' and not below else ''}{name}",
        "task": named(score),
        "metric": metric_words(score),
        "change": point,
        "low": low,
        "high": high,
        "margin": margin,
        "status": f"{MARKS[score.status]} {WORDS[score.status]}",
        "kind": score.status,
        "said": share_words(point),
        "interval": "–" if low is None or high is None else f"{share_words(low)} to {share_words(high)}",
        "bears": "–" if margin is None else share_words(-margin),
        "far": "beyond" if not ends[0] <= point <= ends[1] else "",
        "x": _within(point, ends),
        "x_low": _within(low, ends),
        "x_high": _within(high, ends),
        "x_worst": _within(worst, ends),
        "x_best": _within(best, ends),
        "x_margin": None if margin is None else _within(-margin, ends),
        "zero": 0.0,
    }


def _within(value: float | None, ends: tuple[float, float]) -> float | None:
    return None if value is None else min(max(value, ends[0]), ends[1])


def _drawn(frame: pd.DataFrame, ends: tuple[float, float]) -> Any:
    import altair as alt
    import pandas as pd

    said = [f"{row.said}{' ◂' if row.far else ''}  {row.status}" for row in frame.itertuples()]
    y = places()
    axis = alt.Axis(
        format="+.0%" if ends[1] - ends[0] > 0.08 else "+.1%",
        tickCount=8,
        title="change, % of the base's score (← lost, gained →)",
    )
    x = alt.X("x:Q", scale=alt.Scale(domain=list(ends), nice=False), axis=axis)
    base = alt.Chart(frame)
    tint = _channel(frame, alt.Color, COLORS)
    tooltip = [
        alt.Tooltip(f"{field}:N", title=title)
        for field, title in (
            ("task", "task"), ("metric", "metric"), ("said", "change"), ("interval", "95% interval"), ("bears", "margin"),
            ("status", "status"),
        )
    ]  # fmt: skip
    zero = alt.Chart(pd.DataFrame({"at": [0.0], "word": ["no change"]}))
    layers = [
        base.mark_bar(color=color("gray"), opacity=0.16, height=alt.RelativeBandSize(1)).encode(
            x="x_margin:Q", x2="zero:Q", y=y
        ),
        base.mark_tick(color=color("red"), thickness=1.5, size=20).encode(x="x_margin:Q", y=y),
        zero.mark_rule(color=color("dim"), strokeWidth=1.5).encode(x="at:Q"),
        zero.mark_text(align="left", dx=4, dy=-6, baseline="bottom", color=color("dim")).encode(
            x="at:Q", y=alt.value(0), text="word:N"
        ),
        base.mark_rule(strokeWidth=1.4, opacity=0.9).encode(x="x_low:Q", x2="x_high:Q", y=y, color=tint),
        base.mark_rule(strokeWidth=4.5, opacity=0.45).encode(x="x_worst:Q", x2="x_best:Q", y=y, color=tint),
        base.mark_point(size=80, filled=True, opacity=1).encode(
            x=x,
            y=places(rows_axis(list(frame["name"]))),
            color=tint,
            shape=_channel(frame, alt.Shape, SHAPES),
            tooltip=tooltip,
        ),
        base.mark_point(size=0, opacity=0).encode(x=x, y=places(rows_axis(said, right=True))),
        *_margin(frame),
    ]
    return alt.layer(*layers).resolve_axis(y="independent").properties(height=height_of(len(frame)))


def _margin(frame: pd.DataFrame) -> list[Any]:
    """The name of the margin, where all have the same."""
    import altair as alt
    import pandas as pd

    margins = frame["margin"].dropna()
    if not len(margins) or margins.max() - margins.min() > 1e-9:
        return []
    at = -float(margins.iloc[0])
    named_ = alt.Chart(pd.DataFrame({"at": [at], "word": [f"margin {share_words(at)}"]}))
    return [
        named_.mark_text(align="right", dx=-4, dy=-6, baseline="bottom", color=color("red")).encode(
            x="at:Q", y=alt.value(0), text="word:N"
        )
    ]


def _channel(frame: pd.DataFrame, channel: Any, told: dict[str, str]) -> Any:
    """Colours or shapes of the statuses that there are."""
    import altair as alt

    kinds = [kind for kind in SHAPES if kind in set(frame["kind"])]
    names = [f"{MARKS[kind]} {WORDS[kind]}" for kind in kinds]
    found = [color(told[kind]) if channel is alt.Color else told[kind] for kind in kinds]
    return channel("status:N", scale=alt.Scale(domain=names, range=found))

"""What every route loses: a row a route, those of fewer bits above, on an axis that spans decades."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report
from loradiag.outputs.facts import short_number
from loradiag.outputs.routefigures import gain_words, interval_words
from loradiag.outputs.routes import ASKED, MARKS, WORDS, called
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.rows import decades, height_of, places, rows_axis
from loradiag_dashboard.views.routes.table import words_of

if TYPE_CHECKING:
    import pandas as pd

_LEAST, _MOST = 1e-9, 1e4
"""Losses beyond are drawn at the border."""

SHAPES = {"pass": "circle", "fail": "cross", "inconclusive": "diamond", "unfinished": "square"}
COLORS = {"pass": "green", "fail": "red", "inconclusive": "gold", "unfinished": "gray"}

_LIMITS = (("LD604", "most_loss", "fails beyond"), ("LD605", "most_loss_high", "warning beyond"))

_ABOUT = (
    "How far a route's answers are from the adapter's, in units of how far the base's are: 0 nothing is lost, 1 as far off as "
    "the base. Further left is better; bars are 95% intervals."
)
_EXCEPTION = " A route that lies beyond what fails others and passes has a finding that says why (LD604)."


def losses(report: Report, found: Merge, rows: Sequence[Route]) -> None:
    """Draw the effect loss of every route, or its gain where no model was run."""
    by_outputs = any(row.effect_loss is not None for row in rows)
    known = [row for row in rows if (row.effect_loss if by_outputs else row.gain) is not None]
    if not known:
        return
    frame = _frame(known, found, by_outputs=by_outputs)
    if by_outputs:
        chart(
            _drawn(frame, known, _limits(report), logarithmic=True),
            _numbers(known, by_outputs=True),
            name="losses",
            title="Effect loss ρ by route, fewest bits first",
            about=f"{_ABOUT}{_EXCEPTION if _excused(report, known) else ''}",
            width="stretch",
        )
        return
    chart(
        _drawn(frame, known, [], logarithmic=False),
        _numbers(known, by_outputs=False),
        name="losses",
        title="Delta gain by route, fewest bits first",
        about="How much of the update is in what is stored: 1 keeps it, 0 erases it. Ticks: what Gaussian weights and "
        "updates of these sizes would have.",
        width="stretch",
    )


def label_of(row: Route, found: Merge) -> str:
    """A route with what the reader must know of it at once."""
    star = "★ " if row.route == found.recommended else ""
    return f"{star}{f'{ASKED} ' if row.gated else ''}{called(row.route)}"


def _limits(report: Report) -> list[tuple[float, str]]:
    limits = report.policy.thresholds
    found = [(limits.get(code, {}).get(name), word) for code, name, word in _LIMITS]
    return [(value, f"{word} {short_number(value)}") for value, word in found if value is not None and value > 0]


def _excused(report: Report, rows: Sequence[Route]) -> bool:
    """Whether a route passes though it lies beyond what fails others."""
    code, name, _ = _LIMITS[0]
    most = report.policy.thresholds.get(code, {}).get(name)
    return most is not None and any(row.status == "pass" and (row.effect_loss or 0.0) > most for row in rows)


def _clipped(value: float | None) -> float | None:
    return None if value is None else min(max(value, _LEAST), _MOST)


def _frame(rows: Sequence[Route], found: Merge, *, by_outputs: bool) -> pd.DataFrame:
    import pandas as pd

    lines = []
    for place, row in enumerate(rows):
        value, low, high = (
            (_clipped(row.effect_loss), _clipped(row.effect_loss_low), _clipped(row.effect_loss_high))
            if by_outputs
            else (_shown(row.gain), None, None)
        )
        lines.append(
            {
                "place": place,
                "route": label_of(row, found),
                "status": words_of(row),
                "value": value,
                "low": low,
                "high": high,
                "predicted": None if by_outputs else _shown(row.predicted_gain),
                "said": _said(row, by_outputs=by_outputs),
                "bits": f"{short_number(row.bits)} bits",
            }
        )
    return pd.DataFrame(lines)


def _shown(gain: float | None) -> float | None:
    return None if gain is None else min(max(gain, -0.25), 1.5)


def _said(row: Route, *, by_outputs: bool) -> str:
    if by_outputs:
        return f"ρ {short_number(row.effect_loss)} ({interval_words(row.effect_loss_low, row.effect_loss_high)})"
    return f"gain {gain_words(row.gain)}, predicted {gain_words(row.predicted_gain)}"


def _drawn(frame: pd.DataFrame, rows: Sequence[Route], limits: list[tuple[float, str]], *, logarithmic: bool) -> Any:
    import altair as alt

    x = alt.X("value:Q", **_axis(frame, limits, logarithmic=logarithmic))
    y = places()
    base = alt.Chart(frame)
    tooltip = [alt.Tooltip(f"{name}:N", title=name) for name in ("route", "bits", "status", "said")]
    layers = [
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=_colors(rows)),
        base.mark_tick(thickness=2, size=14, color=color("dim")).encode(x="predicted:Q", y=y),
        base.mark_point(size=75, filled=True, opacity=1, strokeWidth=1.5).encode(
            x=x, y=places(rows_axis(list(frame["route"]))), color=_colors(rows), shape=_shapes(rows), tooltip=tooltip
        ),
        base.mark_point(size=0, opacity=0).encode(
            x=x, y=places(rows_axis([f"{short_number(row.bits)} bits" for row in rows], right=True))
        ),
    ]
    if not logarithmic:
        limits = [(1.0, "1: kept"), (0.0, "0: erased")]
    layers += _lines(limits)
    return alt.layer(*layers).resolve_axis(y="independent").properties(height=height_of(len(rows)))


def _axis(frame: pd.DataFrame, limits: list[tuple[float, str]], *, logarithmic: bool) -> dict[str, Any]:
    import altair as alt

    if not logarithmic:
        low = min(0.0, float(frame["value"].min()))
        scale = alt.Scale(domain=[low - 0.03, max(1.06, float(frame["value"].max()) + 0.03)])
        return {"scale": scale, "axis": alt.Axis(tickCount=6, format="g", title="delta gain (keeps more →)")}
    ends = [value for name in ("value", "low", "high") for value in frame[name].dropna()]
    ends += [value for value, _ in limits]
    low, high = min(ends) / 1.6, max(ends) * 2.2
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    return {
        "scale": scale,
        "axis": alt.Axis(format="~e", values=decades(low, high), title="effect loss ρ (← keeps more)"),
    }


def _lines(limits: list[tuple[float, str]]) -> list[Any]:
    """Limits with their names."""
    import altair as alt
    import pandas as pd

    if not limits:
        return []
    base = alt.Chart(pd.DataFrame({"at": [value for value, _ in limits], "word": [word for _, word in limits]}))
    return [
        base.mark_rule(strokeDash=[5, 3], color=color("dim"), strokeWidth=1.2).encode(x="at:Q"),
        *(
            alt.Chart(pd.DataFrame({"at": [value], "word": [word]}))
            .mark_text(
                align="right" if index else "left", dx=-4 if index else 4, y=-7, baseline="bottom", color=color("dim")
            )
            .encode(x="at:Q", text="word:N")
            for index, (value, word) in enumerate(limits)
        ),
    ]


def _colors(rows: Sequence[Route]) -> Any:
    import altair as alt

    known = _statuses(rows)
    return alt.Color(
        "status:N", scale=alt.Scale(domain=list(known), range=[color(COLORS[name]) for name in known.values()])
    )


def _shapes(rows: Sequence[Route]) -> Any:
    import altair as alt

    known = _statuses(rows)
    return alt.Shape("status:N", scale=alt.Scale(domain=list(known), range=[SHAPES[name] for name in known.values()]))


def _statuses(rows: Sequence[Route]) -> dict[str, str]:
    """The statuses that there are, by their words."""
    return {f"{MARKS[name]} {WORDS[name]}": name for name in SHAPES if any(row.status == name for row in rows)}


def _numbers(rows: Sequence[Route], *, by_outputs: bool) -> pd.DataFrame:
    import pandas as pd

    found: dict[str, Any] = {
        "route": [called(row.route) for row in rows],
        "bits": [row.bits for row in rows],
        "status": [words_of(row) for row in rows],
    }
    if by_outputs:
        found["ρ"] = [row.effect_loss for row in rows]
        found["95% from"] = [row.effect_loss_low for row in rows]
        found["to"] = [row.effect_loss_high for row in rows]
    found["gain"] = [row.gain for row in rows]
    found["predicted"] = [row.predicted_gain for row in rows]
    return pd.DataFrame(found)

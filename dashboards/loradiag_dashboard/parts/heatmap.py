"""Heat maps: cells in colours whose order survives colour blindness, with texts in them where there is room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from loradiag_dashboard.parts.palette import DIVERGING, SEQUENTIAL, color

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = 18
"""Up to this number of columns there is room for numbers in the cells of a wide map; signs are always there."""

ROW = 28
"""Pixels of a row."""

_BRIGHT = 0.6
"""From this share of the scale on, viridis is so bright that ink reads better than paper."""


class Look(NamedTuple):
    """From values to colours: the ends of the scale, whether it is logarithmic, and whether 0 is in its middle."""

    low: float
    high: float
    log: bool = False
    diverging: bool = False

    def share(self, value: float) -> float:
        """Where a value lies between the least (0) and the largest (1)."""
        low, high, value = ((math.log(v) if self.log else v) for v in (self.low, self.high, value))
        return (value - low) / (high - low) if high > low else 0.5

    def is_bright(self, value: float) -> bool:
        """Whether the colour of a value asks for dark text."""
        share = self.share(value)
        return 0.2 < share < 0.8 if self.diverging else share > _BRIGHT


def look_of(values: Sequence[float], *, log: bool = False) -> Look:
    """The scale of some values; logarithmic only where all are positive."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low == high:
        low, high = (low * 0.9, high * 1.1) if low > 0 else (low - 1.0, high + 1.0)
    return Look(low, high, log=log and low > 0)


def centred(values: Sequence[float]) -> Look:
    """The scale of differences, with 0 in its middle."""
    most = max((abs(value) for value in values), default=0.0) or 1.0
    return Look(-most, most, diverging=True)


def named(columns: Sequence[str]) -> Sequence[str]:
    """The columns whose names are written: all where there is room, else the round ones."""
    if len(columns) <= COLUMNS:
        return columns
    step = 2 if len(columns) <= 2 * COLUMNS else 5 if len(columns) <= 5 * COLUMNS else 10
    return [name for place, name in enumerate(columns) if (int(name) if name.isdecimal() else place) % step == 0]


def map_of(
    frame: pd.DataFrame,
    *,
    roles: Sequence[str],
    columns: Sequence[str],
    look: Look,
    x_title: str = "layer",
    tooltips: Sequence[tuple[str, str]] = (
        ("modules", "modules"),
        ("said", "value"),
        ("role", "role"),
        ("layer", "layer"),
    ),
    row: int = ROW,
) -> Any:
    """A chart of cells.

    Args:
        frame: A row a cell: ``layer``, ``role``, ``value`` (NaN for none), ``text``, ``bright``, and what tooltips tell.
        roles: The rows from the top down.
        columns: From the left to the right.
        look: The scale.
        x_title: Under the columns; trusted.
        tooltips: Columns of the frame with their titles.
        row: Pixels of a row.
    """
    import altair as alt

    scheme: Any = DIVERGING if look.diverging else SEQUENTIAL
    colors = alt.Scale(domain=[look.low, look.high], scheme=scheme, type="log" if look.log else "linear")
    hover = [alt.Tooltip(f"{name}:N", title=title) for name, title in tooltips]
    base = alt.Chart(frame).encode(x=_across(columns, x_title), y=_down(roles, row), tooltip=hover)
    empty = base.mark_rect(fill=color("grid"), stroke=color("gray"), strokeWidth=0.6)
    filled = base.transform_filter("isValid(datum.value)").mark_rect()
    filled = filled.encode(color=alt.Color("value:Q", scale=colors, legend=alt.Legend(gradientLength=220, format="~g")))
    texts = base.transform_filter("datum.text != ''").mark_text(
        fontSize=11 if len(columns) <= COLUMNS else 9, clip=True, tooltip=None
    )
    texts = texts.encode(text="text:N", color=alt.ColorValue("#ffffff", condition=_inks()))
    return alt.layer(empty, filled, texts).properties(height=alt.Step(row), width="container")


def _across(columns: Sequence[str], title: str) -> Any:
    """The axis of columns."""
    import altair as alt

    scale = alt.Scale(domain=list(columns), paddingInner=0.04)
    axis = alt.Axis(
        title=title, values=list(named(columns)), labelAngle=0, labelOverlap="greedy", grid=False, ticks=False
    )
    return alt.X("layer:O", sort=list(columns), scale=scale, axis=axis)


def _down(roles: Sequence[str], row: int) -> Any:
    """The axis of rows: all of them are named."""
    import altair as alt

    axis = alt.Axis(
        title=None,
        grid=False,
        ticks=False,
        labelLimit=240,
        labelColor=color("ink"),
        labelOverlap=False,
        labelFontSize=12 if row >= ROW else 10,
    )
    return alt.Y("role:N", sort=list(roles), scale=alt.Scale(domain=list(roles), paddingInner=0.06), axis=axis)


def _inks() -> list[dict[str, str]]:
    """Text over what has no colour is ink, over bright colours dark, over others white."""
    return [
        {"test": "!isValid(datum.value)", "value": color("ink")},
        {"test": "datum.bright", "value": "#16191d"},
    ]

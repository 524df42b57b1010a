"""What load does to answers: the share that changed without others, among others, and that is another's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.served import Served, ServedModel
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.rows import height_of, places, rows_axis
from loradiag_dashboard.views.endpoints.order import MOST, called, gravest_first, worded

if TYPE_CHECKING:
    import pandas as pd

_TAKEN = "another's answer"
KINDS = {"without others": ("circle", "gray"), "among others": ("diamond", "blue"), _TAKEN: ("cross", "red")}
_LANES = ("changed", "taken")


def load(found: Served) -> None:
    """Draw the chart; nothing where nothing was asked under load."""
    rows = [row for row in gravest_first(found) if row.loaded]
    if not rows:
        st.caption("Nothing was asked under load.")
        return
    frame = load_frame(rows)
    about = (
        "Shares of answers under load that were others than alone. A mark on the right of its circle: other adapters' "
        f"requests changed answers. The gravest first, {MOST} at most."
    )
    numbers = frame.drop(columns=["place", "lane"])
    chart(
        _drawn(frame[frame["place"] < MOST], rows[:MOST]), numbers, name="load", title="Answers under load", about=about
    )


def load_frame(rows: list[ServedModel]) -> pd.DataFrame:
    """A row an adapter and kind of share."""
    import pandas as pd

    lines = [
        {
            "place": place,
            "lane": _LANES[kind == _TAKEN],
            "adapter": called(row),
            "status": worded(row),
            "kind": kind,
            "share": share,
            "of": of,
        }
        for place, row in enumerate(rows)
        for kind, share, of in _shares(row)
    ]
    return pd.DataFrame(lines, columns=["place", "lane", "adapter", "status", "kind", "share", "of"])


def _shares(row: ServedModel) -> list[tuple[str, float, str]]:
    counts = (
        ("without others", row.changed_own, row.own),
        ("among others", row.changed_loaded, row.loaded),
        (_TAKEN, row.taken, row.telling),
    )
    return [(kind, count / of, f"{count:,} of {of:,}") for kind, count, of in counts if of]


def _drawn(frame: pd.DataFrame, rows: list[ServedModel]) -> Any:
    import altair as alt

    most = max(float(frame["share"].max()), 0.05)
    scale = alt.Scale(domain=[-0.02 * most, 1.08 * most], nice=False)
    x = alt.X("share:Q", scale=scale, axis=alt.Axis(title="share of answers", format=".0%", tickCount=5))
    tint = alt.Color("kind:N", scale=alt.Scale(domain=list(KINDS), range=[color(tone) for _, tone in KINDS.values()]))
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=list(KINDS), range=[mark for mark, _ in KINDS.values()]))
    hover = [alt.Tooltip(f"{name}:N") for name in ("adapter", "status", "kind", "of")]
    # Where all that changed is another's, the two shares are one: they stand beneath each other.
    shift = alt.YOffset("lane:N", scale=alt.Scale(domain=list(_LANES), range=[6, 18]))
    base = alt.Chart(frame)
    between = base.transform_filter(f"datum.lane == '{_LANES[0]}'").mark_line(
        strokeWidth=2, color=color("gray"), opacity=0.5
    )
    layers = [
        between.encode(x=x, y=places(), yOffset=shift, detail="place:N"),
        base.mark_point(filled=True, size=75, opacity=1).encode(
            x=x,
            y=places(rows_axis([called(row) for row in rows], width=220)),
            color=tint,
            shape=shape,
            yOffset=shift,
            tooltip=hover,
        ),
    ]
    return alt.layer(*layers).resolve_axis(y="independent").properties(height=height_of(len(rows)), width="container")

"""How far single tokens are off: percentiles of the divergence from the adapter, a row a route."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.merge import Merge, Route
from loradiag.outputs.facts import short_number
from loradiag.outputs.routes import called
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.rows import decades, height_of, places, rows_axis
from loradiag_dashboard.views.routes.losses import label_of

if TYPE_CHECKING:
    import pandas as pd

_MEAN = "mean"
PERCENTILES = {
    "median": "kld_median",
    _MEAN: "kld_mean",
    "p90": "kld_p90",
    "p95": "kld_p95",
    "p99": "kld_p99",
    "p99.9": "kld_p999",
    "max": "kld_max",
}
_SHAPES = ("circle", "diamond", "triangle-right", "triangle-up", "square", "cross", "triangle-left")
_LEAST, _MOST = 1e-12, 1e4


def tails(found: Merge, rows: Sequence[Route]) -> None:
    """Draw the percentiles of every route that has them."""
    import pandas as pd

    known = [row for row in rows if row.kld_mean is not None]
    lines = [
        {"place": place, "route": label_of(row, found), "percentile": name, "kld": value, "said": short_number(value)}
        for place, row in enumerate(known)
        for name, field in PERCENTILES.items()
        if (value := getattr(row, field)) is not None and _LEAST <= value <= _MOST
    ]
    if not lines:
        return
    st.subheader("How far single tokens are off", anchor="tokens")
    numbers: dict[str, Any] = {"route": [called(row.route) for row in known]}
    numbers |= {name: [getattr(row, field) for row in known] for name, field in PERCENTILES.items()}
    chart(
        _drawn(pd.DataFrame(lines), [label_of(row, found) for row in known]),
        pd.DataFrame(numbers),
        name="tails",
        title="KL divergence of tokens from the adapter, nats",
        about="Half of the tokens lie below the median, all but one in a thousand below p99.9. Further left is better; a long "
        "line: few tokens bear most of the loss.",
        width="stretch",
    )
    if len(lines) < sum(getattr(row, field) is not None for row in known for field in PERCENTILES.values()):
        st.caption("What is not drawn is zero to the precision of the computation, or beyond the axis.")


def _drawn(frame: pd.DataFrame, names: Sequence[str]) -> Any:
    import altair as alt

    kinds = list(PERCENTILES)
    colors = [color(name) for name in ("blue", "ink", "sky", "green", "gold", "orange", "red")]
    low, high = float(frame["kld"].min()) / 2, float(frame["kld"].max()) * 2
    axis = alt.Axis(
        format="~e", values=decades(low, high), title="KL(adapter ‖ route) of a token, nats (← closer to the adapter)"
    )
    x = alt.X("kld:Q", scale=alt.Scale(type="log", nice=False, domain=[low, high]), axis=axis)
    base = alt.Chart(frame)
    tooltip = [
        alt.Tooltip("route:N"),
        alt.Tooltip("percentile:N"),
        alt.Tooltip("said:N", title="nats"),
    ]
    points = base.mark_point(size=70, filled=True, opacity=1).encode(
        x=x,
        y=places(rows_axis(names)),
        color=alt.Color("percentile:N", scale=alt.Scale(domain=kinds, range=colors), sort=kinds),
        shape=alt.Shape("percentile:N", scale=alt.Scale(domain=kinds, range=list(_SHAPES)), sort=kinds),
        tooltip=tooltip,
    )
    line = base.mark_rule(color=color("gray"), strokeWidth=2, opacity=0.45).encode(
        x=alt.X("min(kld):Q"), x2="max(kld):Q", y=places()
    )
    return alt.layer(line, points).resolve_axis(y="independent").properties(height=height_of(len(names)))

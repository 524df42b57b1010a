"""Where in the model routes keep the update: gains of modules by layer, and by role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.merge import Merge, Route
from loradiag.core.text import listed
from loradiag.outputs.gainmaps import ends, keeps
from loradiag.outputs.grid import rank
from loradiag.outputs.routefigures import gain_words
from loradiag.outputs.routes import called
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import CATEGORIES, color
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROUTES = 6
_POINTS = 4000
"""Modules that are drawn one by one; of more only the medians of layers are."""

_SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")
_OUTSIDE = -1
"""Where modules stand that lie in no layer."""

_LOW, _HIGH = -0.25, 1.5


def gains(found: Merge, rows: Sequence[Route], key: str) -> None:
    """Let the reader choose routes and roles, and draw their gains.

    Args:
        found: All there is.
        rows: The routes, in the order in which they are offered.
        key: Of the report: what is chosen of one does not stay chosen of the next.
    """
    by_name = {called(row.route): row for row in rows if row.modules}
    left, middle, right = st.columns([3, 3, 1], vertical_alignment="bottom")
    names = left.multiselect(
        "Routes",
        list(by_name),
        default=_first(found, list(by_name.values())),
        key=f"gain-routes-{key}",
        max_selections=_MOST_ROUTES,
    )
    roles = sorted(
        {module.role for row in by_name.values() for module in row.modules}, key=lambda role: (rank(role), role)
    )
    shown = {label(role, 40): role for role in roles}
    wanted = middle.multiselect("Roles", list(shown), key=f"gain-roles-{key}", placeholder="all")
    fitted = right.toggle("Fit axis", key="gain-fit", help="End the axis where the values end, and not at 0 and 1.")
    chosen = [by_name[name] for name in names]
    if not chosen:
        st.caption("Choose a route to see where it keeps the update.")
        return
    frame = _frame(chosen, [shown[name] for name in wanted] or roles)
    if not len(frame):
        st.caption("None of these modules could be measured.")
        return
    _layers(frame, names, fitted=fitted)
    whole = [row for row in by_name.values() if keeps(row)]
    if whole:
        low, high = map(gain_words, ends(whole))
        kept = listed([called(row.route) for row in whole], 20)
        st.caption(f"The gain of every module lies between {md(low)} and {md(high)}: {md(kept)}.")
    _by_role(chosen)


def _first(found: Merge, rows: Sequence[Route]) -> list[str]:
    """The route that is recommended, and those that lose most."""
    lossy = sorted((row for row in rows if not keeps(row)), key=lambda row: row.gain if row.gain is not None else -1.0)
    best = [row for row in rows if row.route == found.recommended]
    return list(dict.fromkeys(called(row.route) for row in [*best, *lossy[:2]])) or [called(rows[0].route)]


def _frame(rows: Sequence[Route], roles: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    lines = [
        {
            "route": called(row.route),
            "module": label(module.name, 100),
            "role": label(module.role, 40),
            "layer": module.layer,
            "order": order,
            "gain": module.gain,
            "predicted": module.predicted_gain,
            "error": module.gain_error,
            "swallowed": module.swallowed_share,
        }
        for row in rows
        for order, module in enumerate(row.modules)
        if module.gain is not None and module.role in roles
    ]
    frame = pd.DataFrame(lines)
    if len(frame):
        frame = frame.astype({"gain": float, "predicted": float, "error": float, "swallowed": float})
        frame.attrs["without"] = bool(frame["layer"].isna().all())
        frame["place"] = frame["order"] if frame.attrs["without"] else frame["layer"].fillna(_OUTSIDE).astype(int)
    return frame


def _layers(frame: pd.DataFrame, names: Sequence[str], *, fitted: bool) -> None:
    word = "module, in the order of the adapter" if frame.attrs.get("without") else "layer"
    numbers = frame.drop(columns=["order", "place"])
    many = len(frame) > _POINTS
    chart(
        _drawn(frame, names, word, fitted=fitted, points=not many),
        numbers,
        name="gains",
        title=f"Delta gain by {word}",
        about="Points are modules, lines the medians of layers; dashed: what Gaussian weights and updates of the same sizes "
        "would have. 1 keeps the update, 0 erases it.",
        width="stretch",
    )
    if many:
        st.caption(f"{len(frame):,} modules: only the medians of layers are drawn.")


def _drawn(frame: pd.DataFrame, names: Sequence[str], word: str, *, fitted: bool, points: bool) -> Any:
    import altair as alt

    clipped = frame.assign(shown=frame["gain"].clip(_LOW, _HIGH), expected=frame["predicted"].clip(_LOW, _HIGH))
    middle = clipped.groupby(["route", "place"], as_index=False)[["shown", "expected"]].median()
    middle = middle[middle["place"] > _OUTSIDE]
    low, high = _ends(clipped, fitted=fitted)
    y = alt.Y("shown:Q", title="delta gain", scale=alt.Scale(domain=[low, high], nice=False, clamp=True))
    ticks = alt.Axis(tickMinStep=1, labelExpr=f"datum.value == {_OUTSIDE} ? 'none' : format(datum.value, 'd')")
    x = alt.X("place:Q", title=word, axis=ticks, scale=alt.Scale(nice=False, zero=False, padding=16))
    scale = alt.Scale(domain=list(names), range=[color(name) for name in CATEGORIES[: len(names)]])
    tint = alt.Color("route:N", scale=scale)
    lines = alt.Chart(middle)
    layers = [
        lines.mark_line(strokeDash=[4, 4], opacity=0.7).encode(x=x, y=alt.Y("expected:Q"), color=tint),
        lines.mark_line(strokeWidth=2).encode(x=x, y=y, color=tint),
    ]
    if points:
        shape = alt.Shape("route:N", scale=alt.Scale(domain=list(names), range=list(_SHAPES[: len(names)])))
        tooltip = [
            alt.Tooltip("route:N"), alt.Tooltip("module:N"), alt.Tooltip("role:N"), alt.Tooltip("gain:Q", format=".4f"),
            alt.Tooltip("error:Q", title="standard error", format=".2g"), alt.Tooltip("predicted:Q", format=".4f"),
            alt.Tooltip("swallowed:Q", format=".1%"),
        ]  # fmt: skip
        marks = alt.Chart(clipped).mark_point(size=45, filled=True, opacity=0.65)
        layers.append(marks.encode(x=x, y=y, color=tint, shape=shape, tooltip=tooltip))
    layers += _marked(low, high)
    return alt.layer(*layers).properties(height=320)


def _marked(low: float, high: float) -> list[Any]:
    """Lines at 1 and at 0 that say what they stand for; both texts keep clear of the values between."""
    import altair as alt
    import pandas as pd

    layers = []
    for at, word, shift in ((1.0, "1: keeps the update", -10), (0.0, "0: erased", 10)):
        if low <= at <= high:
            base = alt.Chart(pd.DataFrame({"at": [at], "word": [word]}))
            layers.append(base.mark_rule(color=color("dim"), strokeWidth=1).encode(y="at:Q"))
            text = base.mark_text(align="right", dx=-4, dy=shift, color=color("dim"))
            layers.append(text.encode(x=alt.value("width"), y="at:Q", text="word:N"))
    return layers


def _ends(frame: pd.DataFrame, *, fitted: bool) -> tuple[float, float]:
    values = frame[["shown", "expected"]].stack()
    low, high = float(values.min()), float(values.max())
    if not fitted:
        low, high = min(low, 0.0), max(high, 1.0)
    air = (high - low) * 0.09 or 0.01
    return low - air, high + air


def _by_role(rows: Sequence[Route]) -> None:
    import pandas as pd

    lines = [
        {
            "route": called(row.route),
            "role": label(role.role, 40),
            "modules": role.modules,
            "gain": role.gain,
            "cosine": role.cosine,
            "swallowed": role.swallowed_share,
        }
        for row in rows
        for role in sorted(row.roles, key=lambda role: (rank(role.role), role.role))
    ]
    if not lines:
        return
    config = st.column_config
    columns = {
        "gain": config.NumberColumn(
            "gain", format="%.4f", help="Of all modules of the role together: 1 kept, 0 erased."
        ),
        "cosine": config.NumberColumn("cosine", format="%.4f", help="Between the update and what is stored of it."),
        "swallowed": config.NumberColumn(
            "swallowed", format="percent", help="Of the entries that the update changes, those stored as without it."
        ),
    }
    st.markdown("**By role**")
    table(pd.DataFrame(lines), "gain-by-role", rows=12, column_config=columns)

"""Where in the network two adapters meet: maps of layers and roles, overlaps beside chance, and every module."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from loradiag.core.comparing import ComparedModule, ComparedPair, Comparison
from loradiag.core.text import plural
from loradiag.outputs.comparedgrid import pair_grids
from loradiag.outputs.comparing import MARKS, MEANINGS, MEASURES, WORDS, most_first, pair_name
from loradiag.outputs.grid import Grid
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.heatmap import COLUMNS, Look, map_of
from loradiag_dashboard.parts.palette import categories, color
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.views.inspection.heat import place_of
from loradiag_dashboard.views.inspection.spectra import SHAPES

if TYPE_CHECKING:
    import pandas as pd

PAIRS, MODULES = 400, 2000
"""Pairs to choose from, and modules in the chart of one pair."""

_SIDES = {"left": "what they write", "right": "what they read"}


def titled(measure: str) -> str:
    """A measure at the start of a line."""
    title = MEASURES[measure][0]
    return f"{title[:1].upper()}{title[1:]}"


def look_of(measure: str, values: Sequence[float]) -> Look:
    """Shares from 0 to 1, so that colours mean the same from report to report; cosines from -1 to 1 with 0 in the middle."""
    if measure == "cosine":
        return Look(-1.0, 1.0, diverging=True)
    return Look(0.0, max(1.0, max(values, default=1.0)) if measure == "distance" else 1.0)


def related(pair: ComparedPair) -> str:
    """What two adapters are to each other, in words and by a sign, which a spreadsheet must not take for a formula."""
    return f"{WORDS[pair.relation]} {MARKS[pair.relation]}".strip()


def meeting(found: Comparison, measure: str) -> None:
    """Where in the network two of them meet."""
    ranked = [pair for pair in most_first(found) if pair.modules][:PAIRS]
    if not ranked:
        st.caption("The report leaves out the modules of its pairs, for their number.")
        return
    st.divider()
    by_key = {f"{pair.a + 1}-{pair.b + 1}": pair for pair in ranked}
    key = next(iter(by_key))
    if len(by_key) > 1:
        key = kept("pair", list(by_key), "Pair", format_func=lambda key: pair_name(found, by_key[key]))
    pair = by_key[key]
    st.markdown(
        f"**Where they meet: {md(pair_name(found, pair), 120)}** · {md(related(pair))}: "
        f":gray[{MEANINGS[pair.relation]}]"
    )
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _maps(pair, measure)
    with right:
        _overlaps(pair)
    with st.expander(plural(len(pair.modules), "module")):
        frame = modules_frame(pair)
        shown = [name for name in frame.columns if frame[name].dtype.kind == "f"]
        table(frame, "met", column_config={name: st.column_config.NumberColumn(format="%.3f") for name in shown})


def _maps(pair: ComparedPair, measure: str) -> None:
    look = look_of(measure, [number for row in pair.modules if (number := MEASURES[measure][1](row)) is not None])
    for index, grid in enumerate(pair_grids(pair, measure)):
        frame = _grid_frame(grid, measure, look)
        made = map_of(
            frame,
            roles=[label(role, 40) for role in grid.rows],
            columns=[place_of(layer) for layer in grid.columns],
            look=look,
        )
        about = "The median over the modules of a role in a layer. 0: one of the two changes nothing there."
        chart(
            made,
            frame[["layer", "role", "value", "said"]],
            name=f"met-{index}",
            title=f"{titled(measure)} by layer and role",
            about=about,
        )


def _grid_frame(grid: Grid, measure: str, look: Look) -> pd.DataFrame:
    import pandas as pd

    say = MEASURES[measure][2]
    dense = len(grid.columns) > COLUMNS
    rows = [
        {
            "layer": place_of(layer),
            "role": label(role, 40),
            "value": math.nan if cell.value is None else cell.value,
            "text": "0" if cell.value is None else "" if dense else say(cell.value),
            "bright": cell.value is not None and look.is_bright(cell.value),
            "said": "one of the two changes nothing" if cell.value is None else say(cell.value),
            "modules": label(cell.modules[0], 90) if len(cell.modules) == 1 else plural(len(cell.modules), "module"),
        }
        for (role, layer), cell in grid.cells.items()
    ]
    return pd.DataFrame(rows)


def _overlaps(pair: ComparedPair) -> None:
    import altair as alt

    side = kept("side", list(_SIDES), "Overlap of", draw=st.segmented_control, format_func=_SIDES.get, required=True)
    frame = overlaps_frame(pair.modules, side)
    roles = [*dict.fromkeys(frame["role"])]
    shapes = [SHAPES[index % len(SHAPES)] for index in range(len(roles))]
    colors = [categories()[index % len(categories())] for index in range(len(roles))]
    x = alt.X("layer:O", axis=alt.Axis(title="layer", labelAngle=0, labelOverlap="greedy"))
    hover = ["module:N", "role:N", alt.Tooltip("overlap:Q", format=".1%"), alt.Tooltip("chance:Q", format=".1%")]
    points = alt.Chart(frame).mark_point(filled=True, size=55, opacity=0.8)
    points = points.encode(
        x=x,
        y=alt.Y("overlap:Q", axis=alt.Axis(title="overlap", format="%"), scale=alt.Scale(domain=[0, 1])),
        xOffset=alt.XOffset("role:N", sort=roles),
        color=alt.Color("role:N", scale=alt.Scale(domain=roles, range=colors), legend=alt.Legend(columns=4)),
        shape=alt.Shape("role:N", scale=alt.Scale(domain=roles, range=shapes)),
        tooltip=hover,
    )
    chance = alt.Chart(frame).mark_tick(thickness=2, size=9, orient="horizontal", color=color("dim"))
    chance = chance.encode(x=x, y="chance:Q", xOffset=alt.XOffset("role:N", sort=roles), tooltip=hover)
    about = "A mark a module; its dash is what random subspaces of the same ranks have. 100%: one lies in the other."
    chart(
        alt.layer(chance, points).properties(height=300, width="container"),
        frame,
        name="overlaps",
        title="Overlap beside chance",
        about=about,
    )


def overlaps_frame(modules: Sequence[ComparedModule], side: str) -> pd.DataFrame:
    """The overlap of every module on one side, with what chance gives; of very many those that interfere most."""
    import pandas as pd

    ranked = sorted(modules, key=lambda row: -row.interference)[:MODULES]
    rows = [
        (
            label(row.name, 120),
            label(row.role, 40),
            place_of(row.layer),
            getattr(row, side),
            getattr(row, f"{side}_expected"),
        )
        for row in sorted(ranked, key=lambda row: -1 if row.layer is None else row.layer)
    ]
    return pd.DataFrame(rows, columns=["module", "role", "layer", "overlap", "chance"])


def modules_frame(pair: ComparedPair) -> pd.DataFrame:
    """All that was compared of every module, those that interfere most first."""
    import pandas as pd

    rows = [
        {
            "module": label(row.name, 160),
            "role": label(row.role, 40),
            "layer": row.layer,
            "ranks": f"{row.rank_a}, {row.rank_b}",
            "cosine": row.cosine,
            "interference": row.interference,
            "writes": row.left,
            "writes, by chance": row.left_expected,
            "reads": row.right,
            "reads, by chance": row.right_expected,
            "distance": row.distance,
            "opposite signs": row.sign_conflict,
            "‖Δa‖": row.norm_a,
            "‖Δb‖": row.norm_b,
        }
        for row in sorted(pair.modules, key=lambda row: -row.interference)
    ]
    return pd.DataFrame(rows)

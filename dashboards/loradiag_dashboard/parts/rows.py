"""Charts of rows: each row has a place, and the axes beside it say what stands there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any

from loradiag_dashboard.parts.palette import color

ROW = 24
"""Pixels of a row."""

_AROUND = 132
_FEW = 4


def rows_axis(texts: Sequence[str], *, right: bool = False, width: int = 260) -> Any:
    """An axis that writes a text beside every place from 0 on.

    Texts need not differ from each other; Vega reads them as data of its expression and as nothing else.

    Args:
        texts: Safe to show.
        right: Whether it stands on the right.
        width: Pixels that a text may take.
    """
    import altair as alt

    return alt.Axis(
        orient="right" if right else "left",
        title=None,
        labelExpr=f"{json.dumps(list(texts))}[datum.value]",
        labelLimit=width,
        labelOverlap=False,
        labelFlush=False,
        labelBound=False,
        labelColor=color("ink"),
        labelFontSize=12,
        labelPadding=10,
        grid=False,
        ticks=False,
    )


def places(axis: Any = None) -> Any:
    """The channel of rows from the top down; one layer alone has each axis, or its texts are drawn over each other."""
    import altair as alt

    scale = alt.Scale(type="band", paddingInner=0, paddingOuter=0)
    return alt.Y("place:O", axis=axis, sort="ascending", scale=scale)


def height_of(rows: int) -> int:
    """Pixels that so many rows take, with a legend above and an axis below."""
    return ROW * max(rows, 1) + _AROUND


def decades(low: float, high: float, most: int = 11) -> list[float]:
    """Ticks of a logarithmic axis: powers of ten, at most so many, and where they are few also twice and five times these."""
    first, last = floor(log10(low)), ceil(log10(high))
    step = max(1, ceil((last - first + 1) / most))
    factors = (1.0, 2.0, 5.0) if last - first < _FEW else (1.0,)
    ticks = [factor * 10.0**power for power in range(first, last + 1, step) for factor in factors]
    return [tick for tick in ticks if low <= tick <= high]

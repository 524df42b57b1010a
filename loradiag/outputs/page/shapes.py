"""Shapes of marks, as paths around their middle: what a colour says, they say as well."""

from __future__ import annotations

SHAPES = (
    "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0Z",
    "M-2.6-2.6h5.2v5.2h-5.2Z",
    "M0-3.6L3.4 2.6H-3.4Z",
    "M0-3.8L3.2 0L0 3.8L-3.2 0Z",
    "M0 3.6L3.4-2.6H-3.4Z",
    "M-3-3L3 3M-3 3L3-3",
    "M-3.6 0H3.6M0-3.6V3.6",
    "M-3.4 0H3.4",
)
"""Of series, such as roles: so many can be told apart without colour."""

MARK = {
    "pass": "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0Z",
    "fail": "M-3.6-3.6L3.6 3.6M-3.6 3.6L3.6-3.6",
    "inconclusive": "M0-4.2L4.2 0L0 4.2L-4.2 0Z",
}
"""Of what became of something, by its tone."""

BEYOND = {-1: "M3-4V4L-4 0Z", 1: "M-3-4V4L4 0Z"}
"""Arrowheads at the border, for values that lie beyond it."""

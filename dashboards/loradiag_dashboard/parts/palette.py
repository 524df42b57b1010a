"""Colours: by the theme, told apart without colour vision (Okabe and Ito 2008, in two lightnesses), and never alone.

Whatever has a colour has a mark or a word as well.
"""

from __future__ import annotations

import streamlit as st

MARKS = {"alarm": "⚑", "fail": "✗", "inconclusive": "?", "warning": "▲", "pass": "✓", "unknown": "·"}
WORDS = {
    "alarm": "alarm",
    "fail": "fail",
    "inconclusive": "undecided",
    "warning": "look",
    "pass": "sound",
    "unknown": "unknown",
}
"""The state of an adapter, as the roster has it, in a word."""

TONES = {
    "alarm": "red",
    "fail": "red",
    "inconclusive": "orange",
    "warning": "yellow",
    "pass": "green",
    "unknown": "gray",
}
"""The same as colours that Streamlit names: of badges."""

_LIGHT = {
    "ink": "#1b222c",
    "dim": "#5a6472",
    "grid": "#e1e5ea",
    "blue": "#0868ac",
    "orange": "#c8500a",
    "green": "#0a8463",
    "pink": "#b0548a",
    "gold": "#806400",
    "sky": "#2f93c8",
    "violet": "#5d4fb3",
    "gray": "#8a94a3",
    "red": "#b3261e",
}
_DARK = {
    "ink": "#e4e9f0",
    "dim": "#9ba6b4",
    "grid": "#2a323c",
    "blue": "#58abea",
    "orange": "#ff9255",
    "green": "#35cba0",
    "pink": "#ea9bcb",
    "gold": "#dec142",
    "sky": "#9bd6f7",
    "violet": "#aea2ff",
    "gray": "#7d8896",
    "red": "#ff8f85",
}

SEQUENTIAL = "viridis"
"""Its lightness rises evenly: the order survives colour blindness and a grey printer."""

DIVERGING = "blueorange"

CATEGORIES = ("blue", "orange", "green", "pink", "gold", "sky", "violet", "gray")


def is_dark() -> bool:
    """Whether the reader has the dark theme."""
    return st.context.theme.get("type") == "dark"


def color(name: str) -> str:
    """A colour of the theme in force: ``blue``, ``orange``, ``dim`` and so on."""
    return (_DARK if is_dark() else _LIGHT)[name]


def categories() -> list[str]:
    """Colours of kinds, in their order."""
    return [color(name) for name in CATEGORIES]


def state_mark(state: str) -> str:
    """A state as cells show it: a mark and a word."""
    return f"{MARKS[state]} {WORDS[state]}"


STATE_COLORS = {
    "alarm": "#c62f24",
    "fail": "#c62f24",
    "inconclusive": "#966200",
    "warning": "#966200",
    "pass": "#1d8a50",
    "unknown": "#68727f",
}
"""Of pills in tables, which are drawn alike in both themes: readable on both."""


def theme_options() -> dict[str, object]:
    """The options of Streamlit that make both themes."""
    shared = {"theme.base": "light", "theme.baseRadius": "medium", "theme.showWidgetBorder": True}
    light = {
        "primaryColor": "#1f5fa8",
        "backgroundColor": "#ffffff",
        "secondaryBackgroundColor": "#f3f5f8",
        "textColor": "#1b222c",
        "borderColor": "#dde2e8",
        "dataframeBorderColor": "#dde2e8",
        "redColor": "#b3261e",
        "orangeColor": "#b25e00",
        "yellowColor": "#7d5700",
        "greenColor": "#17703f",
        "blueColor": "#0868ac",
        "chartCategoricalColors": [_LIGHT[name] for name in CATEGORIES],
    }
    dark = {
        "primaryColor": "#3d7cc6",  # white can be read on it
        "linkColor": "#84b9f5",
        "backgroundColor": "#0f1318",
        "secondaryBackgroundColor": "#1a2029",
        "textColor": "#e4e9f0",
        "borderColor": "#2a323c",
        "dataframeBorderColor": "#2a323c",
        "redColor": "#ff8f85",
        "orangeColor": "#ffab6b",
        "yellowColor": "#ecc063",
        "greenColor": "#5fcf94",
        "blueColor": "#86b8ea",
        "chartCategoricalColors": [_DARK[name] for name in CATEGORIES],
    }
    found: dict[str, object] = dict(shared)
    found |= {f"theme.light.{name}": value for name, value in light.items()}
    found |= {f"theme.dark.{name}": value for name, value in dark.items()}
    return found

"""Rules that have no line in the tables, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "LD506": "It repeats what tools refuse, by their own sources; the deployability table has tests against these.",
    "LD605": "Its band, an upper bound from 5% to 10%, is as wide as the interval: see the table of routes by verdict.",
    "LD712": "It offers what a sweep found and measured on other documents; there is nothing that it should be silent of.",
}
"""Whatever else has no line in a run was left out of that run: a quick one, or one without ``--shared``."""


def reason(code: str) -> str:
    """Why a rule has no line."""
    return REASONS.get(code, "Not in this run.")

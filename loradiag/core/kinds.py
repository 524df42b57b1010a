"""What a report is called by what was measured."""

from __future__ import annotations

from loradiag.core.measurements import Measurements

# measurement -> what a report with it is called; the first that is there decides
_KINDS = {
    "forgetting": "forgetting",
    "merge": "merge-drift",
    "drift": "drift",
    "watch": "watch",
    "canary": "canary",
    "comparison": "compare",
    "fleet": "fleet",
    "trajectory": "trajectory",
    "served": "serve-check",
    "integrity": "inspect",
}
INSPECTION = "inspect"
OF_TRAFFIC = ("drift", "watch", "canary", "serve-check")
"""Reports whose subject is called by its name in the traffic, and not by where it lies."""

OF_SEVERAL = ("compare", "fleet", "trajectory", "serve-check")
"""Reports about several adapters together."""


def kind_of(measured: Measurements) -> str:
    """What a report is called by what was measured."""
    return next((kind for name, kind in _KINDS.items() if getattr(measured, name) is not None), "other")

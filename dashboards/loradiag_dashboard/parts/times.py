"""Times in words."""

from __future__ import annotations

from datetime import UTC, datetime

from loradiag.core.times import moment_of

_STEPS = ((60, "s", 1), (3600, "min", 60), (86_400, "h", 3600))


def ago(moment: str | None) -> str:
    """How long ago a time of a report was: ``12 s ago``, ``3 days ago``; a dash for none."""
    if moment is None:
        return "–"
    try:
        parsed = moment_of(moment)
    except ValueError:
        return "–"
    seconds = (datetime.now(UTC) - parsed).total_seconds()
    if seconds < 0:
        return "in the future"
    for most, unit, size in _STEPS:
        if seconds < most:
            return f"{int(seconds // size)} {unit} ago"
    days = int(seconds // 86_400)
    return f"{days} day{'s' if days > 1 else ''} ago"

"""Rich's parts as text: no markup is interpreted, nothing is highlighted, and lines end where their text does."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console, RenderableType


def as_text(parts: Iterable[RenderableType], *, color: bool, width: int) -> str:
    """Return what a terminal of so many columns would show, with colour escapes or without."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="truecolor" if color else None,
        no_color=not color,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"

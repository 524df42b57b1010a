"""Rich's parts as text: no markup is interpreted, nothing is highlighted, and lines end where their text does.

Names are made printable where they are put into words, which knows their width. What was forgotten there is caught here:
no text of a part reaches a terminal as an escape sequence.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from loradiag.core.text import printable


class _Console(Console):
    """One whose colours are its own: texts bring none."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control or segment.text.isprintable() else _shown(segment)


def _shown(segment: Segment) -> Segment:
    return Segment("\n".join(map(printable, segment.text.split("\n"))), segment.style)


def as_text(parts: Iterable[RenderableType], *, color: bool, width: int) -> str:
    """Return what a terminal of so many columns would show, with colour escapes or without."""
    stream = io.StringIO()
    console = _Console(
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

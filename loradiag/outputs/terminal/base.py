"""What was found beside the base, for a terminal: a sentence a question, and full names on demand."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from loradiag.core.report import Report
from loradiag.core.text import printable
from loradiag.outputs.beside import listings, statements, title
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.summary import labelled


def beside_base(report: Report, style: Style) -> Iterable[RenderableType]:
    """The section; nothing where there is neither base nor stamp."""
    said = statements(report)
    if not said:
        return
    yield ""
    yield Text(title(report).lower(), style="bold")
    yield labelled(said)
    if style.verbose:
        for label, names in listings(report):
            yield Text(f"  {label} ({len(names):,})", style="dim")
            yield Padding(Text("\n".join(printable(name) for name in names), overflow="fold"), (0, 0, 0, 4))

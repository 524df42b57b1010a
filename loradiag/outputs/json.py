"""JSON: the report itself, or ``{"schema_version", "reports": […]}`` for several."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.report import Report, Reports, encode
from loradiag.outputs.style import Style


def render(reports: Sequence[Report], style: Style) -> str:  # noqa: ARG001 - every output takes a style
    """Return the document, indented, with every character that a terminal might obey escaped."""
    document = reports[0] if len(reports) == 1 else Reports(reports=list(reports))
    return encode(document).decode()

"""Outputs render reports and compute nothing. The table names them all; listing it imports none.

Every output is one function ``render(reports, style) -> str``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from loradiag.core.errors import UsageError
from loradiag.core.lazy import Entry, load

if TYPE_CHECKING:
    from loradiag.core.report import Report
    from loradiag.outputs.style import Style

FORMATS: Mapping[str, Entry] = {
    "text": Entry("loradiag.outputs.text:render", summary="for a terminal"),
    "json": Entry("loradiag.outputs.json:render", summary="the report, versioned"),
    "markdown": Entry("loradiag.outputs.markdown:render", summary="for a pull request or a model card"),
    "html": Entry("loradiag.outputs.html:render", summary="one self-contained page with plots"),
    "sarif": Entry("loradiag.outputs.sarif:render", summary="SARIF 2.1.0, for code scanning"),
    "junit": Entry("loradiag.outputs.junit:render", summary="JUnit XML, for CI"),
    "github": Entry("loradiag.outputs.github:render", summary="annotations of GitHub Actions"),
    "gitlab": Entry("loradiag.outputs.gitlab:render", summary="Code Quality of GitLab, for a merge request"),
}

_BY_SUFFIX = {
    # The name that GitLab's own pages give such a report; it must come before the ending that it has, too.
    "gl-code-quality-report.json": "gitlab",
    ".json": "json",
    ".md": "markdown",
    ".html": "html",
    ".htm": "html",
    ".sarif": "sarif",
    ".xml": "junit",
    ".txt": "text",
}

Render = Callable[["Sequence[Report]", "Style"], str]


def renderer(name: str) -> Render:
    """Return the function that renders a format.

    Raises:
        UsageError: There is no such format.
    """
    if name not in FORMATS:
        raise UsageError(f"no format is called {name!r}; there are {', '.join(FORMATS)}")
    render: Render = load(FORMATS[name])
    return render


def format_of(filename: str) -> str:
    """Return the format that a file name's ending asks for.

    Raises:
        UsageError: The ending says nothing.
    """
    for suffix, name in _BY_SUFFIX.items():
        if filename.lower().endswith(suffix):
            return name
    raise UsageError(
        f"{filename!r}: cannot tell the format from the name; pass --format, or end it in {', '.join(_BY_SUFFIX)}"
    )

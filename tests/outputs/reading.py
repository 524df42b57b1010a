"""What a reader reads of a rendered report."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest

from loradiag.core.report import Report
from loradiag.outputs import renderer
from loradiag.outputs.style import Style

PEOPLE = pytest.mark.parametrize("name", ["text", "markdown", "html"])
"""The formats that people read."""

Make = Callable[[], list[Report]]


def only(make: Make) -> Report:
    """The one report of a sample."""
    (made,) = make()
    return made


def body(rendered: str) -> str:
    """A page without its style and its script; any other text as it is."""
    return re.sub(r"<(style|script)>.*?</\1>", "", rendered, flags=re.DOTALL)


def shown(name: str, report: Report, **style: object) -> str:
    """A rendered report without tags and marks, in single blanks; 180 columns wide unless ``style`` says otherwise."""
    rendered = body(renderer(name)([report], Style(**{"width": 180, **style})))  # type: ignore[arg-type]
    plain = re.sub(r"<[^>]*>|\*\*|`", "", re.sub("</t[dh]>", " ", rendered))
    return re.sub(r"\s+", " ", html.unescape(plain))

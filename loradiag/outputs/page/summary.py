"""What stands around a section's drawings and tables: what it comes to, and sentences behind their labels."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.outputs.advice import Advice, sentences
from loradiag.outputs.page.markup import Markup, element
from loradiag.outputs.routes import MARKS


def advice_box(found: Advice) -> Markup:
    """What to do, in its colour."""
    first, *more = sentences(found)
    mark = element("span", MARKS[found.tone], class_="mark", aria_hidden="true")
    said = [element("p", element("b", first)), *(element("p", line, class_="dim") for line in more)]
    return element("div", mark, element("div", *said), class_=f"advice-box {found.tone}")


def terms(said: Iterable[tuple[str, str]]) -> Markup:
    """Labels with their sentences."""
    parts = [part for label, text in said for part in (element("dt", label), element("dd", text))]
    return element("dl", *parts, class_="said") if parts else Markup("")

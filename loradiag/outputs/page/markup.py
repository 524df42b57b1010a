"""HTML and SVG that cannot be injected into: text is escaped unless it is :class:`Markup` already."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from functools import lru_cache

from loradiag.core.text import printable

_VOID = frozenset({"meta", "input", "br", "hr", "wbr"})
# Code points that HTML and XML forbid in text and that `printable`, made for terminals, lets through.
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")
# A page of hundreds of reports escapes millions of texts, and nearly all are of ASCII that needs nothing.
_PLAIN = re.compile(r"[ !#-%(-;=?-~]*").fullmatch


class Markup(str):
    """Text that is HTML already. Only this module, and constants in the code of the page, may make one."""

    __slots__ = ()


Attribute = str | int | float | bool | None


def escape(text: str) -> Markup:
    """Return ``text`` as HTML that shows it: invisible and direction-changing characters come out as escapes."""
    if isinstance(text, Markup):
        return text
    if _PLAIN(text):
        return Markup(text)
    return Markup(html.escape(_NONCHARACTERS.sub("\ufffd", printable(text)), quote=True))


def element(tag: str, *children: str, **attributes: Attribute) -> Markup:
    """Return one element. Children and attribute values are escaped.

    Attributes are named as in HTML, with ``_`` for ``-`` and ``class_`` for ``class``; ``True`` gives a bare
    attribute, ``None`` and ``False`` none.
    """
    opening = tag + "".join([_attribute(name, value) for name, value in attributes.items()])
    if tag in _VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{join(children)}</{tag}>")


def join(parts: Iterable[str]) -> Markup:
    """Concatenate, escaping what is no markup."""
    return Markup("".join([part if type(part) is Markup else escape(part) for part in parts]))


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    label = _label(name)
    return f" {label}" if value is True else f' {label}="{escape(str(value))}"'


@lru_cache(maxsize=256)
def _label(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def name(text: str) -> Markup:
    """An untrusted dotted name in a code face, which may be broken after its dots."""
    dot = element("wbr")
    return element("code", *(part for piece in re.split(r"(?<=[./])", text) for part in (piece, dot)))


def marked(mark: str, word: str, tone: str) -> Markup:
    """What became of something: a mark, its word, and a tone that gives the colour."""
    return element("b", element("span", mark, aria_hidden="true"), " ", word, class_=f"status {tone}")


def rows(cells: Iterable[Iterable[Markup]]) -> Markup:
    """Table rows, each of cells that are elements already."""
    return join(element("tr", *row) for row in cells)


def table(
    head: Iterable[str], body: Markup, *, class_: str | None = None, caption: str = "", tall: bool = False
) -> Markup:
    """A table in a frame that scrolls sideways when it must, and a ``tall`` one downwards as well.

    Numbers' heads are given with a leading ``#``, or as elements already.
    """
    parts = [
        element("caption", caption, class_="hidden") if caption else Markup(""),
        element("thead", element("tr", *map(_head, head))),
        element("tbody", body),
    ]
    return element("div", element("table", *parts, class_=class_), class_="scroll tall" if tall else "scroll")


def _head(title: str) -> Markup:
    if isinstance(title, Markup):
        return title
    return element("th", title.lstrip("#"), scope="col", class_="n" if title.startswith("#") else None)


def hinted(title: str, meaning: str, *, number: bool = True) -> Markup:
    """The head of a column of figures; a pointer is told what they mean."""
    return element(
        "th", element("span", title, class_="hint"), scope="col", class_="n" if number else None, title=meaning
    )


def folded(summary: str, *content: str, class_: str | None = None) -> Markup:
    """A part that opens on demand, without a script."""
    return element("details", element("summary", summary), *content, class_=class_)


def names(items: list[str], most: int, noun: str) -> Markup:
    """A list of untrusted names, at most ``most`` of them, saying so if there are more."""
    shown = element("ul", *(element("li", name(item)) for item in items[:most]), class_="names")
    if len(items) <= most:
        return shown
    return join(
        [shown, element("p", f"The first {most:,} of {len(items):,} {noun}; the JSON report has all.", class_="dim")]
    )

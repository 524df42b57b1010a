"""Text of strangers, shown as it is: Streamlit reads most texts as Markdown."""

from __future__ import annotations

import re

from loradiag.core.text import printable, shorten

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
"""All of ASCII's: CommonMark takes each of them for itself after a backslash."""


def md(text: str, most: int = 2000) -> str:
    """Return ``text`` so that Markdown shows it as it is: no link, no image, no colour, no formula, no HTML.

    Args:
        text: Untrusted.
        most: Characters; what is longer is cut in its middle.
    """
    return _PUNCTUATION.sub(r"\\\1", shorten(printable(text), most))


def label(text: str | None, most: int = 80) -> str:
    """Return ``text`` as cells and charts show it, which read no Markdown: short, and without what fools an eye."""
    return shorten(printable(text), most) if text else "–"


def lines(text: str, most: int | None = None) -> str:
    """Return ``text`` in the lines that it has, each safe to show where no Markdown is read; cut at its end."""
    return "\n".join(printable(line) for line in text[:most].split("\n"))

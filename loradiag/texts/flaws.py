"""What is wrong with a file of texts, said where the name of the file is not known."""

from __future__ import annotations

import re
from typing import Any

from loradiag.core.text import listed, quoted

_LONE = re.compile("[\ud800-\udfff]")
_KINDS = {bool: "true or false", int: "a number", float: "a number", dict: "an object", list: "a list", str: "text"}

TO_NAME = "name a field that holds the text in every record (--field)"
"""The remedy where the text was not found."""


class TextsError(ValueError):
    """What is wrong, which :func:`loradiag.texts.reading.read_texts` turns into an InputError.

    Args:
        problem: What is wrong, after the name of the file and a colon; fit to be shown.
        remedy: What the user can do about it.
        kind: A stable word for the sort of problem.
    """

    def __init__(self, problem: str, remedy: str = "", kind: str = "text") -> None:
        self.problem = problem
        self.remedy = remedy
        self.kind = kind
        super().__init__(problem)

    def at(self, place: str) -> TextsError:
        """The same flaw, said to be at ``line 3``."""
        return TextsError(f"{place}: {self.problem}", self.remedy, self.kind)


def a_kind(value: Any) -> str:
    """What a value is, with its article: ``a number``."""
    return "null" if value is None else _KINDS.get(type(value), f"of type {type(value).__name__}")


def those_there(names: Any) -> str:
    """``it has "a", "b"``: the fields to choose from."""
    return f"it has {listed([quoted(str(name)) for name in names], 12)}" if names else "it has none"


def whole(text: str) -> str:
    """Text that UTF-8 can hold: JSON's escapes can write half a character, which becomes U+FFFD."""
    return _LONE.sub("\ufffd", text)

"""From the words of docstrings and help texts to Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_ROLE = re.compile(r":\w+:`~?([\w.]+)`")
_CODE = re.compile(r"``(.+?)``", re.DOTALL)
_WORD = re.compile(
    r"(?<![\w/-])(--[a-z][\w-]*|(?:LORADIAG|MLFLOW|OPENAI)_[A-Z_]+|NO_COLOR|loradiag\.toml|pyproject\.toml)(?![\w])"
)
_MARKS = re.compile(r"([\\*_<>\[\]])")


def from_docstring(text: str) -> str:
    """Turn roles and double backquotes into code, and leave nothing else that Markdown would read."""
    text = _ROLE.sub(lambda match: f"``{match[1].rpartition('.')[2]}``", text)
    parts = _CODE.split(text)
    return "".join(_coded(part) if index % 2 else escaped(part) for index, part in enumerate(parts))


def from_help(text: str) -> str:
    """The same of a command's help: options, variables of the environment and files of settings become code."""
    parts = _WORD.split(text)
    return "".join(f"`{part}`" if index % 2 else escaped(part) for index, part in enumerate(parts))


def escaped(text: str) -> str:
    """Text in which Markdown and HTML see no mark."""
    return _MARKS.sub(r"\\\1", text.replace("&", "&amp;")).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _coded(text: str) -> str:
    return f"`{' '.join(text.split())}`"


def cell(text: str) -> str:
    """Markdown that fits a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; none where there are no rows."""
    lines = ["| " + " | ".join(cell(each) for each in row) + " |" for row in rows]
    if not lines:
        return []
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *lines, ""]

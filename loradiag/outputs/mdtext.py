"""Untrusted text in Markdown: shown, never obeyed.

Escapes are numeric character references, which can never become structure (CommonMark §2.5), where a backslash can
itself be escaped by what stands before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from loradiag.core.text import printable

_PUNCTUATION = re.compile(
    r"[\\`*{}\[\]<>|~&$#]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # within a word, an underscore is no emphasis
    r"|:(?=//)|(?<=\bwww)\.|(?<=\bgh)-",  # addresses and references that are linked without being asked
    re.IGNORECASE,
)
# A code span of these needs no escaping, not even in a table.
_TAME = re.compile(r"[\w.,:;/+\-=@#() '\"%×]*[\w./)]")


def prose(text: str) -> str:
    """Return ``text`` for running text or a table cell."""
    escaped = _PUNCTUATION.sub(lambda match: f"&#{ord(match.group())};", printable(text).strip())
    # GitHub looks for mentions after Markdown is done with the text, but not in code.
    return re.sub("@+", lambda match: f"`{match.group()}`", escaped)


def code(text: str) -> str:
    """Return ``text`` as code, fit for a table cell too."""
    shown = printable(text)
    if _TAME.fullmatch(shown) and shown.strip() == shown:
        return f"`{shown}`"
    references = re.sub(r"[^\w /-]|_", lambda match: f"&#{ord(match.group())};", shown)
    return f"<code>{references}</code>"


def table(heads: Iterable[str], lines: Iterable[Sequence[str] | Iterable[str]]) -> str:
    """A table of cells that are Markdown already. A leading ``#`` in a head aligns its column to the right."""
    titles = list(heads)
    rule = ["---:" if title.startswith("#") else "---" for title in titles]
    return "\n".join(_row(row) for row in ([title.lstrip("#") for title in titles], rule, *lines))


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def folded(summary: str, blocks: Sequence[str]) -> str:
    """Blocks that open on demand."""
    return "\n\n".join([f"<details><summary>{summary}</summary>", *blocks, "</details>"])

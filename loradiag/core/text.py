"""Untrusted text made fit to show.

Names of modules, paths and metadata come from files that strangers wrote. A terminal obeys escape sequences in
them, and bidirectional overrides can make a name read as another. Every output shows such text through here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

# DEL and C1 controls, soft hyphen, zero-width and bidirectional controls, line and paragraph separators, BOM, tags.
_UNSEEN = (
    "\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f"
)
_UNSAFE = re.compile(f"[\x00-\x1f\ud800-\udfff{_UNSEEN}]")
_UNSAFE_IN_JSON = re.compile(f"[{_UNSEEN}]")  # JSON writes C0 controls as escapes, and has no halves of characters


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def printable(text: str) -> str:
    """Return ``text`` with every character that a terminal or a reader's eye could be fooled by written as an escape."""
    return _UNSAFE.sub(_escape, text)


def printable_json(document: str) -> str:
    """Return a JSON document with the same characters written as JSON's own escapes: it says what it said."""
    return _UNSAFE_IN_JSON.sub(_escape_in_json, document)


def _escape_in_json(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be")  # of what needs two units JSON wants two escapes
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def path_text(path: str | os.PathLike[str]) -> str:
    """Return a path as text that JSON can hold: bytes that are no UTF-8, which names of files may have, come out escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def cell(value: object) -> object:
    """Return ``value`` as a cell of a table: text printable, with a quote before what a spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    return printable(f"'{value}" if value.startswith(_FORMULA) else value)


def shorten(text: str, width: int) -> str:
    """Cut ``text`` in its middle so that it is at most ``width`` characters wide."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def quoted(name: str) -> str:
    """An untrusted name in quotes, escaped and cut to a readable length."""
    return f'"{shorten(printable(name), 120)}"'


def plural(count: int, noun: str) -> str:
    """``1 module``, ``2 modules``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def ranges(numbers: Iterable[int]) -> str:
    """Write whole numbers as ranges: ``0–3, 7``."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{low}" if low == high else f"{low}–{high}" for low, high in runs)


def listed(items: Sequence[str], most: int = 5) -> str:
    """Join ``items``, naming the first ``most`` and counting the rest."""
    named = ", ".join(items[:most])
    return named if len(items) <= most else f"{named} and {len(items) - most:,} more"


CHECKPOINT_NAME = re.compile(r"(checkpoint|step|epoch|iter|ckpt)[-_]?\d+|\d+_adapters\..*", re.ASCII)
"""Names of checkpoints of a run: ``checkpoint-100``, ``epoch_3``, mlx-lm's ``0000100_adapters.safetensors``."""


def name_of(path: str) -> str:
    """What an adapter at a path or a URL is called: its last part, with the part before where that is a checkpoint's."""
    if path.startswith("models:/"):
        return path.removeprefix("models:/") or path
    parts = [part for part in path.partition("?")[0].split("/") if part not in ("", ".", "..")]
    if not parts:
        return path or "?"
    few = 2 if CHECKPOINT_NAME.fullmatch(parts[-1]) else 1
    return "/".join(parts[-few:])

"""JSON as loaders agree on it: no key twice, no NaN. Headers and configurations are read through here."""

from __future__ import annotations

import json
from typing import Any

from loradiag.core.text import printable, shorten


class RepeatedKeyError(ValueError):
    """An object has two entries of the same name. The text names it, fit to be shown."""


def loads(data: bytes) -> Any:
    """Decode UTF-8 JSON.

    Raises:
        RepeatedKeyError: Of two equal keys one parser takes the first and another the last.
        ValueError: It is not UTF-8, not JSON, nested beyond all reason, or has NaN or Infinity, which JSON lacks.
    """
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def quoted(name: str) -> str:
    """An untrusted name in quotes, escaped and cut to a readable length."""
    return f'"{shorten(printable(name), 120)}"'


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise RepeatedKeyError(quoted(name))
            seen.add(name)
    return unique


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not JSON")

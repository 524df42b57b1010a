"""JSON as loaders agree on it: no key twice, no NaN. Headers and configurations are read through here."""

from __future__ import annotations

import json
from typing import Any

from loradiag.core.text import quoted


class RepeatedKeyError(ValueError):
    """An object has two entries of the same name. The text names it, fit to be shown."""


def loads(data: bytes, *, infinities: bool = False) -> Any:
    """Decode UTF-8 JSON.

    Args:
        data: The text.
        infinities: Whether ``Infinity`` and ``-Infinity`` pass, which JSON lacks and Python's json writes.

    Raises:
        RepeatedKeyError: Of two equal keys one parser takes the first and another the last.
        ValueError: It is not UTF-8, not JSON, nested beyond all reason, or has NaN, or an infinity where none passes.
    """
    constant = _infinity if infinities else _no_constant
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def configuration(data: bytes, *, infinities: bool = False) -> Any:
    """Decode JSON that will be written again, as part of something new.

    Raises:
        RepeatedKeyError: As of :func:`loads`.
        ValueError: As of :func:`loads`; or it has half a surrogate pair, which passes for text until it is written.
    """
    found = loads(data, infinities=infinities)
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise RepeatedKeyError(quoted(name))
            seen.add(name)
    return unique


def _infinity(word: str) -> float:
    return _no_constant(word) if word == "NaN" else float(word)


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not JSON")

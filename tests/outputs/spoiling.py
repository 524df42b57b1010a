"""Reports in which every text that a stranger could have written is another."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from loradiag.core.errors import InputError
from loradiag.core.report import Report, decode, encode

Path = tuple[str | int, ...]


def spoiled(report: Report, text: str) -> Report:
    """The report as a file may hold it that somebody has changed: ``text`` wherever any text is taken, keys included."""
    document = json.loads(encode(report))
    for place in sorted({_kind(path) for path in _texts(document)}, key=str):
        changed = _with(document, place, lambda _: text)
        if _is_valid(changed):
            document = changed
    for place in sorted({_kind(path) for path in _tables(document)}, key=str):
        changed = _with(document, place, lambda found: _renamed(found, text))
        if _is_kept(changed):
            document = changed
    (made,) = decode(json.dumps(document).encode())
    return made


ABSURD = (0.0, 5e-324, -5e-324, 1e-310, 1e308, -1e308, 1.7e308, -1.7e308, 1.0, -1.0)
"""Numbers that a report may hold, and that arithmetic on them may leave."""


def misnumbered(report: Report, seed: int, share: float) -> Report:
    """The report with absurd numbers in place of some of its own, as a file may hold it."""
    generator = random.Random(seed)

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(child) for key, child in value.items()}
        if isinstance(value, list):
            return [changed(child) for child in value]
        return generator.choice(ABSURD) if isinstance(value, float) and generator.random() < share else value

    (made,) = decode(json.dumps(changed(json.loads(encode(report)))).encode())
    return made


def _renamed(found: Any, text: str) -> Any:
    return {f"{text}{key}": value for key, value in found.items()} if isinstance(found, dict) else found


def _texts(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, str):
        yield path
    for key, child in _children(value):
        yield from _texts(child, (*path, key))


def _tables(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        yield path
    for key, child in _children(value):
        yield from _tables(child, (*path, key))


def _children(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _kind(path: Path) -> Path:
    """The same place in every row of a list."""
    return tuple(0 if isinstance(part, int) else part for part in path)


def _with(value: Any, place: Path, change: Callable[[Any], Any]) -> Any:
    """A copy with another value at every place of a kind."""
    if not place:
        return change(value)
    head, rest = place[0], place[1:]
    if isinstance(value, list):
        return [_with(child, rest, change) for child in value]
    if isinstance(value, dict) and head in value:
        return {**value, head: _with(value[head], rest, change)}
    return value


def _is_valid(document: Any) -> bool:
    try:
        decode(json.dumps(document).encode())
    except InputError:
        return False
    return True


def _is_kept(document: Any) -> bool:
    """Whether keys are any texts there: those of a structure would be left out as unknown, or missed."""
    if not _is_valid(document):
        return False
    (made,) = decode(json.dumps(document).encode())
    return bool(json.loads(encode(made)) == document)

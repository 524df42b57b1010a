"""The adapters behind an endpoint as charts have them: the gravest first, and what each is called."""

from __future__ import annotations

from loradiag.core.served import Served, ServedModel
from loradiag.outputs.advice import Tone
from loradiag.outputs.served import MARKS, named, rows, status

MOST = 40
"""Rows of a chart; tables have all."""

GRAVITY: dict[Tone, int] = {"fail": 0, "inconclusive": 1, "pass": 2}


def gravest_first(found: Served) -> list[ServedModel]:
    """Adapters and bases: what fails first, then by how many of its answers changed."""
    return sorted(rows(found), key=lambda row: (GRAVITY[status(row)[0]], row.role == "base", -_changed(row)))


def _changed(row: ServedModel) -> float:
    return row.changed_loaded / row.loaded if row.loaded else 0.0


def called(row: ServedModel, width: int = 40) -> str:
    """A name with the mark of its status, and whether it is a base; safe to show, not to read as Markdown."""
    return f"{MARKS[status(row)[0]]} {named(row.name, width)}" + (" (base)" if row.role == "base" else "")


def worded(row: ServedModel) -> str:
    """What there is to say of it, by a mark."""
    tone, said = status(row)
    return f"{MARKS[tone]} {said}"

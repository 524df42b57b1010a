"""What the bench writes: the generated part of docs/validity.md, and a sentence for every rule's documentation."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"


def today() -> str:
    """The date, in UTC."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def put_between_markers(page: Path, text: str) -> None:
    """Replace the generated part of a page by hand.

    Raises:
        ValueError: The page has no such part.
    """
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page}: lacks {BEGIN} or {END}")
    _replace(page, f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}")


def write_measured(sentences: Mapping[str, Sequence[str]]) -> None:
    """Write what rules say of their own error rates."""
    rules = {code: " ".join(said) for code, said in sorted(sentences.items())}
    _replace(
        ROOT / "loradiag" / "rules" / "measured.json", json.dumps({"rules": rules}, indent=1, ensure_ascii=False) + "\n"
    )


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.replace(path)

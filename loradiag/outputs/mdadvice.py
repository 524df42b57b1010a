"""What a section comes to, in Markdown."""

from __future__ import annotations

from loradiag.outputs.advice import Advice, sentences
from loradiag.outputs.mdtext import prose
from loradiag.outputs.routes import MARKS


def advised(found: Advice) -> str:
    """The mark, the first sentence in bold, and the others."""
    first, *more = map(prose, sentences(found))
    return " ".join([f"{MARKS[found.tone]} **{first}**", *more])

"""What a section of a report comes to, and what to do: a few sentences, and whether they are good news."""

from __future__ import annotations

from typing import Literal

import msgspec

Tone = Literal["pass", "inconclusive", "fail"]


class Advice(msgspec.Struct, frozen=True):
    """What to do, and whether it is good news. ``more`` says what else there is to know. All text is safe to show."""

    tone: Tone
    text: str
    more: tuple[str, ...] = ()


def sentences(found: Advice) -> list[str]:
    """The lines of an advice, each with a capital at its start and a full stop at its end."""
    return [f"{line[:1].upper()}{line[1:]}." for line in (found.text, *found.more)]

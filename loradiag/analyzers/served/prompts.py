"""What is asked where nobody says what: short beginnings about nothing in particular, which any model can go on with."""

from __future__ import annotations

import hashlib

import msgspec

BUILT_IN = (
    "The first thing to know about rivers is",
    "Write one sentence about a bridge.",
    "Three colours are",
    "In the morning the market",
    "Explain why the sky looks blue.",
    "A short list of tools: hammer,",
    "Once upon a time there was a",
    "The opposite of heavy is",
    "Name a town and say what it is known for.",
    "2, 4, 6, 8,",
    "Dear colleague, thank you for",
    "The recipe begins with",
    "What is the difference between a lake and a sea?",
    "def add(a, b):",
    "The report of last week says that",
    "Describe a chair to somebody who has never seen one.",
    "Question: How many days has a week? Answer:",
    "She opened the door and",
    "The most important rule of the game is",
    "Give a reason to plant trees.",
    "The weather tomorrow will be",
    "In summary,",
    "Translate into French: good evening",
    "On the table there were a cup, a book and",
)
"""Neutral: an adapter may answer some of them as its base does."""


class Prompts(msgspec.Struct, frozen=True):
    """Prompts, and where they are from."""

    texts: tuple[str, ...]
    source: str
    sha256: str | None


def built_in(limit: int | None = None) -> Prompts:
    """The prompts of this file."""
    return Prompts(BUILT_IN[:limit], "built in", None)


def digits(text: str) -> str:
    """The first digits of the hash of a text, by which it is known without being shown."""
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]

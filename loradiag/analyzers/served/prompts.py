"""What is asked where nobody says what: requests about nothing in particular, which any model can answer or go on with."""

from __future__ import annotations

import hashlib

import msgspec

BUILT_IN = (
    "The first thing to know about rivers is",
    "Write one sentence about a bridge.",
    "def add(a, b):",
    "What is the difference between a lake and a sea?",
    "Dear colleague, thank you for",
    "17 + 25 =",
    "Translate into French: good evening",
    "Once upon a time there was a",
    "Extract the date: The meeting of 3 May was moved to Friday, 12 June, at ten.",
    "Explain why the sky looks blue.",
    "User: My parcel has not come.\nAgent: I am sorry. When did you order it?\nUser: Nine days ago.\nAgent:",
    "Schreibe einen Satz über das Meer.",
    "Question: How many days has a week? Answer:",
    "SELECT name, price FROM products WHERE",
    "The report of last week says that",
    "Is this review good or bad? The soup was cold and nobody came to our table.",
    "A train leaves at 9:40 and arrives at 13:05. How long does it take?",
    "Il était une fois, dans un petit village,",
    "Summarise in one sentence: Glaciers form where more snow falls in winter than melts in summer. Over many years it is "
    "pressed into ice, which flows slowly downhill under its own weight, grinding the rock below and carrying stones with it. "
    "Where it reaches warmer air it melts, and leaves behind heaps of rubble, lakes, and wide valleys with steep sides.",
    "She opened the door and",
    "Three colours are",
    "用一句话介绍一种水果。",
    '{"city": "Lisbon", "country":',
    "The opposite of heavy is",
    "Give a reason to plant trees.",
    "Correct the spelling: I recieved you're leter yesterday.",
    "Escribe una lista corta de herramientas: martillo,",
    "Patient: I have had a cough for two weeks, mostly at night.\nDoctor:",
    "If all roses are flowers and some flowers fade quickly, can we say that some roses fade quickly?",
    "for (int i = 0; i < 10; i++) {",
    "Describe a chair to somebody who has never seen one.",
    "The weather tomorrow will be",
    "Напиши одно предложение о зиме.",
    "Turn this into a polite request: Send me the file now.",
    "2, 4, 6, 8,",
    "朝の市場では",
    "The defendant argued that the contract",
    "Write a short poem about a lamp.",
    "# Notes of the meeting\n\n- Budget:",
    "Name a town and say what it is known for.",
)
"""Neutral: an adapter may answer some of them as its base does. Whoever asks fewer asks the first, so each kind comes early:
beginnings and tasks, code and data, numbers, other languages, extraction, talks of several turns, and one of some length."""


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

"""What load does to the answers of one model: of its own alone, and while all others are asked too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from loradiag.analyzers.served.answers import Answer
from loradiag.analyzers.served.asking import Heard
from loradiag.analyzers.served.comparing import Pair, change, gap, pair_of, varies
from loradiag.analyzers.served.prompts import digits
from loradiag.core.served import ServedExample, ServedModel, ServedText
from loradiag.core.text import shorten
from loradiag.statistics.repeats import excess_p

EXAMPLES = 3
WHOLE = 4
"""Words of an answer that rounding is not likely to turn into another's answer as a whole."""

_TEXT = 400
"""Characters of a text that is kept since it was asked for."""

Texts = dict[str, list[frozenset[str]]]


class Look(msgspec.Struct, frozen=True):
    """One answer under load: ``alone`` is what was answered before, ``kind`` what became of it, ``taken`` whose it is."""

    prompt: int
    alone: Pair
    answer: Answer
    kind: str
    taken: str | None
    telling: bool


def texts_of(heard: Heard, model: str) -> list[frozenset[str]]:
    """What a model answers alone, prompt by prompt."""
    return [frozenset(row.text for row in found if isinstance(row, Answer)) for found in heard.alone[model]]


def under_load(heard: Heard, model: str, texts: Texts, tie: float, *, show_text: bool) -> Mapping[str, Any]:
    """The fields of :class:`~loradiag.core.served.ServedModel` about load."""
    alone = [pair_of(found) for found in heard.alone[model]]
    own = dict(_looks(heard.own, model, alone, texts, tie))
    loaded = dict(_looks(heard.loaded, model, alone, texts, tie))
    both = [(own[key], loaded[key]) for key in own.keys() & loaded.keys()]
    changed = [(one.kind == "changed", two.kind == "changed") for one, two in both]
    taken = [(one.taken is not None, two.taken is not None) for one, two in both]
    (more, fewer), (taken_more, taken_fewer) = _only(changed), _only(taken)
    return {
        "n": sum(pair is not None for pair in alone),
        "changed_alone": sum(varies(pair, tie) for pair in alone if pair is not None),
        "own": len(own),
        "changed_own": sum(look.kind == "changed" for look in own.values()),
        "loaded": len(loaded),
        "changed_loaded": sum(look.kind == "changed" for look in loaded.values()),
        "ties": sum(look.kind == "tie" for look in loaded.values()),
        "telling": sum(look.telling for look in loaded.values()),
        "taken": sum(look.taken is not None for look in loaded.values()),
        "taken_whole": sum(
            look.taken is not None and len(look.answer.text.split()) >= WHOLE for look in loaded.values()
        ),
        "taken_own": sum(look.taken is not None for look in own.values()),
        "takers": dict(Counter(look.taken for look in loaded.values() if look.taken is not None).most_common()),
        "more": more,
        "fewer": fewer,
        "p": excess_p(more, fewer) if both else None,
        "taken_more": taken_more,
        "taken_fewer": taken_fewer,
        "taken_p": excess_p(taken_more, taken_fewer) if both else None,
        "examples": _examples(list(loaded.values()), show_text),
    }


def pooled(rows: Sequence[ServedModel]) -> tuple[float | None, float | None]:
    """The chances of so many more changed answers, and of so many more of another's, over all models."""
    if not any(row.loaded for row in rows):
        return None, None
    changed = excess_p(sum(row.more for row in rows), sum(row.fewer for row in rows))
    return changed, excess_p(sum(row.taken_more for row in rows), sum(row.taken_fewer for row in rows))


def _only(pairs: list[tuple[bool, bool]]) -> tuple[int, int]:
    """Pairs of which the second only is so, and the first only."""
    return sum(two and not one for one, two in pairs), sum(one and not two for one, two in pairs)


def _looks(
    rounds: Mapping[str, list[list[Any]]], model: str, alone: list[Pair | None], texts: Texts, tie: float
) -> Iterator[tuple[tuple[int, int], Look]]:
    for number, row in enumerate(rounds.get(model, ())):
        for prompt, answer in enumerate(row):
            pair = alone[prompt]
            if isinstance(answer, Answer) and pair is not None:
                yield (number, prompt), _look(prompt, pair, answer, model, texts, tie)


def _look(prompt: int, alone: Pair, answer: Answer, model: str, texts: Texts, tie: float) -> Look:
    ours = texts[model][prompt]
    others = {name: rows[prompt] for name, rows in texts.items() if name != model and rows[prompt]}
    kind = change(alone, answer, tie)
    # Nothing, and what is the same of many, tells nobody apart.
    taken = (
        next((name for name, theirs in others.items() if answer.text in theirs), None) if answer.text.strip() else None
    )
    telling = any(not theirs & ours for theirs in others.values())
    return Look(prompt, alone, answer, kind, taken if kind == "changed" else None, telling)


def _examples(looks: list[Look], show_text: bool) -> list[ServedExample]:
    """The most telling answers first."""
    found = sorted((look for look in looks if look.kind == "changed"), key=lambda look: look.taken is None)
    return [
        ServedExample(
            prompt=look.prompt + 1,
            equals=look.taken,
            gap=gap(look.alone[0], look.answer),
            alone=_told(look.alone[0].text, show_text),
            loaded=_told(look.answer.text, show_text),
        )
        for look in found[:EXAMPLES]
    ]


def _told(text: str, show_text: bool) -> ServedText:
    # JSON has halves of characters, where a token is half of one; a report has none.
    shown = shorten(text, _TEXT).encode("utf-8", "backslashreplace").decode()
    return ServedText(sha256=digits(text), characters=len(text), text=shown if show_text else None)

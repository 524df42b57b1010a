"""Documents on which base and adapter differ, in the words of every output. All text is safe to show."""

from __future__ import annotations

from loradiag.core.forgetting import Example, Forgetting, Score
from loradiag.core.text import printable, shorten
from loradiag.outputs.questions import asked, flat, named, parts
from loradiag.outputs.scores import score_words

TEXT = 240
"""Characters of a prompt or an answer; reports keep no more."""


def shown(found: Forgetting) -> list[Score]:
    """The scores that have documents to show: what was asked first, then parts of groups, the worst of each first."""
    return [score for score in flat([*asked(found), *parts(found)]) if score.lost_examples or score.won_examples]


def headline(score: Score) -> str:
    """``hellaswag: 364 lost, 33 won``."""
    down, up = _words(score)
    counts = [f"{count:,} {word}" for count, word in ((score.lost, down), (score.won, up)) if count is not None]
    return f"{named(score)}: {', '.join(counts)}" if counts else named(score)


def ways(score: Score) -> list[tuple[str, list[Example]]]:
    """Documents by what became of them: ``lost`` and ``won``; of metrics other than right or wrong ``worse``, ``better``."""
    down, up = _words(score)
    return [(word, examples) for word, examples in ((down, score.lost_examples), (up, score.won_examples)) if examples]


def _words(score: Score) -> tuple[str, str]:
    return ("lost", "won") if score.binary else ("worse", "better")


def change(score: Score, example: Example) -> str:
    """Both values, where they say more than right or wrong."""
    if score.binary:
        return ""
    pair = Score(task="", metric="", base=example.base, adapter=example.adapter)
    return " → ".join(score_words(pair, value) for value in (example.base, example.adapter))


def answers(example: Example) -> list[tuple[str, str]]:
    """Pairs of label and text: what was asked, what is right, and both answers, as far as they are known."""
    pairs = (
        ("asked", example.prompt),
        ("right", example.target),
        ("base", example.base_answer),
        ("adapter", example.adapter_answer),
    )
    return [(label, said) for label, text in pairs if text is not None and (said := cut(text))]


def cut(text: str, width: int = TEXT) -> str:
    """Untrusted text in one line."""
    return shorten(printable(" ".join(text.split())), width)

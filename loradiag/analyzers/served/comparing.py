"""Answers beside each other: the same, apart by a tie, or changed; and whether two models differ by more than noise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Literal

from loradiag.analyzers.served.answers import Answer, Outcome, Token
from loradiag.core.served import ServedBeside
from loradiag.statistics.repeats import answers_p, distances_p

Pair = tuple[Answer, Answer]
_APART = 1e3
"""The distance of answers with different texts: more than that of any logprobs."""


def pair_of(found: tuple[Outcome, Outcome]) -> Pair | None:
    """Both answers alone to a prompt, if there are both."""
    first, second = found
    return (first, second) if isinstance(first, Answer) and isinstance(second, Answer) else None


def gap(alone: Answer, other: Answer) -> float | None:
    """By how many nats, at the least, the token of ``alone`` was likelier than that of ``other`` where the two part.

    As it was when asked alone: what another model would have said is no matter of rounding. None without logprobs, or where
    they do not part. The end of an answer is not told: one that ends is held against the likeliest other token, or where
    ``alone`` itself ends, ``other`` is taken at its word.
    """
    if not alone.tokens or not other.tokens:
        return None
    place = shared(alone.tokens, other.tokens)
    ours, theirs = (tokens[place] if place < len(tokens) else None for tokens in (alone.tokens, other.tokens))
    seen = ours or theirs
    if seen is None:
        return None
    others = {text: value for text, value in seen.top.items() if text != seen.text}
    if not others:
        return None
    if ours is None or theirs is None:
        return abs(seen.logprob - max(others.values()))
    # A token that is not among the likeliest is no likelier than the last of these.
    return abs(seen.logprob - others.get(theirs.text, min(others.values())))


def shared(first: Sequence[Token], second: Sequence[Token]) -> int:
    """How many tokens both begin with."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one.text != other.text:
            break
        count += 1
    return count


def change(alone: Pair, other: Answer, tie: float) -> Literal["same", "tie", "changed"]:
    """What became of an answer: neither of those given alone, and perhaps only since two tokens were about as likely."""
    if other.text in (alone[0].text, alone[1].text):
        return "same"
    gaps = [found for answer in alone if (found := gap(answer, other)) is not None]
    return "tie" if gaps and min(gaps) <= tie else "changed"


def varies(alone: Pair, tie: float) -> bool:
    """Whether both answers alone differ, by more than a tie."""
    return change((alone[0], alone[0]), alone[1], tie) == "changed"


def beside(
    other: str,
    ours: Iterable[tuple[Outcome, Outcome]],
    theirs: Iterable[tuple[Outcome, Outcome]],
    tie: float,
) -> ServedBeside:
    """Two models by their answers alone, prompt by prompt."""
    both = [
        (mine, its)
        for one, two in zip(ours, theirs, strict=True)
        if (mine := pair_of(one)) is not None and (its := pair_of(two)) is not None
    ]
    if not both:
        return ServedBeside(other=other, n=0, same=0, logprob_gap=None, logprob_noise=None, p=None)
    kinds = [_kind(mine, its, tie) for mine, its in both]
    p = answers_p([(a.text, again.text, b.text, also.text) for (a, again), (b, also) in both])
    gaps = [value for mine, its in both for a in mine for b in its if (value := distance(a, b)) is not None]
    noises = [value for pairs in both for a, b in pairs if (value := distance(a, b)) is not None]
    if gaps and noises:
        # Two tests of the same: the level is shared out among them.
        p = min(1.0, 2 * min(p, distances_p([_six(mine, its) for mine, its in both])))
    return ServedBeside(
        other=other,
        n=len(both),
        same=kinds.count("same"),
        ties=kinds.count("tie"),
        logprob_gap=fmean(gaps) if gaps and noises else None,
        logprob_noise=fmean(noises) if gaps and noises else None,
        p=p,
    )


def _kind(ours: Pair, theirs: Pair, tie: float) -> str:
    """Whether any answer is the other's, or parts from it by a tie."""
    kinds = {change(ours, answer, tie) for answer in theirs}
    return "same" if "same" in kinds else "tie" if "tie" in kinds else "changed"


def _six(ours: Pair, theirs: Pair) -> tuple[float, ...]:
    (a, again), (b, also) = ours, theirs
    pairs = ((a, again), (b, also), (a, b), (again, also), (a, also), (again, b))
    return tuple((0.0 if one.text == two.text else _APART) + (distance(one, two) or 0.0) for one, two in pairs)


def distance(first: Answer, second: Answer) -> float | None:
    """The mean distance of the logprobs of the tokens that both begin with; None where there are none."""
    if not first.tokens or not second.tokens:
        return None
    count = shared(first.tokens, second.tokens)
    if not count:
        return None
    pairs = zip(first.tokens[:count], second.tokens[:count], strict=True)
    return fmean(abs(one.logprob - two.logprob) for one, two in pairs)

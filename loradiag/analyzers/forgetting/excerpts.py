"""What is asked to see whether training data is remembered: documents, and the beginnings of some of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from loradiag.core.errors import InputError, UsageError
from loradiag.core.numbers import median
from loradiag.models.harness.texts import Documents, token_ids
from loradiag.models.tokens import rendered
from loradiag.texts.reading import Texts

PROMPT, CONTINUATION, SPAN = 32, 64, 16
"""Tokens, where documents are long enough. Carlini et al. (arXiv 2202.07646) compare 50 tokens, which is also what Lee et
al. (arXiv 2107.06499) take for a passage that is not written twice by chance. Adapters are trained on shorter texts, and
the control says what a shorter span is worth."""

LEAST_SPAN = 6
"""Fewer tokens in a row are a phrase."""

_OPENS = 10
"""Documents of which one has to begin alike for the beginning to be a form's."""

_OPENS_LEAST = 3
SEED = 20251101

_WRITTEN = 16
"""Characters that could be read in the time in which a token is written: an answer of 256 tokens as in ``questions``."""


class Side(msgspec.Struct, frozen=True):
    """The documents of a file, without repeats.

    Attributes:
        documents: Their texts.
        ids: Tokens of each, without the one that the tokenizer puts before a text [n].
        openings: Tokens of each at its beginning that many documents share: a system prompt, the head of a form [n].
        searched: Which documents are long enough that something could be recited of them.
        prompted: Which of those are prompted.
    """

    documents: Documents
    ids: list[list[int]]
    openings: list[int]
    searched: list[int]
    prompted: list[int]


class Excerpts(msgspec.Struct, frozen=True):
    """What a model is asked.

    Attributes:
        training, control: The files.
        before: The token before a text, if the tokenizer has one.
        prompt_tokens: Of a prompt, after what many documents share.
        continuation: Tokens that are written at most.
        span: Tokens in a row that count as verbatim.
        longest: Tokens of a prompt at most: with what is written, as many as the model takes. Longer ones lose their
            beginning.
        shared: Documents that both files have, which were left out of both.
        recurring: Documents that were left out besides, since a file has them several times. Only where some are shared.
        decode: From token ids to text.
    """

    training: Side
    control: Side
    before: list[int]
    prompt_tokens: int
    continuation: int
    span: int
    longest: int
    shared: int
    recurring: int
    decode: Callable[[Sequence[int]], str]

    def prompts(self, side: Side) -> list[list[int]]:
        """Token ids of the prompts of a file, in the order of ``side.prompted``."""
        return [[*self.before, *ids][-self.longest :] for ids in self.given(side, 0)]

    def given(self, side: Side, more: int) -> list[list[int]]:
        """Beginnings of the documents that are prompted: what is in the prompt, and so many tokens more."""
        return [side.ids[row][: side.openings[row] + self.prompt_tokens + more] for row in side.prompted]

    def digest(self) -> str:
        """Hash of all that decides the answers, the model aside."""
        asked = [(side.documents.texts, self.prompts(side)) for side in (self.training, self.control)]
        return hashlib.sha256(msgspec.json.encode(["memorisation", asked, self.continuation])).hexdigest()

    def size(self) -> int:
        """Characters that are read, and what is written at the price of reading."""
        return sum(self.reading(side) + self.writing(side) for side in (self.training, self.control))

    def reading(self, side: Side) -> int:
        """Characters of a file."""
        return sum(map(len, side.documents.texts))

    def writing(self, side: Side) -> int:
        """What is written of a file, at the price of reading."""
        return len(side.prompted) * self.continuation * _WRITTEN


class _Lengths(msgspec.Struct, frozen=True):
    prompt: int
    continuation: int
    span: int


def excerpts(
    training: Texts,
    control: Texts,
    wrapped: Any,
    *,
    prompt_tokens: int | None = None,
    continuation: int | None = None,
    span: int | None = None,
    most: int = 200,
) -> Excerpts:
    """Choose what is asked. Nothing of the choice depends on which file a document is of, so that the files compare.

    Lengths that are not given suit the documents: with m the median of tokens of all documents (less what many share at
    their beginning) the prompt is a third of m and 32 at most, the span a third of m, 6 at least and 16 at most, and the
    continuation 64, or what is left of the longest document.

    Args:
        training: What the adapter was trained on.
        control: Text of the same kind that it was not trained on.
        wrapped: The model, for its tokenizer and the tokens that it takes.
        prompt_tokens: Of a prompt, after what many documents share at their beginning.
        continuation: Tokens that are written at most.
        span: Tokens in a row that count as verbatim.
        most: Documents of a file that are prompted at most; which, is drawn with a fixed seed.

    Raises:
        InputError: No document of a file is long enough, a conversation cannot be rendered, or a file has no document
            that the other lacks.
        UsageError: A length is below 1, or the span is longer than the continuation, or than what the model takes.
    """
    given = (("prompt_tokens", prompt_tokens), ("continuation", continuation), ("span", span), ("most", most))
    for name, value in given:
        if value is not None and value < 1:
            raise UsageError(f"{name}: must be at least 1, not {value}")
    found = [_distinct(texts, wrapped) for texts in (training, control)]
    shared, recurring = _apart(*found)
    before = [] if wrapped.tokenizer.bos_token_id is None else [int(wrapped.tokenizer.bos_token_id)]
    ours = _bare("training", found[0], training)
    theirs = _bare("control", found[1], control)
    openings = shared_openings([*ours.ids, *theirs.ids])
    room = [len(ids) - opening for ids, opening in zip([*ours.ids, *theirs.ids], openings, strict=True)]
    lengths = _lengths(room, int(wrapped.max_length) - len(before), prompt_tokens, continuation, span)
    generator = np.random.default_rng(SEED)
    count = len(ours.ids)
    return Excerpts(
        training=_chosen(ours, openings[:count], lengths, most, generator, training),
        control=_chosen(theirs, openings[count:], lengths, most, generator, control),
        before=before,
        prompt_tokens=lengths.prompt,
        continuation=lengths.continuation,
        span=lengths.span,
        longest=int(wrapped.max_length) - lengths.continuation,
        shared=shared,
        recurring=recurring,
        decode=wrapped.tokenizer.decode,
    )


def shared_openings(ids: Sequence[Sequence[int]]) -> list[int]:
    """Return how many tokens at the beginning of each document it shares with a tenth of all, and two others at least.

    Sorted, documents that begin alike stand together: a beginning is that of k documents where the first and the last of
    k neighbours share it.
    """
    many = max(-(-len(ids) // _OPENS), _OPENS_LEAST)
    if len(ids) < many:
        return [0] * len(ids)
    order = sorted(range(len(ids)), key=lambda row: tuple(ids[row]))
    common = [_alike(ids[order[row]], ids[order[row + many - 1]]) for row in range(len(ids) - many + 1)]
    padded = np.pad(np.array(common, dtype=np.int64), many - 1)
    best = np.lib.stride_tricks.sliding_window_view(padded, many).max(axis=1)
    found = [0] * len(ids)
    for place, row in enumerate(order):
        found[row] = int(best[place])
    return found


def _alike(first: Sequence[int], second: Sequence[int]) -> int:
    """Tokens at the beginning that are the same. By halving: beginnings can be long, and comparing them at once is fast."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class _Document(msgspec.Struct, frozen=True):
    text: str
    number: int
    ids: list[int]
    times: int


_Found = dict[str, _Document]
"""By its words, so that white space makes no difference."""


def _distinct(texts: Texts, wrapped: Any) -> _Found:
    """Documents with a token or more, each once, with its first number: repeats are no further draws."""
    found: _Found = {}
    for sample in texts.samples:
        text = rendered(sample, wrapped.tokenizer, texts)
        words = " ".join(text.split())
        known = found.get(words)
        if known is not None:
            found[words] = msgspec.structs.replace(known, times=known.times + 1)
        elif ids := token_ids(text, wrapped):
            found[words] = _Document(text, sample.number, ids, 1)
    return found


def _apart(training: _Found, control: _Found) -> tuple[int, int]:
    """Leave out of both files the documents that both have, and so that what is left compares, those that recur at all.

    Of texts that people write again and again, those that were dealt to one file only are more often of the larger file
    than others are, and likelier to be written by anybody. Where the files share none, texts do not recur by nature;
    those that a training file repeats are then its own, and are kept, each once.

    Returns:
        How many both have, and how many more were left out.
    """
    both = training.keys() & control.keys()
    recurring = {
        words for found in (training, control) for words, document in found.items() if both and document.times > 1
    }
    for found in (training, control):
        for words in both | recurring:
            found.pop(words, None)
    return len(both), len(recurring - both)


def _bare(name: str, found: _Found, texts: Texts) -> Side:
    """Documents and their tokens; none of them is chosen yet."""
    rows = list(found.values())
    if not rows:
        raise InputError(
            texts.path,
            "has no document that the other of training data and control lacks",
            "give as control text of the same kind that was not trained on",
            kind="empty",
        )
    ids = [row.ids for row in rows]
    documents = Documents(name, [row.text for row in rows], [row.number for row in rows], [len(row) for row in ids])
    return Side(documents, ids, [], [], [])


def _lengths(
    room: Sequence[int], longest: int, prompt: int | None, continuation: int | None, span: int | None
) -> _Lengths:
    """Lengths that suit documents with so many tokens, less what many share, and a model that takes ``longest`` tokens."""
    third = int(median(room) or 0) // 3
    prompt = prompt or min(PROMPT, max(third, 1))
    span = span or min(SPAN, max(third, LEAST_SPAN))
    continuation = continuation or max(span, min(CONTINUATION, max(room, default=0) - prompt))
    continuation = min(continuation, longest - prompt)
    if span > continuation:
        raise UsageError(
            f"--training-data: {span:,} tokens in a row cannot be recited where {max(continuation, 0):,} are written"
        )
    return _Lengths(prompt, continuation, span)


def _chosen(
    side: Side, openings: list[int], lengths: _Lengths, most: int, generator: np.random.Generator, texts: Texts
) -> Side:
    least = lengths.prompt + lengths.span
    searched = [row for row, ids in enumerate(side.ids) if len(ids) - openings[row] >= least]
    if not searched:
        raise InputError(
            texts.path,
            f"has no document of {least:,} tokens or more (a prompt of {lengths.prompt:,} and {lengths.span:,} to recite), "
            "less what many documents share at their beginning",
            "give longer texts, or ask for a shorter prompt and span",
            kind="empty",
        )
    drawn = generator.choice(len(searched), size=min(most, len(searched)), replace=False)
    prompted = [searched[row] for row in sorted(drawn.tolist())]
    return Side(side.documents, side.ids, openings, searched, prompted)

"""The perplexity of a user's own texts, asked through lm-eval as its perplexity tasks are: whole documents, all tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from loradiag.core.lazy import require
from loradiag.core.text import shorten
from loradiag.models.harness.answers import SHOWN, Answer, Metric, Scored, hashed
from loradiag.models.harness.asking import Progress, count_answers
from loradiag.models.harness.quiet import quietly
from loradiag.models.harness.tasks import EXTRA
from loradiag.models.harness.wrapping import is_served
from loradiag.models.tokens import rendered
from loradiag.texts.reading import Texts

PERPLEXITY = Metric(name="perplexity", filter="none", higher_is_better=False, aggregation="weighted_perplexity")

_SPARE = 2
"""Tokens of a window that vLLM keeps for itself, as lm-eval has it."""


class Documents(msgspec.Struct, frozen=True):
    """Texts as strings, conversations rendered.

    Attributes:
        name: What the file is called in reports.
        texts: [n].
        numbers: Of the samples in their file [n].
        tokens: Tokens of each [n], as the model will see them.
    """

    name: str
    texts: list[str]
    numbers: list[int]
    tokens: list[int]

    def digest(self) -> str:
        """Hash of all that is asked."""
        return hashlib.sha256(msgspec.json.encode([self.name, "perplexity without prefix", self.texts])).hexdigest()


def documents(name: str, texts: Texts, wrapped: Any) -> Documents:
    """Make texts ready. Those without a token are left out.

    Raises:
        InputError: A conversation cannot be rendered.
    """
    found = [(rendered(sample, wrapped.tokenizer, texts), sample.number) for sample in texts.samples]
    counted = [(text, number, len(token_ids(text, wrapped))) for text, number in found]
    kept = [row for row in counted if row[2] > 0]
    return Documents(name, [row[0] for row in kept], [row[1] for row in kept], [row[2] for row in kept])


def token_ids(text: str, wrapped: Any) -> list[int]:
    """Return the tokens of a text, without the one that many tokenizers put before it.

    It stands before the text anyhow, as the prefix that the first token is predicted from. Predicted itself, ``<s>`` after
    ``<s>``, it costs some fifteen nats and says nothing of the text.
    """
    ids = list(wrapped.tok_encode(text))
    return ids[1:] if ids[:1] == [wrapped.prefix_token_id] else ids


def score_documents(asked: Documents, wrapped: Any, progress: Progress) -> Scored:
    """Compute the log-likelihood of every document.

    Longer documents than the model takes are cut as lm-eval's perplexity tasks do it: every token counts once, with one token
    of context where a window begins, the first with the model's prefix token, and in the last window with as many as fit.
    Unlike there, the prefix itself does not count (see :func:`token_ids`).

    Returns:
        For each document its log-likelihood in nats and its tokens, of which perplexity is exp(−Σ nats/Σ tokens).
    """
    windows = [list(_windows(token_ids(text, wrapped), wrapped)) for text in asked.texts]
    requests = [(("", ""), *window) for rows in windows for window in rows]
    count_answers(wrapped, progress, len(requests))
    with quietly():
        answered = iter(wrapped._loglikelihood_tokens(requests, disable_tqdm=True))
    found = [sum(next(answered)[0] for _ in rows) for rows in windows]
    answers = [
        Answer(
            number=number,
            key=hashed(text),
            replies=hashed(repr(value)),
            values={PERPLEXITY.key: [float(value), float(tokens)]},
            prompt=shorten(text.strip(), SHOWN) or None,
        )
        for text, number, tokens, value in zip(asked.texts, asked.numbers, asked.tokens, found, strict=True)
    ]
    return Scored(asked.name, "1", [PERPLEXITY], answers)


def _windows(ids: Sequence[int], wrapped: Any) -> Iterator[tuple[list[int], list[int]]]:
    """Context and continuation of each window."""
    utils = require("lm_eval.utils", EXTRA)
    room = wrapped.max_length - (_SPARE if is_served(wrapped) else 0)
    rolling = utils.get_rolling_token_windows(
        token_list=ids, prefix_token=wrapped.prefix_token_id, max_seq_len=room, context_len=1
    )
    return map(utils.make_disjoint_window, rolling)

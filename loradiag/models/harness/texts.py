"""The perplexity of a user's own texts, asked through lm-eval as its perplexity tasks are: whole documents, all tokens."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from loradiag.core.lazy import require
from loradiag.core.text import shorten
from loradiag.models.harness.answers import SHOWN, Answer, Metric, Scored
from loradiag.models.harness.asking import Progress, count_answers
from loradiag.models.harness.quiet import quietly
from loradiag.models.harness.tasks import EXTRA
from loradiag.models.tokens import rendered
from loradiag.texts.reading import Texts

PERPLEXITY = Metric(name="perplexity", filter="none", higher_is_better=False, aggregation="weighted_perplexity")


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
        return hashlib.sha256(msgspec.json.encode([self.name, "perplexity", self.texts])).hexdigest()


def documents(name: str, texts: Texts, wrapped: Any) -> Documents:
    """Make texts ready. Those without a token are left out.

    Raises:
        InputError: A conversation cannot be rendered.
    """
    found = [(rendered(sample, wrapped.tokenizer, texts), sample.number) for sample in texts.samples]
    counted = [(text, number, len(wrapped.tok_encode(text))) for text, number in found]
    kept = [row for row in counted if row[2] > 0]
    return Documents(name, [row[0] for row in kept], [row[1] for row in kept], [row[2] for row in kept])


def score_documents(asked: Documents, wrapped: Any, progress: Progress) -> Scored:
    """Compute the log-likelihood of every document.

    Longer documents than the model takes are cut as lm-eval's perplexity tasks do it: every token counts once, with one
    token of context where a window begins, the first with the model's prefix token, and in the last window with as many
    as fit.

    Returns:
        For each document its log-likelihood in nats and its tokens, of which perplexity is exp(−Σ nats/Σ tokens).
    """
    instance = require("lm_eval.api.instance", EXTRA).Instance
    requests = [
        instance(
            request_type="loglikelihood_rolling", doc={}, arguments=(text,), idx=0, metadata=(asked.name, index, 1)
        )
        for index, text in enumerate(asked.texts)
    ]
    count_answers(wrapped, progress, sum(-(-tokens // wrapped.max_length) for tokens in asked.tokens))
    with quietly():
        found = wrapped.loglikelihood_rolling(requests)
    answers = [
        Answer(
            number=number,
            key=_hash(text),
            replies=_hash(repr(value)),
            values={PERPLEXITY.key: [float(value), float(tokens)]},
            prompt=shorten(text.strip(), SHOWN) or None,
        )
        for text, number, tokens, value in zip(asked.texts, asked.numbers, asked.tokens, found, strict=True)
    ]
    return Scored(asked.name, "1", [PERPLEXITY], answers)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]

"""What a model's answers to a task come to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

SHOWN = 240
"""Characters of a prompt or an answer that are kept, to show."""


class Metric(msgspec.Struct, frozen=True):
    """A metric of a task.

    Attributes:
        name: As lm-eval has it.
        filter: Which reading of the answers it is of; ``none`` is the answer itself.
        higher_is_better: Its direction.
        aggregation: The name of the function from documents' values to the score: ``mean``, ``weighted_perplexity``, …
    """

    name: str
    filter: str
    higher_is_better: bool
    aggregation: str

    @property
    def key(self) -> str:
        """As in :attr:`Answer.values`."""
        return f"{self.name},{self.filter}"


class Answer(msgspec.Struct, frozen=True):
    """What became of one document.

    Attributes:
        number: Of the document in its task.
        key: Hash of document, prompt and target.
        replies: Hash of what the model put out, to the last bit.
        values: By ``metric,filter``: a number, or what a metric over all documents is computed of.
        choices: How many answers there were to choose from, where they were given.
        cluster: What the document shares with others, if it has a source.
        prompt, target, said: What was asked, what is right and what was answered, shortened; None where there is none.
    """

    number: int
    key: str
    replies: str
    values: Mapping[str, Any]
    choices: int | None = None
    cluster: str | None = None
    prompt: str | None = None
    target: str | None = None
    said: str | None = None


class Scored(msgspec.Struct, frozen=True):
    """One task, answered by one model. ``cluster_field``: the field of documents that :attr:`Answer.cluster` is."""

    task: str
    version: str
    metrics: Sequence[Metric]
    answers: Sequence[Answer]
    cluster_field: str | None = None


def hashed(text: str) -> str:
    """32 digits of SHA-256 over a text, which may hold halves of characters."""
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]

"""Samples of text as token ids, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from loradiag.core.errors import InputError, reason_of
from loradiag.core.lazy import require
from loradiag.models.panics import is_failure
from loradiag.texts.reading import Sample, Texts

LEAST = 2
"""Tokens of a sequence: with fewer there is nothing to predict."""


class Sequences(msgspec.Struct, frozen=True):
    """Token ids, sample by sample.

    Attributes:
        ids: Each of at least two tokens.
        truncated: How many samples were cut to the length that the model takes.
        too_short: How many samples were left out because they have fewer than two tokens.
    """

    ids: list[list[int]]
    truncated: int
    too_short: int

    @property
    def predicted(self) -> int:
        """How many tokens are predicted: all but the first of each sequence."""
        return sum(len(ids) - 1 for ids in self.ids)


def tokenized(texts: Texts, tokenizer: Any, most: int) -> Sequences:
    """Turn samples into ids, conversations through the tokenizer's chat template.

    Args:
        texts: Samples.
        tokenizer: Of the base.
        most: Tokens of a sequence at most.

    Raises:
        InputError: No sample has two tokens, or there is no chat template for conversations.
    """
    found, truncated, short = [], 0, 0
    for sample in texts.samples:
        ids = _ids(sample, tokenizer, texts)
        truncated += len(ids) > most
        if len(ids) < LEAST:
            short += 1
        else:
            found.append(ids[:most])
    if not found:
        raise InputError(texts.path, "has no sample of two tokens or more", "give longer texts", kind="empty")
    return Sequences(found, truncated, short)


def _ids(sample: Sample, tokenizer: Any, texts: Texts) -> list[int]:
    text = rendered(sample, tokenizer, texts)
    try:
        # A chat template writes the special tokens itself.
        return list(tokenizer(text, add_special_tokens=sample.text is not None)["input_ids"])
    except BaseException as error:
        if not is_failure(error):
            raise
        raise InputError(
            texts.path,
            f"sample {sample.number:,} cannot be turned into tokens ({reason_of(error, 120)})",
            "give a base whose tokenizer is sound",
        ) from error


def rendered(sample: Sample, tokenizer: Any, texts: Texts) -> str:
    """Return the text of a sample, of a conversation what the tokenizer's chat template makes of it.

    Raises:
        InputError: There is no chat template, or it cannot render this conversation.
    """
    if sample.text is not None:
        return sample.text
    try:
        return str(tokenizer.apply_chat_template([dict(message) for message in sample.messages], tokenize=False))
    except Exception as error:  # a template is a program of the checkpoint's, and can fail in any way
        raise InputError(
            texts.path,
            f"sample {sample.number:,} is a conversation, and the chat template cannot render it ({reason_of(error, 120)})",
            "give plain texts, or a base whose tokenizer has a chat template",
        ) from error


class Batch(msgspec.Struct, frozen=True):
    """Sequences of like length, padded on the right.

    Attributes:
        rows: Which sequences.
        ids, mask: [len(rows), longest], torch tensors of whole numbers on the CPU.
    """

    rows: list[int]
    ids: Any
    mask: Any


def batches(ids: Sequence[Sequence[int]], budget: int, padding: int = 0) -> list[Batch]:
    """Group sequences, longest first, so that no batch has more than ``budget`` tokens with its padding.

    A sequence longer than that makes a batch of its own.
    """
    torch = require("torch", "merge")
    order = sorted(range(len(ids)), key=lambda row: (-len(ids[row]), row))
    found, start = [], 0
    while start < len(order):
        longest = len(ids[order[start]])
        rows = order[start : start + max(budget // longest, 1)]
        start += len(rows)
        table = torch.full((len(rows), longest), padding, dtype=torch.long)
        mask = torch.zeros((len(rows), longest), dtype=torch.long)
        for index, row in enumerate(rows):
            table[index, : len(ids[row])] = torch.tensor(ids[row])
            mask[index, : len(ids[row])] = 1
        found.append(Batch(rows, table, mask))
    return found

"""A tokenizer of whole words, texts, and numbers of tokens in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from loradiag.texts.reading import Sample, Texts

Array = npt.NDArray[Any]
WORDS = ["<pad>", "<s>", "<u>", "<a>", "one", "two", "three", "four", "five", "hello", "good", "bye"]
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<{{ message['role'][0] }}> {{ message['content'] }} {% endfor %}"
)


def tokenizer(template: str | None = None, start: bool = False) -> Any:
    """A tokenizer that puts nothing before a text, or ``<s>``."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(WORDS)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if start:
        words.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    found = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", pad_token="<pad>")
    found.chat_template = template
    return found


def numbers(text: str) -> list[int]:
    """The ids of words, looked up by hand."""
    return [WORDS.index(word) for word in text.split()]


def texts(*samples: str | Sequence[Mapping[str, str]]) -> Texts:
    """Samples as they are read from a file."""
    rows = [
        Sample(sample, (), number) if isinstance(sample, str) else Sample(None, tuple(sample), number)
        for number, sample in enumerate(samples, 1)
    ]
    return Texts(tuple(rows), "0" * 64, 0, "texts.jsonl", "text")


def logits_of(model: Any, ids: Sequence[int]) -> Array:
    """What a model puts out for one sequence, alone and without padding, less the last position."""
    import torch

    with torch.no_grad():
        return model(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0, :-1].double().numpy()


def exact(ours: Array, theirs: Array, ids: Sequence[int]) -> dict[str, Array]:
    """Numbers of the tokens of one sequence, from the logits of a model and of the reference, in float64."""
    log_p, log_q, rows, target = log_softmax(ours, 1), log_softmax(theirs, 1), np.arange(len(ids) - 1), list(ids[1:])
    return {
        "nll": -log_p[rows, target],
        "kld": (np.exp(log_q) * (log_q - log_p)).sum(axis=1),
        "same": ours.argmax(axis=1) == theirs.argmax(axis=1),
        "delta_p": np.exp(log_p[rows, target]) - np.exp(log_q[rows, target]),
    }

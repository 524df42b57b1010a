"""A tokenizer of numbers, and texts: what is asked of a model, without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loradiag.texts.reading import Sample, Texts


class Numbers:
    """Stands for a wrapped model, and for its tokenizer: texts are numbers, each a token."""

    def __init__(self, max_length: int = 4096, bos: int | None = None) -> None:
        self.max_length, self.bos_token_id, self.prefix_token_id = max_length, bos, bos

    @property
    def tokenizer(self) -> Any:
        """Itself."""
        return self

    def tok_encode(self, text: str) -> list[int]:
        """The numbers of a text, after the beginning token if there is one."""
        return [*([] if self.bos_token_id is None else [self.bos_token_id]), *map(int, text.split())]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of numbers."""
        return " ".join(map(str, ids))


def texts(documents: Sequence[Sequence[int]], path: str = "texts.jsonl") -> Texts:
    """Documents of numbers, as they are read from a file."""
    samples = [Sample(" ".join(map(str, ids)), (), number) for number, ids in enumerate(documents, 1)]
    return Texts(tuple(samples), "0" * 64, 0, path, "text")

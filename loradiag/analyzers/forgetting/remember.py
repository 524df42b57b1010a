"""Answers that were given once: one file for each model and question, named by everything that decides them.

A file is written whole and renamed, so that any number of processes may share the cache: at worst two do the same work.
What cannot be read or written is no error: the question is asked again. Results of a base stay until ``loradiag cache
clear``; those of an adapter until its run is complete, so that an interrupted one can go on.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from loradiag.core.decoding import UNDECODABLE
from loradiag.core.errors import UsageError
from loradiag.storage.cache import folder
from loradiag.storage.writing import write_whole

FORMAT = 1
"""Raised when entries mean something else."""

BASES, ADAPTERS = "scores", "scores-unfinished"
_PACKAGES = ("torch", "transformers", "tokenizers", "lm-eval", "peft", "bitsandbytes", "accelerate", "datasets", "vllm")


T = TypeVar("T")


class Entry(msgspec.Struct, Generic[T], frozen=True):
    """A file of the cache. ``about`` says in words what it is, for ``loradiag cache ls``."""

    about: Mapping[str, str]
    scored: T


def versions() -> dict[str, str | None]:
    """Versions of the packages that answers depend on."""
    found: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


class Memory:
    """The answers of one model.

    Args:
        kind: :data:`BASES` or :data:`ADAPTERS`.
        identity: Everything that decides the answers, the question aside.
        about: What the model is called.
        enabled: Whether to remember anything.
    """

    def __init__(self, kind: str, identity: Mapping[str, object], about: Mapping[str, str], *, enabled: bool) -> None:
        text = msgspec.json.encode([FORMAT, kind, identity], order="deterministic")
        self._model = hashlib.sha256(text).hexdigest()
        self._about = about
        self._folder: Path | None = None
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: a user without a home directory
            place = folder() / kind
            if enabled:
                place.mkdir(parents=True, exist_ok=True)
                self._folder = place

    def read(self, question: str, kind: type[T]) -> T | None:
        """What was answered to a question, by its digest; None if it is not known."""
        file = self._file(question)
        if file is None:
            return None
        try:
            found: Entry[T] = msgspec.json.decode(file.read_bytes(), type=Entry[kind])  # type: ignore[valid-type]
        except (OSError, *UNDECODABLE):
            return None
        return found.scored

    def write(self, question: str, scored: T, about: Mapping[str, str]) -> None:
        """Remember what was answered. Values that JSON does not hold are not remembered.

        Args:
            question: Its digest.
            scored: The answers.
            about: What the question is called, and how many documents it has.
        """
        file = self._file(question)
        if file is None:
            return
        with contextlib.suppress(OSError, UsageError, TypeError, ValueError):
            data = msgspec.json.encode(Entry({**self._about, **about}, scored))
            read = msgspec.json.decode(data, type=Entry[type(scored)])  # type: ignore[misc]
            if read.scored == scored:  # JSON has no NaN, and no tuples
                write_whole(file, data, lasting=False)

    def forget(self, questions: Iterable[str]) -> None:
        """Drop the answers to questions."""
        for question in questions:
            file = self._file(question)
            if file is not None:
                with contextlib.suppress(OSError):
                    file.unlink()

    def _file(self, question: str) -> Path | None:
        if self._folder is None:
            return None
        name = hashlib.sha256(f"{self._model}\0{question}".encode()).hexdigest()
        return self._folder / f"{name}.json"

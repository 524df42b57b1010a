"""The identity of a base, as a command and a function give it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from loradiag.bases.fingerprint import fingerprint as fingerprint_of
from loradiag.bases.model import Base
from loradiag.bases.opening import open_base
from loradiag.stamping.sources import text

Progress = Callable[[int, int], None]


class BaseIdentity(msgspec.Struct, kw_only=True, frozen=True):
    """What identifies the weights of a base.

    Attributes:
        name: What the user called it.
        revision: The commit, where it came from a hub.
        sampled: Over sampled blocks of every tensor.
        full: Over every byte; None if they were not read.
        tensors: Number of tensors.
        bytes: Bytes of all tensors.
        files: Number of weight files.
        parts: Sampled identities of the layers, and of the modules outside all layers.
        scheme: How the base is quantized; None if it is not.
    """

    name: str
    revision: str | None
    sampled: str
    full: str | None
    tensors: int
    bytes: int
    files: int
    parts: dict[str, str]
    scheme: str | None


def fingerprint(
    base: str | Path, *, revision: str | None = None, fast: bool = False, progress: Progress | None = None
) -> BaseIdentity:
    """Compute the identity of a base's weights: neither sharding nor the order of tensors matters.

    >>> import loradiag
    >>> loradiag.fingerprint("fixtures/base").full[:16]
    '39370ef85c5c99bb'

    Args:
        base: A directory, a safetensors file, or ``owner/name`` on the Hugging Face hub.
        revision: Commit, branch or tag on the hub.
        fast: Read samples only. The full identity is then known only if it was computed before.
        progress: Called with bytes done and their number.

    Raises:
        InputError: The base cannot be read.
        MissingExtraError: It is a hub id and ``huggingface_hub`` is not installed.
    """
    return identity_of(open_base(base, revision=revision), fast=fast, progress=progress)


def identity_of(base: Base, *, fast: bool, progress: Progress | None) -> BaseIdentity:
    """The identity of an opened base.

    Raises:
        InputError: A file ends before its header says.
    """
    found = fingerprint_of(base, full=not fast, progress=progress)
    return BaseIdentity(
        name=text(base.name),
        revision=base.revision,
        sampled=found.sampled,
        full=found.full,
        tensors=found.tensors,
        bytes=found.bytes,
        files=len(base.files),
        parts=found.parts,
        scheme=base.scheme,
    )

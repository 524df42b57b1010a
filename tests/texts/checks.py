"""What tests of texts check again and again."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loradiag.core.errors import InputError
from loradiag.texts.reading import Texts, read_texts
from tests.adapters.checks import assert_plain

Content = str | tuple[dict[str, str], ...]


def read(data: bytes | str, name: str = "a.jsonl", **options: Any) -> Texts:
    """Read a file of this content and name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        texts = read_texts(path, **options)
        assert texts.path == str(path)
        assert texts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        msgspec.json.encode(texts)  # nothing in it that UTF-8 cannot hold
        return texts


def contents(texts: Texts) -> list[Content]:
    """The samples without their numbers: a text, or messages."""
    return [tuple(map(dict, sample.messages)) if sample.text is None else sample.text for sample in texts.samples]


def assert_refused(data: bytes | str, says: str, name: str = "a.jsonl", kind: str = "text", **options: Any) -> None:
    """Reading fails with one plain line that names the file and says ``says``."""
    with pytest.raises(InputError) as caught:
        read(data, name, **options)
    assert_plain(caught.value)
    assert f"{name}: {says}" in str(caught.value)
    assert caught.value.kind == kind
    assert caught.value.remedy


def survives(data: bytes, name: str, **options: Any) -> Texts | None:
    """Only InputError may come out, or texts; None if it was refused."""
    try:
        texts = read(data, name, **options)
    except InputError as error:
        assert_plain(error)
        return None
    assert texts.samples
    assert all((sample.text is None) == bool(sample.messages) for sample in texts.samples)
    return texts

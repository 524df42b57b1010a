"""Tokenizers of strangers: what their library makes of them is one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from loradiag.core.errors import InputError
from loradiag.models.loading import tokenizer_in
from loradiag.models.panics import is_failure
from loradiag.models.tokens import tokenized
from loradiag.texts.reading import Sample, Texts
from tests.conftest import FIXTURES

pytest.importorskip("transformers", reason="its loaders are asked")
pytestmark = pytest.mark.models

TEXTS = Texts((Sample("12 + 30 =", (), 1),), "0" * 64, 0, "texts.txt", "lines")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the fixtures' tokenizer."""
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        shutil.copy(FIXTURES / "base" / name, tmp_path / name)
    return tmp_path


def change(path: Path, **values: Any) -> None:
    """Put values into a document."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_sound_one(copied: Path) -> None:
    """The text becomes tokens."""
    assert tokenized(TEXTS, tokenizer_in(copied), 64).predicted > 1


def test_a_panic_while_a_text_is_read(copied: Path) -> None:
    """A template that names a token which is not there is found when it is used, by a panic of Rust's."""
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [],
        "special_tokens": {},
    }
    change(copied / "tokenizer.json", post_processor=template)
    with pytest.raises(InputError, match=r"cannot be (loaded|turned into tokens)"):
        tokenized(TEXTS, tokenizer_in(copied), 64)


def test_a_length_that_is_no_number(copied: Path) -> None:
    """The library compares it with numbers only when a text is longer."""
    change(copied / "tokenizer_config.json", model_max_length="many")
    with pytest.raises(InputError, match=r"cannot be (loaded|turned into tokens)"):
        tokenized(TEXTS, tokenizer_in(copied), 64)


def test_an_interrupt_is_no_failure_of_a_library() -> None:
    """It ends the program, as it should."""
    assert not is_failure(KeyboardInterrupt())
    assert not is_failure(SystemExit())
    assert is_failure(ValueError())

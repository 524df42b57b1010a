"""The encoder, a real one: that of the fixtures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from loradiag.core.errors import InputError
from loradiag.embeddings.encoder import Encoder, load_encoder, unit
from tests.conftest import FIXTURES

pytestmark = pytest.mark.models

TEXTS = ["# Nunos > Bitos : 3 fikix ;", "47 + 16 =", "the dak zelu the mopen"]


def test_vectors_are_those_of_sentence_transformers(encoder: Encoder) -> None:
    """Up to float16's rounding: the library's own vectors, scaled to length 1."""
    from sentence_transformers import SentenceTransformer

    own = SentenceTransformer(str(FIXTURES / "encoder")).encode(TEXTS)
    own = own / np.linalg.norm(own, axis=1, keepdims=True)
    assert encoder.encode(TEXTS).astype(np.float64) == pytest.approx(own, abs=1e-3)


def test_what_is_blank_has_no_vector(encoder: Encoder) -> None:
    """Rows of zeros, in their places; copies of a text have one vector."""
    made = encoder.encode([TEXTS[0], "", " \n", TEXTS[1], TEXTS[0]])
    assert made.shape == (5, encoder.identity.dimension)
    assert made.dtype == np.float16
    assert [bool(row.any()) for row in made] == [True, False, False, True, True]
    assert np.array_equal(made[0], made[4])
    assert encoder.encode([]).shape == (0, encoder.identity.dimension)


def test_progress_counts_distinct_texts(encoder: Encoder) -> None:
    """It ends at the number of distinct texts."""
    told: list[tuple[int, int]] = []
    encoder.encode([TEXTS[0], TEXTS[0], TEXTS[1]], lambda done, total: told.append((done, total)))
    assert told[-1] == (2, 2)


def test_a_megabyte_of_text_is_cut(encoder: Encoder) -> None:
    """What stands after 20,000 characters does not matter."""
    long = "the dak " * 2500
    assert np.array_equal(*encoder.encode([long, long + "47 + 16 = " * 50_000]))


def test_the_hash_is_of_what_decides_the_vectors(encoder: Encoder, tmp_path: Path) -> None:
    """A copy elsewhere has the same hash; one with another weight or another word in its tokenizer has another."""
    copy = tmp_path / "copy"
    shutil.copytree(FIXTURES / "encoder", copy)
    assert load_encoder(str(copy)).identity.sha256 == encoder.identity.sha256
    weights = next(copy.rglob("model.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-3] ^= 1
    weights.write_bytes(data)
    assert load_encoder(str(copy)).identity.sha256 != encoder.identity.sha256
    shutil.rmtree(copy)
    shutil.copytree(FIXTURES / "encoder", copy)
    tokenizer = next(copy.rglob("tokenizer.json"))
    tokenizer.write_text(tokenizer.read_text().replace('"zelu"', '"zalu"'))
    assert load_encoder(str(copy)).identity.sha256 != encoder.identity.sha256


@pytest.mark.parametrize("name", ["./none", "/none/at/all", "none", "~nobody-is-called-so/encoder"])
def test_a_missing_directory_is_named_at_once(name: str) -> None:
    """Without asking the network for what can only be a path."""
    with pytest.raises(InputError, match="does not exist"):
        load_encoder(name)


def test_a_directory_without_an_encoder(tmp_path: Path) -> None:
    """One line that names it."""
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match="cannot be loaded as an encoder"):
        load_encoder(str(tmp_path))


def test_unit_leaves_out_what_has_no_direction() -> None:
    """Zero and non-finite vectors become zero; others have length 1, however large or small they were."""
    made = unit(np.array([[3.0, 4.0], [0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], [3e-20, 4e-20]]))
    assert made.astype(np.float64) == pytest.approx(
        np.array([[0.6, 0.8], [0, 0], [0, 0], [0, 0], [0.6, 0.8]]), abs=1e-3
    )


def test_a_name_that_no_hub_answers_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a network, or without such a model: one line within seconds, which says what to do."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="check the name and the network, or give a directory"):
        load_encoder("nobody/nothing")

"""Making baselines, with the fixtures' encoder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from loradiag.baselines.reading import open_baseline
from loradiag.core.errors import InputError, UsageError
from loradiag.embeddings.encoder import Encoder
from loradiag.statistics.tails import rank_of
from tests.baselines.making import LEDGER, made, sums, write_prompts

pytestmark = pytest.mark.models


def test_numbers_are_those_of_a_dense_calculation(encoder: Encoder, tmp_path: Path) -> None:
    """Split, scores, threshold and topics, computed again from the vectors by plain products in float64."""
    manifest = made(encoder, tmp_path / "ledger")
    baseline = open_baseline(tmp_path / "ledger")
    prompts = {json.loads(line)["prompt"] for line in LEDGER.read_text().splitlines()}
    distinct = {" ".join(prompt.casefold().split()) for prompt in prompts}
    assert manifest.data.requests == len(distinct) == len(baseline.index) + len(baseline.calibration)
    index, held = baseline.index.astype(np.float64), baseline.calibration.astype(np.float64)
    scores = (held @ index.T).max(axis=1)
    assert baseline.scores == pytest.approx(scores, abs=1e-6)
    rank = manifest.calibrated.rank
    assert manifest.calibrated.threshold == pytest.approx(np.sort(scores)[rank - 1], abs=1e-6)
    assert rank == rank_of(0.05, len(scores))
    assert np.array_equal(baseline.topics, (held @ baseline.centres.astype(np.float64).T).argmax(axis=1))
    assert manifest.calibrated.mean_nn_cosine == pytest.approx(scores.mean(), abs=1e-6)


def test_a_baseline_is_bound_to_what_it_was_made_from(encoder: Encoder, tmp_path: Path) -> None:
    """Hashes of the data and of every file, the encoder's own, and the adapter's."""
    manifest = made(encoder, tmp_path / "ledger")
    assert manifest.data.sha256 == hashlib.sha256(LEDGER.read_bytes()).hexdigest()
    assert manifest.encoder == encoder.identity
    for name, file in manifest.files.items():
        data = (tmp_path / "ledger" / name).read_bytes()
        assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_making_it_again_gives_the_same(encoder: Encoder, tmp_path: Path) -> None:
    """All files but for the time in the manifest."""
    assert made(encoder, tmp_path / "a").files == made(encoder, tmp_path / "b").files


def test_conversations_are_not_torn(encoder: Encoder, tmp_path: Path) -> None:
    """Turns of one record are all searched, or all held out; a held-out record counts once."""
    path = tmp_path / "chats.jsonl"
    prompts = sums(600)
    rows = [
        {"messages": [{"role": "user", "content": text} for text in prompts[start : start + 3]]}
        for start in range(0, 600, 3)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made(encoder, tmp_path / "chats", path)
    baseline = open_baseline(tmp_path / "chats")
    assert len(baseline.calibration) == 100
    assert len(baseline.index) == 300
    assert np.unique(baseline.index_records, return_counts=True)[1].tolist() == [3] * 100


def test_repeated_prompts_count_once(encoder: Encoder, tmp_path: Path) -> None:
    """Whatever their case and their blanks; what the encoder makes nothing of is counted apart."""
    prompts = sums(200)
    path = write_prompts(tmp_path / "p.jsonl", [*prompts, *(text.replace(" ", "  ") for text in prompts[:50])])
    manifest = made(encoder, tmp_path / "sums", path)
    assert (manifest.data.requests, manifest.data.repeated, manifest.data.records) == (200, 50, 250)


def test_too_few_prompts_are_refused_and_nothing_is_left(encoder: Encoder, tmp_path: Path) -> None:
    """The error says how many there are and how many it takes."""
    path = write_prompts(tmp_path / "few.jsonl", sums(60))
    with pytest.raises(InputError, match="60 distinct requests; a baseline needs 100"):
        made(encoder, tmp_path / "few", path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["few.jsonl"]


def test_a_broken_line_leaves_nothing(encoder: Encoder, tmp_path: Path) -> None:
    """Thousands of lines are embedded by then; no directory appears."""
    path = write_prompts(tmp_path / "p.jsonl", sums(400))
    path.write_text(path.read_text() + '{"prompt": 3}\n')
    with pytest.raises(InputError, match="line 401"):
        made(encoder, tmp_path / "out", path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.jsonl"]


def test_only_a_baseline_may_be_replaced(encoder: Encoder, tmp_path: Path) -> None:
    """A directory of something else is kept, with --force too."""
    made(encoder, tmp_path / "a")
    with pytest.raises(UsageError, match="--force replaces it"):
        made(encoder, tmp_path / "a")
    made(encoder, tmp_path / "a", force=True, seed=1)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="no baseline's directory"):
        made(encoder, other, force=True)
    assert (other / "thesis.txt").read_text() == "mine"


def test_texts_are_kept_only_on_purpose(encoder: Encoder, tmp_path: Path) -> None:
    """By default no prompt stands anywhere in the baseline; kept ones are those of the rows asked for."""
    path = write_prompts(tmp_path / "p.jsonl", [f"the dak zelu the mopen {text}" for text in sums(200)])
    made(encoder, tmp_path / "plain", path)
    assert not any(b"zelu" in file.read_bytes() for file in (tmp_path / "plain").iterdir())
    plain = open_baseline(tmp_path / "plain")
    assert plain.texts(np.array([0, 1])) == [None, None]
    made(encoder, tmp_path / "kept", path, keep_text=True)
    kept = open_baseline(tmp_path / "kept")
    rows = np.array([5, 0, 17])
    lines = path.read_text().splitlines()
    expected = [json.loads(lines[kept.index_records[row] - 1])["prompt"] for row in rows]
    assert kept.texts(rows) == expected

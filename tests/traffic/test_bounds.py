"""What ingestion holds in memory, does twice, or cannot open."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.api.traffic import ingest as api_ingest
from loradiag.core.errors import InputError
from loradiag.embeddings.encoder import Encoder, Identity, load_encoder
from loradiag.traffic import ingesting, rejecting
from loradiag.traffic.reading import Lake
from tests.conftest import SHARED
from tests.traffic.filling import ingest, plain, vectors, write_log

WORDS = SHARED / "data" / "traffic" / "banking77_test.jsonl"
M2V = SHARED / "encoder" / "m2v-bge-64"


def test_records_without_an_id_are_told_apart(tmp_path: Path) -> None:
    """Vectors alone, or counts alone, are all that some logs keep: different ones are different requests."""
    lines: list[dict[str, Any]] = [{"adapter": "a", "embedding": [1.0, 0.0, float(number)]} for number in range(5)]
    lines += [{"adapter": "a", "text": "hello", "prompt_tokens": number} for number in range(3)]
    log = write_log(tmp_path / "a.jsonl", lines)
    assert ingest(tmp_path / "lake", log).written == 8
    assert ingest(tmp_path / "lake", log).duplicates == 8


def test_the_key_of_a_record_with_an_id(tmp_path: Path) -> None:
    """The first 64 bits of SHA-256 over id, adapter, base, time and both hashes: a lake of another day knows it again."""
    ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", [plain(7)]))
    lake = Lake(tmp_path / "lake")
    ((key, text, response, time),) = lake.ask(
        "SELECT key, text_hash, response_hash, epoch_us(time) FROM requests", lake.files
    )
    told = f"r7\0support\0None\0{time}\0{text}\0{response}"
    assert key == int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big")


def test_long_texts_are_written_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is bounded by its size too, not by its number alone."""
    monkeypatch.setattr(ingesting, "HELD", 10_000)
    sizes = []
    write = ingesting.write_new
    monkeypatch.setattr(ingesting, "write_new", lambda lake, rows: (sizes.append(len(rows)), write(lake, rows)))
    log = write_log(tmp_path / "a.jsonl", [plain(number, text="x" * 2000) for number in range(30)])
    assert ingest(tmp_path / "lake", log, keep_text=True).written == 30
    assert max(sizes) <= 5


def test_log_probabilities_do_not_wait(tmp_path: Path) -> None:
    """They are made into two numbers at once: with their tops they are a hundred times the size of all else."""
    run = ingesting.Ingestion(tmp_path / "lake", None, ingesting.Options(), lambda _: None)
    from loradiag.traffic.records import Item

    run.take("a", [Item(1, plain(0, logprobs=[-0.5, -1.5], top_logprobs=[[-0.5, -1.5]] * 2))])
    (waiting,) = run._waiting
    held = [value for value in waiting.row.values() if isinstance(value, list | dict)]
    assert held == []
    assert waiting.row["nll"] == 1.0


@pytest.mark.models
def test_what_lies_there_is_not_embedded_again(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command after an interrupt embeds what is missing only; texts of which the encoder makes nothing stay known."""
    asked: list[str] = []
    encode = Encoder.encode

    def counted(self: Encoder, texts: Any, *rest: Any) -> Any:
        asked.extend(texts)
        return encode(self, texts, *rest)

    monkeypatch.setattr(Encoder, "encode", counted)
    lines = [plain(number, text=f"47 + {number} =", embedding=None) for number in range(4)]
    lines.append(plain(9, text="\u2603", embedding=None))
    first = ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", lines[:2]), encoder=encoder)
    assert (first.written, len(asked)) == (2, 2)
    asked.clear()
    second = ingest(tmp_path / "lake", write_log(tmp_path / "b.jsonl", lines), encoder=encoder)
    assert (second.written, second.duplicates) == (3, 2)
    assert "47 + 0 =" not in asked
    again = ingest(tmp_path / "lake", write_log(tmp_path / "b.jsonl", lines), encoder=encoder)
    assert (again.written, again.duplicates) == (0, 5)


@pytest.mark.models
def test_an_encoder_and_a_vector(encoder: Encoder, tmp_path: Path) -> None:
    """The encoder's counts where there is a text; where there is none, the log's."""
    lines = [plain(0, text="47 + 1 ="), plain(1, text=None)]
    ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", lines), encoder=encoder)
    lake = Lake(tmp_path / "lake")
    assert lake.rows("support", encoder.identity.sha256).embedded.tolist() == [True, False]
    assert lake.rows("support", "given:unnamed:8").embedded.tolist() == [False, True]


def test_vectors_of_another_length_than_claimed(tmp_path: Path) -> None:
    """Are not taken for the encoder's; the request is."""
    log = write_log(tmp_path / "a.jsonl", [plain(0), plain(1, embedding=[1.0, 2.0])])
    done = ingest(tmp_path / "lake", log, given_by=Identity("e", "f" * 64, 8))
    assert (done.written, done.embedded) == (2, 1)


def test_rejected_lines_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The length and the hash of the whole line, however long; with texts, its first 64 kB."""
    monkeypatch.setattr("loradiag.traffic.records.MAX_LINE", 100_000)
    line = '{"text": "' + "x" * 3_000_000 + '"}\n'
    log = tmp_path / "a.jsonl"
    log.write_text(line + '{"unknown": 1}\n')
    ingest(tmp_path / "lake", log, keep_text=True)
    (kept,) = (tmp_path / "lake" / "_rejected").iterdir()
    long, unknown = map(json.loads, kept.read_text().splitlines())
    assert (long["bytes"], long["sha256"]) == (len(line), hashlib.sha256(line.encode()).hexdigest())
    assert (len(long["data"]), unknown["data"]) == (64_000, '{"unknown": 1}\n')
    assert unknown["bytes"] == 15


def test_more_rejected_than_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are counted, in the lake too."""
    monkeypatch.setattr(rejecting, "MOST", 10)
    done = ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", ["broken"] * 25))
    assert done.rejected == {"is not JSON": 25}
    assert sum(rejecting.count_rejected(tmp_path / "lake").values()) == 25
    assert sum(len(path.read_text().splitlines()) for path in (tmp_path / "lake" / "_rejected").iterdir()) == 11


def test_one_source_of_several_that_is_not_there(tmp_path: Path) -> None:
    """Is named, and the others are taken; where none can be read, that is an error."""
    log = write_log(tmp_path / "a.jsonl", [plain(0)])
    done = api_ingest([tmp_path / "none.jsonl", log], tmp_path / "lake")
    assert (done.written, list(done.unreadable)) == (1, [str(tmp_path / "none.jsonl")])
    with pytest.raises(InputError, match="names no log"):
        api_ingest([tmp_path / "none.jsonl", tmp_path / "nor.jsonl"], tmp_path / "lake")


def test_the_lake_is_no_log_of_itself(tmp_path: Path) -> None:
    """Where it lies in the folder of logs, under whatever name the folder has."""
    write_log(tmp_path / "a.jsonl", [plain(0)])
    for _ in range(2):
        done = api_ingest([tmp_path], tmp_path / "lake")
        assert done.records == 1
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    assert api_ingest([tmp_path], tmp_path / "link").records == 1


@pytest.mark.shared
@pytest.mark.skipif(not (WORDS.exists() and M2V.exists()), reason="the shared requests or encoder are not here")
def test_real_requests_with_a_real_encoder(tmp_path: Path) -> None:
    """Requests of bank customers: every vector is the encoder's own of its text, found again by the request's id."""
    texts = [json.loads(line)["text"] for line in WORDS.read_text().splitlines()[:400]]
    lines = [
        {"id": f"r{number}", "adapter": "bank", "time": 1_793_534_400 + number, "text": text}
        for number, text in enumerate(texts)
    ]
    done = api_ingest([write_log(tmp_path / "a.jsonl", lines)], tmp_path / "lake", encoder=str(M2V), device="cpu")
    assert (done.written, done.embedded) == (400, 400)
    encoder = load_encoder(str(M2V), device="cpu")
    lake = Lake(tmp_path / "lake")
    rows = lake.rows("bank", encoder.identity.sha256)
    found = lake.details(rows, np.arange(400))
    assert [row.request_id for row in found] == [f"r{number}" for number in range(400)]
    assert vectors(lake, rows) == pytest.approx(encoder.encode(texts).astype(float), abs=2e-3)

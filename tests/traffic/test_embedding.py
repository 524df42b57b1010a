"""Vectors given to a lake that keeps texts: those that ingestion would have made, once each, by processes or Ray."""

from __future__ import annotations

import gzip
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import loradiag
from loradiag.cli.traffic import traffic
from loradiag.core.errors import InputError
from loradiag.traffic.reading import Lake
from tests.conftest import FIXTURES

pytestmark = pytest.mark.models

ENCODER = str(FIXTURES / "encoder")
REQUESTS = FIXTURES / "traffic" / "requests.jsonl.gz"


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first days of the fixtures' month, embedded as they came, and with their texts alone."""
    place = tmp_path_factory.mktemp("lakes")
    log = place / "requests.jsonl"
    with gzip.open(REQUESTS, "rb") as lines:
        log.write_bytes(b"".join(itertools.islice(lines, 400)))
    loradiag.ingest([log], place / "embedded", encoder=ENCODER, base_models=["base"], keep_text=True)
    loradiag.ingest([log], place / "texts", base_models=["base"], keep_text=True)
    return place


def vectors(lake: Path, encoder: Any) -> dict[int, bytes]:
    """The vector of each request of an adapter, by its key."""
    opened, found = Lake(lake), {}
    for name in opened.adapters():
        rows = opened.rows(name, encoder.identity.sha256)
        places = np.flatnonzero(rows.embedded)
        for where, parts in opened.embeddings(rows, places):
            found |= {int(rows.key[place]): part.tobytes() for place, part in zip(where, parts, strict=True)}
    return found


@pytest.mark.parametrize(
    "options", [{}, {"workers": 2}, pytest.param({"engine": "ray", "workers": 2}, marks=pytest.mark.ray)]
)
@pytest.mark.filterwarnings("ignore")
def test_vectors_are_those_of_ingestion(lakes: Path, tmp_path: Path, encoder: Any, options: dict[str, Any]) -> None:
    """Bit for bit, by every engine; the second time there is nothing to do, and requests are counted once."""
    if options.get("engine") == "ray":
        pytest.importorskip("ray", reason="Ray is not installed")
    lake = tmp_path / "lake"
    shutil.copytree(lakes / "texts", lake)
    before = loradiag.traffic_stats(lake).requests
    assert vectors(lake, encoder) == {}
    done = loradiag.embed_traffic(lake, ENCODER, **options)
    assert done.embedded > 200
    assert done.problems == {}
    assert vectors(lake, encoder) == vectors(lakes / "embedded", encoder)
    again = loradiag.embed_traffic(lake, ENCODER)
    assert (again.embedded, again.known >= done.embedded) == (0, True)
    assert loradiag.traffic_stats(lake).requests == before


def test_a_lake_behind_a_url(lakes: Path, tmp_path: Path, encoder: Any) -> None:
    """What was embedded is sent there."""
    shutil.copytree(lakes / "texts", tmp_path / "there")
    assert loradiag.embed_traffic(f"file://{tmp_path}/there", ENCODER).embedded > 200
    assert vectors(tmp_path / "there", encoder) == vectors(lakes / "embedded", encoder)


def test_a_lake_without_texts(lakes: Path, tmp_path: Path) -> None:
    """Has nothing to embed, and says so."""
    loradiag.ingest([lakes / "requests.jsonl"], tmp_path / "lake", base_models=["base"])
    done = CliRunner().invoke(traffic, ["embed", "--lake", str(tmp_path / "lake"), "--encoder", ENCODER, "-f", "json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["embedded"], told["without_text"] > 200) == (0, 0, True)
    with pytest.raises(InputError):
        loradiag.embed_traffic(tmp_path / "none", ENCODER)

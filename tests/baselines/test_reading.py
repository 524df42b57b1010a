"""Opening baselines: sound ones, broken ones, and ones that have expired."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.baselines.reading import expired, open_baseline, open_baselines
from loradiag.core.errors import InputError
from loradiag.embeddings.encoder import Encoder
from loradiag.storage.hashing import content_sha256
from tests.baselines.making import ADAPTER, made, sums, write_prompts

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def whole(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small baseline."""
    folder = tmp_path_factory.mktemp("baselines")
    data = write_prompts(folder / "train.jsonl", sums(300))
    adapter = folder / "adapter"
    shutil.copytree(ADAPTER, adapter)
    digest = content_sha256([adapter / "adapter_model.safetensors"])
    made(encoder, folder / "sums", data, adapter=str(adapter), adapter_sha256=digest)
    return folder / "sums"


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """One that may be broken."""
    shutil.copytree(whole, tmp_path / "sums")
    return tmp_path / "sums"


@pytest.mark.parametrize("name", ["index.npy", "calibration_scores.npy", "centres.npy", "calibration_topics.npy"])
def test_a_changed_number_is_found(copy: Path, name: str) -> None:
    """One bit in any array: its hash differs from the manifest's."""
    data = bytearray((copy / name).read_bytes())
    data[-1] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(InputError, match=f"{name}.*make the baseline again"):
        open_baseline(copy)


@pytest.mark.parametrize("size", [0, 5, 128, 1000])
def test_a_cut_array_is_named(copy: Path, size: int) -> None:
    """Truncated anywhere: one line, no traceback."""
    path = copy / "index.npy"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"index\.npy"):
        open_baseline(copy)


def test_a_manifest_that_is_far_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    """Twenty megabytes of nothing: one line that names the file and what to do."""
    with (tmp_path / "baseline.json").open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(InputError, match=r"baseline\.json: is far too large to be .*make the baseline again"):
        open_baseline(tmp_path)


def test_a_missing_array_is_named(copy: Path) -> None:
    """One line that names it."""
    (copy / "centres.npy").unlink()
    with pytest.raises(InputError, match=r"centres\.npy"):
        open_baseline(copy)


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04nonsense", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118]
)
def test_what_is_no_array_is_named(copy: Path, data: bytes) -> None:
    """An archive by the name of an array, and a header that no parser takes."""
    (copy / "index.npy").write_bytes(data)
    with pytest.raises(InputError, match=r"index\.npy"):
        open_baseline(copy)


def test_no_pickle_is_read(copy: Path) -> None:
    """An array of objects is a pickle, and refused."""
    np.save(copy / "index.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"index\.npy"):
        open_baseline(copy)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": 2}, "is of version 2"),
        ({"calibrated": 3}, "is damaged"),
        ({"adapter": None}, "is damaged"),
        ({"created": "2026-13-01T00:00:00Z"}, "is damaged"),
    ],
)
def test_a_manifest_of_another_kind(copy: Path, change: dict[str, Any], problem: str) -> None:
    """Another version is told apart from damage."""
    path = copy / "baseline.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=problem):
        open_baseline(copy)


def test_a_manifest_that_nests_beyond_all_reason(copy: Path) -> None:
    """It is damaged, and no fault of loradiag's."""
    (copy / "baseline.json").write_text('{"version": 1, "x": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(InputError, match="is damaged"):
        open_baseline(copy)


@pytest.mark.parametrize("path", ["/dev/zero", "x" * 5000, "a\0b", "."])
def test_a_manifest_that_names_no_file(copy: Path, path: str) -> None:
    """An endless device is not read, and what no file can be called says nothing of a change."""
    told = json.loads((copy / "baseline.json").read_text())
    for part in ("adapter", "data"):
        told[part]["path"] = path
    (copy / "baseline.json").write_text(json.dumps(told))
    assert expired(open_baseline(copy)) == []


def test_no_baseline(tmp_path: Path) -> None:
    """A directory without one, and none at all."""
    with pytest.raises(InputError, match="holds no baseline"):
        open_baselines(tmp_path)
    with pytest.raises(InputError, match="holds no baseline"):
        open_baseline(tmp_path / "none")
    with pytest.raises(InputError, match="File name too long"):
        open_baselines(tmp_path / ("x" * 300))


def test_a_directory_of_baselines(whole: Path, tmp_path: Path) -> None:
    """All that lie directly in it, by name; half-written ones, whose names begin with a dot, are not looked at."""
    for name in ("b", "a", ".c.tmp"):
        shutil.copytree(whole, tmp_path / name)
    assert [found.path.name for found in open_baselines(tmp_path)] == ["a", "b"]


def test_it_expires_with_adapter_and_data(whole: Path) -> None:
    """Nothing has changed; then the data, then the adapter; what is gone says nothing."""
    baseline = open_baseline(whole)
    assert expired(baseline) == []
    data, weights = whole.parent / "train.jsonl", whole.parent / "adapter" / "adapter_model.safetensors"
    kept = data.read_bytes(), weights.read_bytes()
    try:
        data.write_bytes(kept[0] + b'{"prompt": "new", "completion": "x"}\n')
        assert [reason.split()[1] for reason in expired(baseline)] == ["data"]
        data.write_bytes(kept[0])
        changed = bytearray(kept[1])
        changed[-1] ^= 1
        weights.write_bytes(changed)
        assert [reason.split()[1] for reason in expired(baseline)] == ["adapter"]
        data.unlink()
        weights.unlink()
        assert expired(baseline) == []
    finally:
        data.write_bytes(kept[0])
        weights.write_bytes(kept[1])

"""Runs that were interrupted: they go on where they stopped, and end as if nothing had been."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import loradiag
from loradiag.analyzers.merge.keep import Kept
from loradiag.analyzers.merge.measure import Sums
from loradiag.core.merge import Merge
from tests.analyzers.merge.making import ADAPTERS, BASE
from tests.conftest import FIXTURES

pytestmark = pytest.mark.models

LEDGER = FIXTURES / "text" / "ledger_heldout.jsonl"
ROUTES = ["bf16", "nf4-inplace", "fp16"]
MODULES = 8
"""Of the adapter ``tiny``."""

Told = list[tuple[str, int, int]]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run(told: Told | None = None, stop: tuple[str, int] | None = None, **options: Any) -> Merge | None:
    """Measure, keeping what progress is told; None if that was interrupted at a stage's part."""
    told = [] if told is None else told

    def progress(stage: str, done: int, total: int) -> None:
        told.append((stage, done, total))
        if (stage, done) == stop:
            raise KeyboardInterrupt

    arguments: dict[str, Any] = {"routes": ROUTES, "prompts": LEDGER, "limit": 6, "batch_tokens": 60, "fit": False}
    arguments |= {"base": BASE, "adapter": ADAPTERS / "tiny", "progress": progress} | options
    try:
        return loradiag.merge_drift(**arguments).measurements.merge
    except KeyboardInterrupt:
        assert stop is not None
        return None


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Merge | None:
    """What an uninterrupted run gives."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LORADIAG_CACHE", str(tmp_path_factory.mktemp("elsewhere")))
        return run()


def kept(cache: Path) -> dict[str, Path]:
    """Files of finished work, by name."""
    return {path.name: path for path in cache.glob("merge/*/*")}


def stages(told: Told) -> Counter[str]:
    """How many parts of each stage were done."""
    return Counter(stage for stage, _, _ in told)


def test_a_run_leaves_nothing(cache: Path) -> None:
    """Its report has everything; the next one starts anew, and says the same."""
    first, second = [], []
    assert run(first) == run(second)
    assert list(cache.glob("merge/*")) == []
    assert stages(first) == stages(second)
    assert stages(first)["weights"] == MODULES


@pytest.mark.parametrize("done", [1, 3, MODULES])
def test_interrupted_amid_weights(done: int, cache: Path, whole: Merge) -> None:
    """The modules that were done are not done again."""
    assert run(stop=("weights", done)) is None
    assert set(kept(cache)) == {"weights.jsonl"}
    told: Told = []
    resumed = run(told)
    assert [place for stage, place, _ in told if stage == "weights"] == list(range(done + 1, MODULES + 1))
    assert resumed == whole
    assert list(cache.glob("merge/*")) == []


@pytest.mark.parametrize("place", [1, 2])
def test_interrupted_amid_outputs(place: int, cache: Path, whole: Merge) -> None:
    """Routes that were done are not run again; the one that was interrupted is, from its beginning."""
    assert run(stop=("outputs: nf4-inplace", place)) is None
    assert set(kept(cache)) == {"weights.jsonl", "bf16.json"}
    told: Told = []
    resumed = run(told)
    done = stages(told)
    assert done["weights"] == done["outputs: bf16"] == 0
    assert done["outputs: nf4-inplace"] == done["outputs: fp16"] == done["outputs: reference"] > 2
    assert resumed == whole


def test_interrupted_again_and_again(cache: Path, whole: Merge) -> None:
    """Every time a little farther; the route with peaks as well."""
    for stop in [
        ("weights", 2),
        ("weights", 7),
        ("outputs: reference", 1),
        ("outputs: nf4-inplace", 1),
        ("outputs: fp16", 3),
    ]:
        assert run(stop=stop) is None
    assert set(kept(cache)) == {"weights.jsonl", "bf16.json", "nf4-inplace.json"}
    assert run() == whole


def test_peaks_are_kept(cache: Path) -> None:
    """Of a route in FP16 that was done before the interrupt."""
    routes = ["fp16", "bf16"]
    assert run(stop=("outputs: bf16", 1), routes=routes) is None
    resumed = run(routes=routes)
    assert resumed is not None
    assert resumed.routes[0].peaks
    assert resumed == run(routes=routes)


@pytest.mark.parametrize("cut", [1, 20, 150])
def test_a_line_that_was_cut_is_not_written(cut: int, cache: Path, whole: Merge) -> None:
    """Its module is done again, and no other; nor does what is written behind it suffer for long."""
    run(stop=("weights", 4))
    file = kept(cache)["weights.jsonl"]
    file.write_bytes(file.read_bytes()[:-cut])
    lost = 1 if cut > 1 else 0  # without its line break the line is whole
    told: Told = []
    assert run(told, stop=("weights", 6)) is None
    assert stages(told)["weights"] == 6 - (4 - lost)
    assert run() == whole


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{}\n", b'{"module": 7}\n{"module": "x", "routes": 1}\n'])
def test_what_cannot_be_read_is_done_again(content: bytes, cache: Path, whole: Merge) -> None:
    """In either file."""
    run(stop=("outputs: nf4-inplace", 1))
    for file in kept(cache).values():
        file.write_bytes(content)
    told: Told = []
    if content == b"{}\n":  # of a route, that is nothing measured, not nonsense
        kept(cache)["bf16.json"].unlink()
    resumed = run(told)
    assert stages(told)["weights"] == MODULES
    assert stages(told)["outputs: bf16"] > 0
    assert resumed == whole


@pytest.mark.parametrize("place", ["a file", "a file within", "directories for files"])
def test_a_cache_that_cannot_be_used(place: str, whole: Merge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs the comfort and nothing else."""
    (tmp_path / "file").write_text("")
    root = {
        "a file": tmp_path / "file",
        "a file within": tmp_path / "file" / "x",
        "directories for files": tmp_path / "c",
    }
    monkeypatch.setenv("LORADIAG_CACHE", str(root[place]))
    if place == "directories for files":
        run(stop=("weights", 1))
        (file,) = kept(tmp_path / "c").values()
        file.unlink()
        for name in ("weights.jsonl", "bf16.json", "fp16.json"):
            (file.parent / name).mkdir()
    told: Told = []
    found = run(told)
    assert stages(told)["weights"] == MODULES
    assert found == whole


OPTIONS: dict[str, dict[str, Any]] = {
    "the same": {},
    "routes": {"routes": ["bf16", "fp16"]},
    "other order": {"routes": ROUTES[::-1]},
    "block size": {"block_size": 128},
    "double": {"double_quantization": False},
    "precision": {"trained_on": "nf4"},
    "fewer texts": {"limit": 5},
    "other texts": {"prompts": FIXTURES / "text" / "base_heldout.jsonl"},
    "no text": {"prompts": None, "limit": None},
    "length": {"max_length": 20},
    "batches": {"batch_tokens": 61},
    "compute": {"compute": "bf16"},
    "adapter": {"adapter": ADAPTERS / "healthy"},
}


def test_other_work_is_kept_elsewhere(cache: Path) -> None:
    """Whatever decides the numbers tells one run from another."""
    found = {}
    for name, options in OPTIONS.items():
        for _ in range(2):
            before = set(cache.glob("merge/*"))
            assert run(stop=("weights", 2 if name not in found else 3), **options) is None
            (new,) = set(cache.glob("merge/*")) - before or {found.get(name)}
            found.setdefault(name, new)
    assert len(set(found.values())) == len(OPTIONS)


def changed(folder: Path, source: Path, name: str, **changes: Any) -> Path:
    """A copy of a directory with other settings in one file."""
    shutil.copytree(source, folder)
    (folder / name).write_text(json.dumps(json.loads((folder / name).read_text()) | changes))
    return folder


CHANGES: dict[str, tuple[str, Path, str, dict[str, Any]]] = {
    "adapter's scale": ("adapter", ADAPTERS / "tiny", "adapter_config.json", {"lora_alpha": 3}),
    "base's settings": ("base", BASE, "config.json", {"rms_norm_eps": 0.1}),
    "tokenizer": ("base", BASE, "tokenizer_config.json", {"chat_template": "{{ messages[0]['content'] }}"}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_files_beside_the_weights_tell_runs_apart(what: str, cache: Path, tmp_path: Path) -> None:
    """A scale, the base's configuration and its tokenizer decide the numbers as the weights do."""
    argument, source, name, changes = CHANGES[what]
    assert run(stop=("outputs: fp16", 1)) is None
    other = changed(tmp_path / "other", source, name, **changes)
    told: Told = []
    resumed = run(told, **{argument: other})
    assert stages(told)["outputs: bf16"] > 0
    assert resumed is not None


def test_sums_and_reasons_come_back_as_they_were(cache: Path) -> None:
    """To the last bit, under names of any kind."""
    sums = Sums(7, 1 / 3, 2e-308, 1e300, 0.1, -0.0, 5, 4, 3, 2, 1)
    one = Kept({"a": 1})
    assert one.survivals() == {}
    assert one.outputs("bf16") is None
    one.keep_survival("model.layers.0", {"bf16": sums}, None)
    one.keep_survival("näme\n\x1b[2J", {}, "absent")
    one.keep_outputs("bf16", {"kld_mean": 0.1, "kld_p90": None})
    again = Kept({"a": 1})
    assert again.survivals() == {"model.layers.0": ({"bf16": sums}, None), "näme\n\x1b[2J": ({}, "absent")}
    assert again.outputs("bf16") == {"kld_mean": 0.1, "kld_p90": None}
    assert Kept({"a": 2}).survivals() == {}
    again.forget()
    assert one.survivals() == {}

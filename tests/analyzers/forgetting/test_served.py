"""The vLLM backend: what it refuses; and, where vLLM is installed, that it answers."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

import loradiag
from loradiag.analyzers.forgetting.served import RANKS, _room_for
from loradiag.core.errors import InputError, MissingExtraError, UsageError
from tests.conftest import FIXTURES

BASE, HEALTHY = FIXTURES / "base", FIXTURES / "adapters" / "healthy"
HERE = importlib.util.find_spec("vllm") is not None
TASKS = {"tasks": ["toy_facts"], "include_path": [FIXTURES / "tasks"], "limit": 8, "fit": False}


def test_ranks() -> None:
    """The least that vLLM lays memory out for."""
    assert [_room_for(rank) for rank in (1, 8, 9, 64, 512)] == [8, 8, 16, 64, 512]
    with pytest.raises(UsageError, match="up to 512"):
        _room_for(RANKS[-1] + 1)


@pytest.mark.models
@pytest.mark.parametrize("option", [{"routes": ["bf16"]}, {"trained_on": "nf4"}, {"device_map": "auto"}])
def test_what_it_does_not_do_is_refused_before_anything_is_loaded(option: dict) -> None:
    """Weights are not exchanged in an engine."""
    with pytest.raises(UsageError, match="--backend vllm"):
        loradiag.forgetting(BASE, HEALTHY, backend="vllm", **TASKS, **option)


@pytest.mark.models
def test_a_base_named_as_one_file_is_refused(tmp_path: Path) -> None:
    """The engine takes a folder: it might run another file of it than the one that was named."""
    from safetensors.torch import load_file, save_file

    tensors = {name: value for shard in BASE.glob("*.safetensors") for name, value in load_file(shard).items()}
    save_file(tensors, tmp_path / "mine.safetensors", {"format": "pt"})
    for other in BASE.glob("*.json"):
        if "index" not in other.name:
            shutil.copy(other, tmp_path)
    with pytest.raises(InputError, match="is one file, and vLLM loads whatever lies in its folder"):
        loradiag.forgetting(tmp_path / "mine.safetensors", HEALTHY, backend="vllm", **TASKS)


@pytest.mark.models
@pytest.mark.skipif(HERE, reason="vLLM is installed")
def test_without_vllm_the_extra_is_named() -> None:
    """One line that says what to install."""
    with pytest.raises(MissingExtraError, match=r"loradiag\[vllm\]"):
        loradiag.forgetting(BASE, HEALTHY, backend="vllm", **TASKS)


@pytest.mark.models
@pytest.mark.skipif(not HERE, reason="vLLM is not installed")
def test_it_agrees_with_transformers() -> None:
    """On nearly all documents: its kernels round otherwise."""
    ours = loradiag.forgetting(BASE, HEALTHY, **TASKS).measurements.forgetting
    theirs = loradiag.forgetting(BASE, HEALTHY, backend="vllm", **TASKS).measurements.forgetting
    assert ours is not None
    assert theirs is not None
    assert theirs.adapter_by == "vllm"
    assert theirs.tasks[0].base == pytest.approx(ours.tasks[0].base, abs=0.25)
    assert theirs.tasks[0].adapter == pytest.approx(ours.tasks[0].adapter, abs=0.25)

"""The configuration of what is written: ranks and α by pattern, so that every module keeps its scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loradiag.core.errors import UsageError
from loradiag.resizing.config import pattern_keys
from loradiag.resizing.resize import resize
from tests.conftest import MakeAdapter
from tests.resizing.making import config_of, diagonal


def test_patterns_are_replaced(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Different ranks and scales: the most frequent in r and lora_alpha, the others by full names; other keys stay."""
    arrays = diagonal(9, 1) | diagonal(3, layer=1) | diagonal(4, layer=11) | diagonal(5, 5, 5, layer=2)
    old = make_adapter(
        arrays, alpha_pattern={"layers.1.self_attn.q_proj": -4}, target_modules=["q_proj"], something="kept"
    )
    result = resize(old, tmp_path / "new", error=0.01)
    assert [(row.new_rank, row.new_scale) for row in result.modules] == [(2, 2), (1, -0.5), (1, 2), (3, 2)]
    settings = config_of(tmp_path / "new")
    assert (settings["r"], settings["lora_alpha"], settings["something"]) == (1, 2, "kept")
    layers = "model.layers.{}.self_attn.q_proj"
    assert settings["rank_pattern"] == {layers.format(0): 2, layers.format(2): 3}
    assert settings["alpha_pattern"] == {layers.format(0): 4, layers.format(1): -0.5, layers.format(2): 6}


def test_keys_that_could_be_confused() -> None:
    """A name that another one ends in, or that a dot could confuse, is tied to the start and escaped."""
    assert pattern_keys(["a.q", "b.a.q", "b_a.x", "b.a.x", "c.(d)", "model.q-k"]) == {
        "a.q": r"^a\.q",
        "b.a.q": "b.a.q",
        "b_a.x": r"^b_a\.x",
        "b.a.x": r"^b\.a\.x",
        "c.(d)": r"^c\.\(d\)",
        "model.q-k": r"^model\.q\-k",
    }


def test_one_name_within_another(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Modules whose names end alike keep ranks and scales of their own."""
    inner = {name.replace("base_model.model.model", "base_model.model"): array for name, array in diagonal(3).items()}
    old = make_adapter(diagonal(9, 5, 5) | inner | diagonal(2, 2, layer=4))
    result = resize(old, tmp_path / "new", error=0)
    assert [(row.new_rank, row.new_scale) for row in result.modules] == [(3, 2), (1, 2), (2, 2)]


@pytest.mark.parametrize("alpha", [16, -5, 0])
def test_rslora(alpha: int, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """α/√r stays what it is; a scale of zero stays zero."""
    result = resize(make_adapter(diagonal(9, 1), lora_alpha=alpha, use_rslora=True), tmp_path / "new", rank=3)
    settings = config_of(tmp_path / "new")
    assert settings["use_rslora"] is True
    assert settings["lora_alpha"] / np.sqrt(3) == pytest.approx(alpha / np.sqrt(8), rel=1e-15)
    assert result.modules[0].norm == pytest.approx(abs(alpha) / np.sqrt(8) * np.sqrt(82), rel=1e-6)
    assert result.measured_error == pytest.approx(0, abs=1e-6)


def test_too_many_ranks_of_their_own(make_adapter: MakeAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    """PEFT would need minutes to match as many keys."""
    monkeypatch.setattr("loradiag.resizing.config._MAX_KEYS", 2)
    old = make_adapter(
        {name: array for layer in range(4) for name, array in diagonal(*[1] * (layer + 1), layer=layer).items()}
    )
    with pytest.raises(UsageError, match="--rank gives all of them one"):
        resize(old, error=0, dry_run=True)
    resize(old, rank=2, dry_run=True)

"""MLX: transposed factors, stacked experts, and the scale of each version of its configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from tests.adapters import checks
from tests.conftest import write_safetensors

Q = "model.layers.0.self_attn.q_proj"
RNG = np.random.default_rng(3)
A, B = RNG.normal(size=(12, 3)).astype(np.float32), RNG.normal(size=(3, 10)).astype(np.float32)


def _write(folder: Path, config: dict[str, Any] | None, arrays: dict[str, Any] | None = None) -> Path:
    write_safetensors(folder / "adapters.safetensors", arrays or {f"{Q}.lora_a": A, f"{Q}.lora_b": B})
    if config is not None:
        (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


# mlx-lm: y + scale · (x @ lora_a @ lora_b). Up to the versions with lora_layers, scale was scale · alpha / rank.
@pytest.mark.parametrize(
    ("config", "scale", "source"),
    [
        (None, 20.0, "default"),
        ({"num_layers": 4, "lora_parameters": {"rank": 3, "scale": 10.0}}, 10.0, "config"),
        ({"num_layers": 4, "lora_parameters": {"rank": 3, "scale": 10.0, "alpha": 16}}, 10.0, "config"),
        ({"lora_layers": 4, "lora_parameters": {"rank": 3, "scale": 10.0, "alpha": 16}}, 160 / 3, "config"),
        ({"lora_layers": 4, "lora_parameters": {"rank": 3, "alpha": 6}}, 2.0, "config"),
    ],
)
def test_scale(config: dict[str, Any] | None, scale: float, source: str, tmp_path: Path) -> None:
    """The scale follows the version that the configuration speaks of."""
    adapter = open_adapter(_write(tmp_path, config))
    assert adapter.layout == "mlx"
    (module,) = adapter.modules
    assert module.scale.value == pytest.approx(scale, rel=1e-12)
    assert module.scale.source == source
    assert (module.d_out, module.d_in, module.rank) == (10, 12, 3)
    checks.assert_same_spectra(checks.our_spectra(adapter), {Q: checks.spectrum(scale * (A @ B))})


def test_archive(tmp_path: Path) -> None:
    """The same from an npz archive, whatever the byte order or the layout of its arrays."""
    np.savez(tmp_path / "adapters.npz", **{f"{Q}.lora_a": np.asfortranarray(A), f"{Q}.lora_b": B.astype(">f4")})
    adapter = open_adapter(tmp_path)
    assert (adapter.layout, adapter.weight_format) == ("mlx", "npz")
    checks.assert_same_spectra(checks.our_spectra(adapter), {Q: checks.spectrum(20 * (A @ B))})


@pytest.mark.parametrize("flat", [False, True])
def test_experts(flat: bool, tmp_path: Path) -> None:
    """Stacked experts come apart, with A stacked in a dimension of its own or, as older versions did, in its rows."""
    up = "model.layers.1.mlp.switch_mlp.up_proj"
    a, b = RNG.normal(size=(4, 2, 7)).astype(np.float32), RNG.normal(size=(4, 9, 2)).astype(np.float32)
    arrays = {f"{up}.lora_a": a.reshape(8, 7) if flat else a, f"{up}.lora_b": b}
    adapter = open_adapter(_write(tmp_path, {"lora_parameters": {"rank": 2, "scale": 1.0}}, arrays))
    expected = {f"{up}.experts.{index}": checks.spectrum(b[index] @ a[index]) for index in range(4)}
    checks.assert_same_spectra(checks.our_spectra(adapter), expected)
    assert {module.place.role for module in adapter.modules} == {"expert"}
    assert not adapter.parts.problems
    checks.assert_accounted(adapter)


def test_magnitudes_make_it_dora(tmp_path: Path) -> None:
    """mlx-lm's DoRA keeps its magnitudes as ``m``."""
    arrays = {f"{Q}.lora_a": A, f"{Q}.lora_b": B, f"{Q}.m": np.ones(10, np.float32)}
    adapter = open_adapter(_write(tmp_path, None, arrays))
    assert [module.method for module in adapter.modules] == ["dora"]
    checks.assert_accounted(adapter)


def test_rank_of_the_configuration(tmp_path: Path) -> None:
    """A rank that differs from the configuration's is a problem."""
    adapter = open_adapter(_write(tmp_path, {"lora_parameters": {"rank": 8, "scale": 1.0}}))
    assert [(problem.kind, problem.observed, problem.expected) for problem in adapter.parts.problems] == [
        ("rank-mismatch", 3, 8)
    ]


@pytest.mark.parametrize("scale", ["ten", None, [1], float("1e999"), True])
def test_scale_must_be_a_number(scale: Any, tmp_path: Path) -> None:
    """What is no number is refused, not guessed at."""
    config = {"lora_parameters": {"rank": 3, "scale": scale, "alpha": "x"}}
    checks.assert_unreadable(_write(tmp_path, config), "config")

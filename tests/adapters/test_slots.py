"""From factors to modules: what fits, what does not, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from tests.adapters import checks
from tests.adapters.hostile import entry, safetensors_bytes
from tests.conftest import write_safetensors

Q = "base_model.model.q_proj"
U = "lora_unet_x"


def _open(folder: Path, shapes: dict[str, tuple[int, ...]], dtype: str = "F32", config: str = "") -> Any:
    write_safetensors(
        folder / "x.safetensors", {name: np.ones(shape, np.float32) for name, shape in shapes.items()}, dtype
    )
    if config:
        (folder / "adapter_config.json").write_text(config)
    adapter = open_adapter(folder)
    checks.assert_accounted(adapter)
    return adapter


UNFIT: dict[str, tuple[dict[str, tuple[int, ...]], str, str]] = {
    "half a pair": ({f"{Q}.lora_A.weight": (2, 3)}, "unpaired", "has A and lacks the other half"),
    "the other half": ({f"{Q}.lora_B.weight": (3, 2)}, "unpaired", "has B and lacks the other half"),
    "only α": (
        {f"{U}.alpha": (), f"{U}2.lora_down.weight": (1, 2), f"{U}2.lora_up.weight": (2, 1)},
        "unpaired",
        "only alpha",
    ),
    "inner dimensions": (
        {f"{Q}.lora_A.weight": (2, 3), f"{Q}.lora_B.weight": (4, 3)},
        "shape-mismatch",
        "A is 2 × 3 and B is 4 × 3",
    ),
    "no elements": (
        {f"{Q}.lora_A.weight": (0,), f"{Q}.lora_B.weight": (4, 2)},
        "empty-tensor",
        "lora_A.weight has no elements",
    ),
    "no rank": ({f"{Q}.lora_A.weight": (0, 3), f"{Q}.lora_B.weight": (4, 0)}, "empty-tensor", "has no elements"),
    "E": (
        {f"{Q}.lora_A": (2, 3), f"{Q}.lora_B": (4, 2), f"{Q}.lora_E": (3, 1)},
        "shape-mismatch",
        "E has 3 values for rank 2",
    ),
    "a core": (
        {
            f"{U}.lora_down.weight": (2, 3, 1, 1),
            f"{U}.lora_mid.weight": (3, 2, 3, 3),
            f"{U}.lora_up.weight": (4, 2, 1, 1),
        },
        "shape-mismatch",
        "core",
    ),
    "LoHa": (
        {f"{U}.hada_w1_a": (4, 2), f"{U}.hada_w1_b": (2, 3), f"{U}.hada_w2_a": (4, 2), f"{U}.hada_w2_b": (2, 5)},
        "shape-mismatch",
        "the two products have shapes (4, 3) and (4, 5)",
    ),
    "LoHa inner": (
        {f"{U}.hada_w1_a": (4, 2), f"{U}.hada_w1_b": (3, 3), f"{U}.hada_w2_a": (4, 2), f"{U}.hada_w2_b": (2, 3)},
        "shape-mismatch",
        "w1_a (4, 2) and w1_b (3, 3) do not multiply",
    ),
    "LoHa half": ({f"{U}.hada_w1_a": (4, 2), f"{U}.hada_w1_b": (2, 3)}, "unpaired", "w1_a, w1_b"),
    "LoKr": ({f"{U}.lokr_w1": (2, 2), f"{U}.lokr_w2_a": (4, 2), f"{U}.lokr_w2_b": (3, 5)}, "shape-mismatch", "w2_a"),
    "LoKr core": (
        {f"{U}.lokr_w1": (2, 2), f"{U}.lokr_w2_a": (2, 4), f"{U}.lokr_w2_b": (2, 5), f"{U}.lokr_t2": (3, 2, 3, 3)},
        "shape-mismatch",
        "the core of w2",
    ),
    "LoKr half": ({f"{U}.lokr_w1": (2, 2)}, "unpaired", "has w1"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_unfit_factors(name: str, tmp_path: Path) -> None:
    """What does not multiply is a problem with the module's name and place, and its tensors are broken."""
    shapes, kind, says = UNFIT[name]
    adapter = _open(tmp_path, shapes)
    (problem,) = adapter.parts.problems
    assert problem.kind == kind
    assert says in problem.detail
    assert problem.module
    assert set(adapter.parts.broken) == set(shapes) - {name for name in shapes if name.startswith(f"{U}2")}


def test_rank_of_the_configuration(tmp_path: Path) -> None:
    """A rank that the configuration does not give the module is a problem, and the module is analysed all the same."""
    shapes = {f"{Q}.lora_A.weight": (2, 3), f"{Q}.lora_B.weight": (4, 2)}
    adapter = _open(tmp_path, shapes, config='{"peft_type": "LORA", "r": 16, "lora_alpha": 32}')
    (problem,) = adapter.parts.problems
    assert (problem.kind, problem.observed, problem.expected) == ("rank-mismatch", 2, 16)
    (module,) = adapter.modules
    assert (module.expected_rank, module.scale.value) == (16, 2.0)


@pytest.mark.parametrize(
    ("stored", "reason"), [("I8", "stored as I8"), ("C64", "stored as C64"), ("F8_E8M0", "stored as F8_E8M0")]
)
def test_formats_that_are_no_factors(stored: str, reason: str, tmp_path: Path) -> None:
    """Whole numbers and unknown formats are unsupported, one element or many."""
    size = {"I8": 1, "C64": 8, "F8_E8M0": 1}[stored]
    header = {
        f"{Q}.lora_A.weight": entry([1, 1], [0, size], stored),
        f"{Q}.lora_B.weight": entry([1, 1], [size, 2 * size], stored),
    }
    (tmp_path / "x.safetensors").write_bytes(safetensors_bytes(header, bytes(2 * size)))
    adapter = open_adapter(tmp_path)
    assert [row.reason for row in adapter.parts.unsupported] == [reason, reason]


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16", "BF16"])
def test_alpha_in_every_format(dtype: str, tmp_path: Path) -> None:
    """α is read from whatever format it is stored in, with or without a dimension."""
    for shape in ((), (1,), (1, 1)):
        adapter = _open(
            tmp_path, {f"{U}.lora_down.weight": (4, 3), f"{U}.lora_up.weight": (5, 4), f"{U}.alpha": shape}, dtype
        )
        assert adapter.modules[0].scale.value == 0.25
        assert [tensor.name for tensor in adapter.modules[0].alphas] == [f"{U}.alpha"]


@pytest.mark.parametrize(("dtype", "code", "alpha"), [("F8_E4M3", 0x58, 16.0), ("F8_E5M2", 0x4C, 16.0)])
def test_alpha_in_eight_bits(dtype: str, code: int, alpha: float, tmp_path: Path) -> None:
    """Tools that shrink whole files to FP8 shrink α too: 1.0 · 2⁴ by the fields of either format."""
    header = {
        f"{U}.lora_down.weight": entry([4, 3], [0, 12], dtype),
        f"{U}.lora_up.weight": entry([5, 4], [12, 32], dtype),
        f"{U}.alpha": entry([], [32, 33], dtype),
    }
    (tmp_path / "x.safetensors").write_bytes(safetensors_bytes(header, bytes(32) + bytes([code])))
    (module,) = open_adapter(tmp_path).modules
    assert (module.scale.alpha, module.scale.value) == (alpha, 4.0)


def test_factors_that_the_formula_leaves_out(tmp_path: Path) -> None:
    """A factor that has no part in the update is unexpected, not analysed."""
    shapes = {f"{U}.lokr_w1": (2, 2), f"{U}.lokr_w1_a": (2, 2), f"{U}.lokr_w2": (3, 3), f"{U}.lora_mid.weight": (2, 2)}
    adapter = _open(tmp_path, shapes)
    assert adapter.parts.unexpected == [f"{U}.lokr_w1_a", f"{U}.lora_mid.weight"]
    assert set(adapter.modules[0].factors) == {"w1", "w2"}


def test_names_that_become_the_same(tmp_path: Path) -> None:
    """Two modules whose dotted names agree keep their own names, so that neither hides the other."""
    names = ("lora_unet_mid_block_attn1_to_q", "lora_unet_unet_mid_block_attn1_to_q")
    shapes = {f"{name}.{side}.weight": (2, 2) for name in names for side in ("lora_down", "lora_up")}
    adapter = _open(tmp_path, shapes)
    assert [module.name for module in adapter.modules] == list(names)


def test_shapes_are_those_of_the_update(tmp_path: Path) -> None:
    """d_out and d_in are the update's, whatever shapes the factors are stored in."""
    shapes = {f"{U}.lora_down.weight": (2, 5, 3, 3), f"{U}.lora_up.weight": (7, 2, 1, 1)}
    (module,) = _open(tmp_path, shapes).modules
    assert (module.rank, module.d_out, module.d_in) == (2, 7, 45)
    assert module.factors["A"].shape == (2, 45)
    assert module.factors["B"].T.shape == (2, 7)
    assert module.factors["B"].T.load().shape == (2, 7)

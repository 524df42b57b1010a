"""Input widths of VeRA modules: known where the others make them certain, and nowhere else.

Against PEFT's own updates: test_peft_updates.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from tests.adapters import checks
from tests.conftest import write_safetensors

# Output widths of a layer with hidden size 8, queries of 12, keys and values of 4, and an MLP of 20.
OUT = {"q_proj": 12, "k_proj": 4, "v_proj": 4, "o_proj": 8, "gate_proj": 20, "up_proj": 20, "down_proj": 8}


def _widths(folder: Path, modules: dict[str, int], widest: int, rank: int = 2) -> dict[str, int | None]:
    arrays = {
        "base_model.vera_A": np.ones((rank, widest), np.float32),
        "base_model.vera_B": np.ones((max(modules.values()), rank), np.float32),
    }
    for name, out in modules.items():
        arrays[f"base_model.model.{name}.vera_lambda_b"] = np.ones(out, np.float32)
        arrays[f"base_model.model.{name}.vera_lambda_d"] = np.ones(rank, np.float32)
    write_safetensors(folder / "adapter_model.safetensors", arrays)
    adapter = open_adapter(folder)
    checks.assert_accounted(adapter)
    return {module.name.rpartition(".")[2]: module.d_in for module in adapter.modules}


@pytest.mark.parametrize(
    ("leaves", "widest", "expected"),
    [
        ("q_proj", 8, {"q_proj": 8}),
        (
            "q_proj k_proj v_proj gate_proj up_proj",
            8,
            dict.fromkeys(["q_proj", "k_proj", "v_proj", "gate_proj", "up_proj"], 8),
        ),
        ("o_proj", 12, {"o_proj": 12}),
        ("down_proj", 20, {"down_proj": 20}),
        ("q_proj o_proj", 12, {"q_proj": 8, "o_proj": 12}),
        ("k_proj o_proj", 12, {"k_proj": 8, "o_proj": None}),
        ("up_proj down_proj", 20, {"up_proj": 8, "down_proj": 20}),
        ("gate_proj down_proj", 20, {"gate_proj": 8, "down_proj": 20}),
        ("q_proj down_proj", 20, {"q_proj": 8, "down_proj": None}),
        ("o_proj down_proj", 12, {"o_proj": None, "down_proj": None}),
        ("o_proj down_proj", 20, {"o_proj": None, "down_proj": None}),
        (" ".join(OUT), 20, {leaf: {"o_proj": None, "down_proj": 20}.get(leaf, 8) for leaf in OUT}),
    ],
)
def test_widths(leaves: str, widest: int, expected: dict[str, int | None], tmp_path: Path) -> None:
    """Readers of the residual stream share its width, which o_proj and down_proj tell; those follow what feeds them."""
    modules = {
        f"model.layers.{layer}.{'mlp' if leaf in ('gate_proj', 'up_proj', 'down_proj') else 'self_attn'}.{leaf}": OUT[
            leaf
        ]
        for leaf in leaves.split()
        for layer in (0, 1)
    }
    assert _widths(tmp_path, modules, widest) == expected


@pytest.mark.parametrize(
    ("modules", "widest"),
    [
        # A projection of a projection.
        ({"model.layers.0.self_attn.q_b_proj": 12}, 8),
        # Two stacks of different widths.
        ({"vision_tower.layers.0.self_attn.q_proj": 12, "model.layers.0.self_attn.q_proj": 12}, 8),
        # A layer of a kind that nobody knows.
        ({"model.layers.0.self_attn.q_proj": 12, "model.layers.0.self_attn.strange": 12}, 8),
        # Layers that differ.
        ({"model.layers.0.self_attn.o_proj": 8, "model.layers.1.self_attn.o_proj": 9}, 12),
        ({"linear": 12}, 8),
    ],
)
def test_no_width_is_guessed(modules: dict[str, int], widest: int, tmp_path: Path) -> None:
    """Where something else may be going on, no width is given."""
    assert set(_widths(tmp_path, modules, widest).values()) == {None}


def test_shared_projections_that_do_not_fit(tmp_path: Path) -> None:
    """A shared B with fewer rows than a module needs is a mismatch; half a pair of projections is unpaired."""
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    arrays = {
        f"{name}.vera_lambda_b": np.ones(9),
        f"{name}.vera_lambda_d": np.ones(2),
        "base_model.vera_A": np.ones((2, 5)),
    }
    for shared_b, kind in (
        (np.ones((8, 2)), "shape-mismatch"),
        (np.ones((9, 3)), "shape-mismatch"),
        (None, "unpaired"),
    ):
        write_safetensors(
            tmp_path / "x.safetensors", arrays | ({} if shared_b is None else {"base_model.vera_B": shared_b})
        )
        adapter = open_adapter(tmp_path)
        assert [problem.kind for problem in adapter.parts.problems] == [kind]
        checks.assert_accounted(adapter)


def test_projections_that_nobody_uses(tmp_path: Path) -> None:
    """Shared projections without a module are unexpected."""
    arrays = {"base_model.vera_A": np.ones((2, 5)), "base_model.model.q.ia3_l": np.ones((3, 1))}
    write_safetensors(tmp_path / "x.safetensors", arrays)
    assert open_adapter(tmp_path).parts.unexpected == ["base_model.vera_A"]

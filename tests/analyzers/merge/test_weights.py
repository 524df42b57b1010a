"""The pass over the base: weights in strips and whole, stored either way round, with what could not be measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from loradiag.analyzers.merge.fold import fold_of
from loradiag.analyzers.merge.measure import Sums
from loradiag.analyzers.merge.routes import plan_routes
from loradiag.analyzers.merge.weights import Survival, survey
from loradiag.analyzers.updates import Values
from loradiag.linalg.formats import format_named
from tests.analyzers.merge.making import along, inspected, pairs_of, surveyed
from tests.analyzers.merge.test_measure import by_definition, check
from tests.bases.making import stored, write_base
from tests.conftest import write_safetensors

torch: Any = pytest.importorskip("torch", reason="weights are torch tensors")

pytestmark = pytest.mark.models

ROUTES = ["bf16", "nf4-inplace", "int8", "bf16-from-int8", "fp8-e4m3", "q4_0"]


def made(folder: Path, weight: str, shape: tuple[int, int], kind: str, transposed: bool = False) -> Any:
    """A base of one large matrix, and an adapter on it, small beside it."""
    rng = np.random.default_rng(0)
    bits = (rng.normal(0, 0.02, shape).astype("<f4").view("<u4") >> 16).astype("<u2")
    base = write_base(folder / "base", {f"{weight}.weight": stored(bits, "BF16")}, {"model_type": kind})
    rows, cols = shape[::-1] if transposed else shape
    stem = f"base_model.model.{weight}"
    arrays = {
        f"{stem}.lora_A.weight": rng.normal(0, 0.02, (4, cols)),
        f"{stem}.lora_B.weight": rng.normal(0, 0.02, (rows, 4)),
    }
    (folder / "adapter").mkdir(parents=True)
    write_safetensors(folder / "adapter" / "adapter_model.safetensors", arrays)
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 2, "target_modules": [weight.rpartition(".")[2]]}
    (folder / "adapter" / "adapter_config.json").write_text(json.dumps(config | {"fan_in_fan_out": transposed}))
    return inspected(base, folder / "adapter")


LARGE: dict[str, tuple[str, tuple[int, int], str, bool]] = {
    "linear": ("model.layers.0.mlp.up_proj", (1100, 2048), "llama", False),
    "rows that are no whole blocks": ("model.layers.0.mlp.up_proj", (2200, 1000), "llama", False),
    "stored transposed": ("transformer.h.0.mlp.c_fc", (1024, 2112), "gpt2", True),
    "head": ("lm_head", (2100, 1024), "llama", False),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_weight_that_is_read_in_strips_is_measured_as_a_whole(name: str, tmp_path: Path) -> None:
    """Every route of it, by definition in float64 from what the route stores of the whole."""
    inspection = made(tmp_path, *LARGE[name])
    (found,) = surveyed(inspection, *ROUTES).values()
    (pair,) = pairs_of(inspection)
    fold = fold_of(pair, Values())
    for route in ROUTES:
        (whole,) = along(inspection, route).values()
        floating = route in ("bf16", "bf16-from-int8", "fp8-e4m3") or (name == "head" and route != "q4_0")
        arrays = [
            whole.source.float(), fold.change(whole.source, 0).float(), whole.stored.values.float(),
            whole.stored.codes.float(), whole.plain.float(),
        ]  # fmt: skip
        assert whole.floating == floating
        check(found.routes[route], by_definition(*(array.numpy() for array in arrays), floating=floating))
        assert found.routes[route].entries == LARGE[name][1][0] * LARGE[name][1][1] > 1 << 21


def test_quantizers_see_transposed_weights_as_they_multiply(tmp_path: Path) -> None:
    """Blocks and rows run along what is summed over, whichever way round the checkpoint has it."""
    inspection = made(tmp_path, "transformer.h.0.mlp.c_fc", (96, 64), "gpt2", transposed=True)
    (pair,) = pairs_of(inspection)
    for route in ("nf4", "int8", "q8_0", "fp8-e4m3"):
        (one,) = along(inspection, route).values()
        merged = one.source + fold_of(pair, Values()).change(one.source, 0)
        expected = format_named(route).store(merged.to(torch.bfloat16).T.contiguous()).values.T
        assert one.stored.values.equal(expected), route


def test_modules_without_a_weight_or_a_fold_say_why(tmp_path: Path) -> None:
    """And the others are measured."""
    inspection = made(tmp_path, "model.layers.0.mlp.up_proj", (96, 64), "llama")
    (pair,) = pairs_of(inspection)
    absent = msgspec.structs.replace(pair, weight=None, reason="absent")
    infinite = inspected(tmp_path / "base", spoiled(tmp_path))
    found: list[Survival] = []
    assert inspection.base is not None
    plan = plan_routes(inspection.base, ["bf16"])
    survey([absent, *pairs_of(infinite), pair], inspection.base, plan, "bf16", "cpu", found.append)
    assert [row.reason for row in found] == ["absent", "the update has non-finite values", None]
    assert [list(row.routes) for row in found] == [[], [], ["bf16"]]
    assert found[2].routes["bf16"] != Sums()


def spoiled(folder: Path) -> Path:
    """The same adapter with an infinite entry."""
    file = folder / "adapter" / "adapter_model.safetensors"
    arrays = load_file(file)
    arrays[next(iter(arrays))][0, 0] = np.inf
    other = folder / "spoiled"
    other.mkdir()
    save_file(arrays, other / file.name)
    (other / "adapter_config.json").write_text((folder / "adapter" / "adapter_config.json").read_text())
    return other

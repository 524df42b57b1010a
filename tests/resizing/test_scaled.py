"""Adapters at another strength: α carries λ, no number is rounded, and PEFT computes base + λ·Δ of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loradiag.adapters.opening import open_adapter
from loradiag.core.errors import InputError, UsageError
from loradiag.resizing.scaled import scaled
from tests.conftest import FIXTURES, MakeAdapter, peft_arrays
from tests.resizing.making import config_of, tensors

BASE = FIXTURES / "base"


@given(factor=st.floats(0.01, 1.0))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
def test_scales_are_those_of_before_times_the_factor(
    make_adapter: MakeAdapter, tmp_path_factory: pytest.TempPathFactory, factor: float
) -> None:
    """With ranks and alphas of their own, and √r: every module's scale, and no module's numbers."""
    source = make_adapter(
        use_rslora=True, rank_pattern={"q_proj": 8}, alpha_pattern={"v_proj": 5}, name=f"a{factor.hex()}"
    )
    output = tmp_path_factory.mktemp("scaled") / "out"
    scaled(source, output, factor)
    before, after = open_adapter(source), open_adapter(output)
    for old, new in zip(before.modules, after.modules, strict=True):
        assert new.scale.value == pytest.approx(old.scale.value * factor, rel=1e-12)
    assert {name: array.tobytes() for name, array in tensors(source).items()} == {
        name: array.tobytes() for name, array in tensors(output).items()
    }


def test_the_rest_of_the_configuration_stays(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Only α changes."""
    source = make_adapter()
    scaled(source, tmp_path / "out", 0.5)
    before, after = config_of(source), config_of(tmp_path / "out")
    assert after.pop("lora_alpha") == before.pop("lora_alpha") / 2
    assert after.pop("alpha_pattern") == {}
    assert before == after


@pytest.mark.parametrize(
    ("changes", "arrays", "said"),
    [
        ({"use_dora": True}, {"base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector": (32,)}, "DoRA"),
        ({"modules_to_save": ["norm"]}, {"base_model.model.model.norm.weight": (8,)}, "whole"),
    ],
)
def test_what_alpha_does_not_scale_is_refused(
    make_adapter: MakeAdapter, tmp_path: Path, changes: dict, arrays: dict, said: str
) -> None:
    """An adapter that is scaled in part would be another one."""
    found = dict(peft_arrays()) | {name: np.ones(shape, np.float32) for name, shape in arrays.items()}
    if "use_dora" in changes:
        found |= {
            name.replace("lora_A.weight", "lora_magnitude_vector"): np.ones(32, np.float32)
            for name in peft_arrays()
            if "lora_A" in name
        }
    with pytest.raises(UsageError, match=said):
        scaled(make_adapter(found, **changes), tmp_path / "out", 0.5)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("alpha", "factor"), [(6, 0.0), (0, 0.5), (-6, 0.5), (6, -1.0)])
def test_an_alpha_that_adalora_does_not_take_is_refused(
    alpha: int, factor: float, make_adapter: MakeAdapter, tmp_path: Path
) -> None:
    """PEFT multiplies AdaLoRA's update by the rank in place of an α that is not positive: λ would do nothing, or too much."""
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    arrays = {f"{name}.lora_A": (4, 48), f"{name}.lora_B": (32, 4), f"{name}.lora_E": (4, 1)}
    source = make_adapter(
        {key: np.ones(shape, np.float32) for key, shape in arrays.items()},
        peft_type="ADALORA",
        init_r=4,
        lora_alpha=alpha,
    )
    with pytest.raises(UsageError, match="not positive"):
        scaled(source, tmp_path / "out", factor)
    assert not (tmp_path / "out").exists()


def test_a_pattern_for_no_module_may_hold_anything(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """What is no number is said in one line, though no module asked for it."""
    source = make_adapter(alpha_pattern={"nothing_is_called_so": "x"})
    with pytest.raises(InputError, match=r"alpha_pattern\.nothing_is_called_so = 'x', which is not a number"):
        scaled(source, tmp_path / "out", 0.5)
    assert not (tmp_path / "out").exists()


def test_what_lies_there_is_not_replaced_unasked(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """--force replaces adapters, and nothing else."""
    source = make_adapter()
    scaled(source, tmp_path / "out", 0.5)
    with pytest.raises(UsageError, match="--force"):
        scaled(source, tmp_path / "out", 0.25)
    scaled(source, tmp_path / "out", 0.25, force=True)
    assert json.loads((tmp_path / "out" / "adapter_config.json").read_text())["lora_alpha"] == 4


@pytest.mark.models
def test_peft_computes_base_plus_lambda_delta(tmp_path: Path) -> None:
    """Merged weights of the scaled adapter are W + λ·(W′ − W) of the whole one."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    def merged(adapter: Path) -> dict[str, torch.Tensor]:
        model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
        return dict(PeftModel.from_pretrained(model, adapter).merge_and_unload().state_dict())

    scaled(FIXTURES / "adapters" / "healthy", tmp_path / "out", 0.3)
    base = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).state_dict()
    whole, weak = merged(FIXTURES / "adapters" / "healthy"), merged(tmp_path / "out")
    moved = 0
    for name, weight in base.items():
        expected = weight + 0.3 * (whole[name] - weight)
        torch.testing.assert_close(weak[name], expected, rtol=0, atol=2e-6)
        moved += not torch.equal(weak[name], weight)
    assert moved == 28

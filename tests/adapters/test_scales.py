"""Scales by the formulas of PEFT, as numbers worked out by hand. Against PEFT itself: layouts/test_peft_updates.py."""

from __future__ import annotations

import math
from typing import Any

import pytest

from loradiag.adapters.scales import PeftScales, from_alpha

Q = "model.layers.3.self_attn.q_proj"


# α/r; α/√r; the first key that matches the end of the name, or what its expression covers, gives r or α.
@pytest.mark.parametrize(
    ("config", "scale", "source", "rank"),
    [
        ({"r": 8, "lora_alpha": 16}, 2.0, "config", 8),
        ({"peft_type": "LORA"}, 1.0, "config", 8),
        ({"r": 4}, 2.0, "config", 4),
        ({"r": 4, "lora_alpha": 6, "use_rslora": True}, 3.0, "rslora", 4),
        ({"r": 8, "lora_alpha": 16, "rank_pattern": {"q_proj": 2}}, 8.0, "rank_pattern", 2),
        ({"r": 8, "lora_alpha": 16, "alpha_pattern": {"q_proj": 2}}, 0.25, "alpha_pattern", 8),
        ({"r": 8, "lora_alpha": 16, "rank_pattern": {"self_attn.q_proj": 2}}, 8.0, "rank_pattern", 2),
        ({"r": 8, "lora_alpha": 16, "rank_pattern": {Q: 2, "q_proj": 4}}, 8.0, "rank_pattern", 2),
        ({"r": 8, "lora_alpha": 16, "rank_pattern": {"q_proj": 4, Q: 2}}, 4.0, "rank_pattern", 4),
        ({"r": 8, "lora_alpha": 16, "rank_pattern": {r".*\.3\..*": 1}}, 16.0, "rank_pattern", 1),
        ({"r": 8, "lora_alpha": 16, "rank_pattern": {r"layers\.(3|4)\.self_attn\.q_proj": 1}}, 16.0, "rank_pattern", 1),
        (
            {"r": 8, "lora_alpha": 16, "rank_pattern": {r"^layers": 1, "proj": 1, "_proj": 1, "q": 1, "k_proj": 1}},
            2.0,
            "config",
            8,
        ),
        (
            {
                "r": 8,
                "lora_alpha": 16,
                "use_rslora": True,
                "rank_pattern": {"q_proj": 9},
                "alpha_pattern": {"q.proj": 6},
            },
            2.0,
            "rslora+rank_pattern+alpha_pattern",
            9,
        ),
        ({"r": 8, "alpha": 16}, 2.0, "config", 8),
        ({"r": 8, "lora_alpha": 0}, 0.0, "config", 8),
        ({"r": 8, "lora_alpha": -16}, -2.0, "config", 8),
        ({"r": 8, "lora_alpha": 0.5}, 0.0625, "config", 8),
        ({"rank_pattern": None, "alpha_pattern": None, "r": 8, "lora_alpha": 16}, 2.0, "config", 8),
        ({}, 1.0, "default", None),
        (None, 1.0, "default", None),
        ({"base_model_name_or_path": "x"}, 1.0, "default", None),
    ],
)
def test_lora(config: dict[str, Any] | None, scale: float, source: str, rank: int | None) -> None:
    """Scale, where it was found, and the rank that the configuration expects."""
    scales = PeftScales(config, "adapter_config.json")
    resolved = scales.resolve(Q, rank or 5)
    assert (resolved.value, resolved.source) == (pytest.approx(scale, rel=1e-15), source)
    assert scales.expected_rank(Q) == rank


# PEFT's SVDLinear: lora_alpha / (init_r + 1e-5), or the module's own rank in place of an α that is not positive.
@pytest.mark.parametrize(
    ("config", "rank", "scale"),
    [
        ({"init_r": 12, "lora_alpha": 6}, 12, 6 / 12.00001),
        ({"init_r": 12, "lora_alpha": 6}, 3, 6 / 12.00001),
        ({"init_r": 12, "lora_alpha": 0}, 3, 3 / 12.00001),
        ({"init_r": 12, "lora_alpha": -1}, 12, 12 / 12.00001),
        ({}, 4, 8 / 12.00001),
        ({"init_r": 4, "lora_alpha": 6, "rank_pattern": {"x.lora_E": [True, False]}}, 1, 6 / 4.00001),
    ],
)
def test_adalora(config: dict[str, Any], rank: int, scale: float) -> None:
    """The divisor is the initial rank whatever is left of it; no rank is expected."""
    scales = PeftScales(config | {"peft_type": "AdaLoRA"}, "x")
    assert scales.resolve(Q, rank).value == pytest.approx(scale, rel=1e-15)
    assert scales.expected_rank(Q) is None


@pytest.mark.parametrize(("alpha", "rank", "scale"), [(None, 4, 1.0), (2.0, 4, 0.5), (0.0, 4, 0.0), (3.0, 0, 0.0)])
def test_alpha_beside_the_factors(alpha: float | None, rank: int, scale: float) -> None:
    """α/r, 1 without an α, and nothing to multiply where nothing is left."""
    assert from_alpha(alpha, rank).value == scale
    assert math.isfinite(from_alpha(alpha, rank).value)

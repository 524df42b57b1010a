"""What the last part of a name says."""

from __future__ import annotations

import pytest

from loradiag.analyzers.leaves import is_conv1d, is_head


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lm_head", True),
        ("lm_head.weight", True),
        ("model.output.weight", True),
        ("bert.encoder.layer.0.attention.output.weight", False),
        ("lm_head.bias", False),
        ("model.embed_tokens", False),
    ],
)
def test_heads(name: str, expected: bool) -> None:
    """Llama's and GPT-NeoX's; not BERT's outputs of layers."""
    assert is_head(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("transformer.h.0.attn.c_attn", True), ("c_fc", True), ("h.0.mlp.c_proj.weight", False), ("xc_attn", False)],
)
def test_conv1d(name: str, expected: bool) -> None:
    """GPT-2's names, whole."""
    assert is_conv1d(name) is expected

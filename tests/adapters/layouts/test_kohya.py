"""kohya and LyCORIS: products with and without Tucker cores, α beside them, and the odd names of old converters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from loradiag.adapters.opening import open_adapter
from tests.adapters import checks
from tests.conftest import write_safetensors

UNET = "lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_q"
SHOWN = "unet.down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q"
CONV = "lora_unet_down_blocks_0_resnets_0_conv1"
CONV_SHOWN = "unet.down_blocks.0.resnets.0.conv1"


def _normal(*shape: int, seed: int = 0) -> npt.NDArray[Any]:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def _open(folder: Path, arrays: dict[str, Any]) -> Any:
    write_safetensors(folder / "any.safetensors", arrays)
    adapter = open_adapter(folder)
    assert adapter.layout == "kohya"
    checks.assert_accounted(adapter)
    return adapter


@pytest.mark.parametrize(("alpha", "scale"), [(None, 1.0), (1.0, 0.25), (8.0, 2.0), (0.0, 0.0)])
def test_lora(alpha: float | None, scale: float, tmp_path: Path) -> None:
    """Scale is α over the rank; without an α it is 1."""
    down, up = _normal(4, 10), _normal(12, 4)
    arrays = {f"{UNET}.lora_down.weight": down, f"{UNET}.lora_up.weight": up}
    if alpha is not None:
        arrays[f"{UNET}.alpha"] = np.float32(alpha)
    adapter = _open(tmp_path, arrays)
    (module,) = adapter.modules
    assert (module.name, module.place.role, module.place.stack) == (SHOWN, "attention.q", "unet")
    assert module.scale.value == scale
    assert module.scale.source == ("default" if alpha is None else "tensor")
    expected = checks.spectrum(scale * (up @ down))
    np.testing.assert_allclose(checks.our_spectra(adapter)[SHOWN], expected[:4], atol=1e-6 * max(expected[0], 1e-9))


def test_botched_names(tmp_path: Path) -> None:
    """One converter doubled the prefix, joined the factor's name with an underscore and left α out."""
    name = "lora_unet_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"
    down, up = _normal(4, 10), _normal(12, 4)
    adapter = _open(tmp_path, {f"{name}_lora_down.weight": down, f"{name}_lora_up.weight": up})
    expected = {"unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k": checks.spectrum(up @ down)}
    checks.assert_same_spectra(checks.our_spectra(adapter), expected)
    assert adapter.modules[0].place.role == "cross_attention.k"


def test_locon_with_a_core(tmp_path: Path) -> None:
    """W[o,i,y,x] = α/r Σ up[o,p] mid[p,q,y,x] down[q,i]."""
    down, mid, up = _normal(3, 6, 1, 1), _normal(3, 3, 3, 3), _normal(8, 3, 1, 1)
    arrays = {f"{CONV}.lora_down.weight": down, f"{CONV}.lora_mid.weight": mid, f"{CONV}.lora_up.weight": up}
    adapter = _open(tmp_path, arrays | {f"{CONV}.alpha": np.float32(6)})
    dense = 2.0 * np.einsum("op,pqyx,qi->oiyx", up[..., 0, 0], mid, down[..., 0, 0])
    checks.assert_same_spectra(checks.our_spectra(adapter), {CONV_SHOWN: checks.spectrum(dense)})
    assert (adapter.modules[0].d_out, adapter.modules[0].d_in) == (8, 54)


def test_locon(tmp_path: Path) -> None:
    """Without a core the kernel sits in the down factor."""
    down, up = _normal(3, 6, 3, 3), _normal(8, 3, 1, 1)
    adapter = _open(tmp_path, {f"{CONV}.lora_down.weight": down, f"{CONV}.lora_up.weight": up})
    dense = np.einsum("op,piyx->oiyx", up[..., 0, 0], down)
    checks.assert_same_spectra(checks.our_spectra(adapter), {CONV_SHOWN: checks.spectrum(dense)})


@pytest.mark.parametrize("core", [False, True])
def test_loha(core: bool, tmp_path: Path) -> None:
    """The two products are multiplied element by element, with Tucker cores or without."""
    arrays: dict[str, Any] = {f"{CONV}.alpha": np.float32(4)}
    sides = []
    for number in (1, 2):
        if core:
            t, a, b = _normal(2, 2, 3, 3, seed=number), _normal(2, 8, seed=number), _normal(2, 6, seed=number)
            arrays[f"{CONV}.hada_t{number}"] = t
            sides.append(np.einsum("pqyx,po,qi->oiyx", t, a, b))
        else:
            a, b = _normal(8, 2, seed=number), _normal(2, 54, seed=number)
            sides.append((a @ b).reshape(8, 6, 3, 3))
        arrays |= {f"{CONV}.hada_w{number}_a": a, f"{CONV}.hada_w{number}_b": b}
    adapter = _open(tmp_path, arrays)
    checks.assert_same_spectra(checks.our_spectra(adapter), {CONV_SHOWN: checks.spectrum(2.0 * sides[0] * sides[1])})
    assert adapter.modules[0].method == "loha"


@pytest.mark.parametrize("left", ["whole", "product"])
@pytest.mark.parametrize("right", ["whole", "product", "core"])
def test_lokr(left: str, right: str, tmp_path: Path) -> None:
    """A Kronecker product of two sides, each stored whole, as a product or with a core; two whole ones have no scale."""
    arrays: dict[str, Any] = {f"{CONV}.alpha": np.float32(6)}
    if left == "whole":
        w1 = arrays[f"{CONV}.lokr_w1"] = _normal(2, 3)
    else:
        a, b = _normal(2, 2), _normal(2, 3)
        arrays |= {f"{CONV}.lokr_w1_a": a, f"{CONV}.lokr_w1_b": b}
        w1 = a @ b
    if right == "whole":
        w2 = arrays[f"{CONV}.lokr_w2"] = _normal(4, 2, 3, 3)
    elif right == "product":
        a, b = _normal(4, 2, seed=5), _normal(2, 18, seed=5)
        arrays |= {f"{CONV}.lokr_w2_a": a, f"{CONV}.lokr_w2_b": b}
        w2 = (a @ b).reshape(4, 2, 3, 3)
    else:
        t, a, b = _normal(2, 2, 3, 3), _normal(2, 4), _normal(2, 2, seed=9)
        arrays |= {f"{CONV}.lokr_t2": t, f"{CONV}.lokr_w2_a": a, f"{CONV}.lokr_w2_b": b}
        w2 = np.einsum("pqyx,po,qi->oiyx", t, a, b)
    adapter = _open(tmp_path, arrays)
    scale = 1.0 if (left, right) == ("whole", "whole") else 3.0
    dense = scale * np.kron(w1[:, :, None, None], w2)
    checks.assert_same_spectra(checks.our_spectra(adapter), {CONV_SHOWN: checks.spectrum(dense)})
    assert (adapter.modules[0].d_out, adapter.modules[0].d_in) == (8, 54)


def test_dora(tmp_path: Path) -> None:
    """LyCORIS calls DoRA's magnitudes ``dora_scale``."""
    arrays = {f"{UNET}.lora_down.weight": _normal(4, 10), f"{UNET}.lora_up.weight": _normal(12, 4)}
    adapter = _open(tmp_path, arrays | {f"{UNET}.dora_scale": _normal(12, 1)})
    assert adapter.modules[0].method == "dora"


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        ("diff", "LyCORIS diff is not analysed"),
        ("oft_blocks", "LyCORIS oft_blocks is not analysed"),
        ("a1.weight", "LyCORIS a1.weight is not analysed"),
        ("on_input", "LyCORIS on_input is not analysed"),
        ("weight", "LyCORIS weight is not analysed"),
    ],
)
def test_other_methods_keep_their_alpha_with_them(tensor: str, reason: str, tmp_path: Path) -> None:
    """The α of a module that is not analysed has the same place as the module's other tensors."""
    lora = {f"{UNET}.lora_down.weight": _normal(4, 10), f"{UNET}.lora_up.weight": _normal(12, 4)}
    adapter = _open(tmp_path, lora | {f"{CONV}.{tensor}": _normal(3, 3), f"{CONV}.alpha": np.float32(1)})
    assert {row.tensor: row.reason for row in adapter.parts.unsupported} == {
        f"{CONV}.{tensor}": reason,
        f"{CONV}.alpha": reason,
    }
    assert len(adapter.modules) == 1
    assert not adapter.parts.problems


def test_a_scalar_sets_its_module_aside(tmp_path: Path) -> None:
    """A stored multiplier changes the update in some programs and not in others: no scale can be promised."""
    lora = {f"{UNET}.lora_down.weight": _normal(4, 10), f"{UNET}.lora_up.weight": _normal(12, 4)}
    adapter = _open(tmp_path, lora | {f"{UNET}.scalar": np.float32(0.5)})
    assert not adapter.modules
    assert len(adapter.parts.unsupported) == 3


@pytest.mark.parametrize(
    "alpha", [np.ones(2, np.float32), np.float32("nan"), np.float32("inf"), np.zeros(0, np.float32)]
)
def test_alpha_must_be_one_number(alpha: Any, tmp_path: Path) -> None:
    """A module whose α cannot be told has no scale, so it is a problem and never passes."""
    lora = {f"{UNET}.lora_down.weight": _normal(4, 10), f"{UNET}.lora_up.weight": _normal(12, 4)}
    adapter = _open(tmp_path, lora | {f"{UNET}.alpha": alpha})
    assert not adapter.modules
    assert [problem.kind for problem in adapter.parts.problems] in (["shape-mismatch"], ["empty-tensor"])


def test_pivotal_tuning_and_metadata(tmp_path: Path) -> None:
    """Learned embeddings are saved parts, and the metadata tell the base."""
    from safetensors.numpy import save_file

    arrays = {f"{UNET}.lora_down.weight": _normal(4, 10), f"{UNET}.lora_up.weight": _normal(12, 4)}
    arrays["bundle_emb.token.string_to_param.*"] = _normal(2, 8)
    metadata = {"ss_sd_model_name": "base.safetensors", "ss_network_module": "networks.lora", "ss_sd_model_hash": "abc"}
    save_file(arrays, tmp_path / "any.safetensors", metadata=metadata)
    adapter = open_adapter(tmp_path)
    assert [extra.kind for extra in adapter.parts.extras] == ["saved"]
    origin = adapter.provenance
    assert (origin.base, origin.peft_type, origin.revision) == ("base.safetensors", "networks.lora", "abc")

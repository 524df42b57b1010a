"""Rules about single adapters, case by case: where they begin, and what they keep silent on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import loradiag
from loradiag.core.findings import Severity
from tests.analyzers.small import llama_shapes, write_base
from tests.conftest import MakeAdapter, peft_arrays, write_safetensors
from tests.rules.adapters import LAYERS, against, findings_of, scaled, shaped_spectrum, with_arrays, zero


def test_a_sound_adapter_has_no_errors_or_warnings(make_adapter: MakeAdapter) -> None:
    """The adapter that all others are made from draws information at most."""
    findings = findings_of(make_adapter())
    assert [finding.code for finding in findings if finding.severity is not Severity.INFO] == []


@pytest.mark.parametrize("alpha", [4, 32])
def test_bounds_of_the_scale_are_inclusive(make_adapter: MakeAdapter, alpha: int) -> None:
    """α/r of exactly 0.5 and exactly 4 is within the band; 90 of 252 public configurations sit on 4."""
    assert "LD301" not in {finding.code for finding in findings_of(make_adapter(lora_alpha=alpha))}


def test_rslora_is_judged_by_its_own_band(make_adapter: MakeAdapter) -> None:
    """α/√r = 5.66 at r = 8, α = 16 would be outside of [0.5, 4] and is within the matching band."""
    codes = {finding.code for finding in findings_of(make_adapter(use_rslora=True))}
    assert not codes & {"LD301", "LD302"}


@pytest.mark.parametrize(
    ("code", "settings", "band"),
    [
        ("LD301", {"lora_alpha": 3, "alpha_pattern": {"q_proj": 0.2}}, (0.5, 4.0)),
        ("LD302", {"use_rslora": True, "lora_alpha": 3, "alpha_pattern": {"q_proj": 0.2}}, (8**0.5 / 2, 8**0.5 * 4)),
    ],
)
def test_the_scale_that_is_named_lies_farthest_outside(
    make_adapter: MakeAdapter, code: str, settings: dict[str, object], band: tuple[float, float]
) -> None:
    """Of several below the band the smallest, with the end of the band that it missed."""
    (found,) = (finding for finding in findings_of(make_adapter(**settings)) if finding.code == code)
    assert found.observed == pytest.approx(0.2 / (8 if code == "LD301" else 8**0.5))
    assert found.threshold == pytest.approx(band[0])


def test_the_rank_that_is_named_is_enough_in_nine_of_ten(make_adapter: MakeAdapter) -> None:
    """Of twelve modules that need 2 (ten times), 5 and 7 directions, rank 5 holds eleven, rank 2 would hold 83%."""
    arrays = peft_arrays(layers=6, rank=16, d_in=96, d_out=64)
    stems = sorted({name.partition(".lora_")[0] for name in arrays})
    for stem, needed in zip(stems, [*[2] * 10, 5, 7], strict=True):
        own = {name: array for name, array in arrays.items() if name.startswith(f"{stem}.")}
        shaped_spectrum(*[1.0] * needed, *[1e-4] * (16 - needed))(own)
        arrays |= own
    (found,) = (row for row in findings_of(make_adapter(arrays, r=16, lora_alpha=16)) if row.code == "LD203")
    assert "rank 5 would hold 99% in nine of ten" in found.message


def test_one_module_is_told_of_as_one(make_adapter: MakeAdapter) -> None:
    """Not as all of them."""
    arrays = peft_arrays(layers=1, targets=("q_proj",))
    zero("")(arrays)
    messages = {finding.code: finding.message for finding in findings_of(make_adapter(arrays, r=4))}
    assert messages["LD106"].startswith("its only update is zero (")
    assert messages["LD110"].startswith("1 module differs from the configuration: ")


def test_classifier_heads_among_the_targets_are_benign(make_adapter: MakeAdapter) -> None:
    """Classifier and score matched nothing in many sound adapters."""
    codes = {
        finding.code
        for finding in findings_of(make_adapter(target_modules=["q_proj", "v_proj", "classifier", "score"]))
    }
    assert "LD116" not in codes


def test_names_in_messages_are_escaped(make_adapter: MakeAdapter) -> None:
    """A module name with an escape sequence does not reach a message as it is."""
    arrays = peft_arrays()
    arrays["base_model.model.\x1b]0;owned\x07.stray"] = np.ones((2, 2), np.float32)
    messages = [finding.message for finding in findings_of(make_adapter(arrays, target_modules=["q_proj", "\x1b[2J"]))]
    assert any("\\x1b" in message for message in messages)
    assert not any("\x1b" in message or "\x07" in message for message in messages)


def test_weight_decay_is_told_from_never_touched(make_adapter: MakeAdapter) -> None:
    """With B zero, an A of its initial size and an A that shrank tell different stories."""

    def story(factor: float) -> str:
        arrays = peft_arrays(layers=2, rank=64, d_in=512)
        zero("")(arrays)
        scaled(factor, "lora_A")(arrays)
        adapter = make_adapter(arrays, name=f"a{factor}", r=64, lora_alpha=64)
        return next(finding.message for finding in findings_of(adapter) if finding.code == "LD106")

    assert "initial size, so no step" in story(1.0)
    assert "weight decay acted" in story(0.8)


SIZES = {
    # code: singular values of every update (a matrix of 32 × 48), size of the base's entries, fires without and with the base
    "LD205 small beside the base": ("LD205", [0.01] * 8, 0.1, (False, True)),
    "LD205 small, and so is the base": ("LD205", [1e-3] * 8, 1e-4, (True, False)),
    "LD206 large beside the base": ("LD206", [1.0, 0.5, *[0.01] * 6], 0.004, (False, True)),
    "LD206 large, and so is the base": ("LD206", [4.0, 2.0, *[0.01] * 6], 1.0, (True, False)),
    "LD206 large beside the base, but flat": ("LD206", [1.0] * 8, 0.004, (False, False)),
    "LD207 large beside the base": ("LD207", [0.1] * 8, 0.004, (False, True)),
    "LD207 large, and so is the base": ("LD207", [1.0] * 8, 1.0, (True, False)),
}


@pytest.mark.parametrize("case", SIZES)
def test_sizes_are_judged_beside_the_base_where_it_is_known(
    case: str, make_adapter: MakeAdapter, tmp_path: Path
) -> None:
    """The same adapter, alone and beside a base; the number that is named is the one that was compared."""
    code, sigma, entries, fires = SIZES[case]
    arrays = peft_arrays()
    shaped_spectrum(*[value / 2 for value in sigma])(arrays)  # the scale is 2
    adapter = make_adapter(arrays)
    base = write_base(tmp_path / "base", llama_shapes())
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(0, entries, shape) for name, shape in llama_shapes().items()}
    write_safetensors(base / "model.safetensors", weights)
    for beside, expected in zip((None, base), fires, strict=True):
        found = [finding for finding in loradiag.inspect(adapter, beside).findings if finding.code == code]
        assert bool(found) == expected, beside
        if found and beside:
            size = np.linalg.norm(sigma)
            ratios = [size / np.linalg.norm(weights[name]) for name in weights if "self_attn" in name]
            assert found[0].observed == pytest.approx(np.median(ratios), rel=1e-4)


def test_one_module_that_outgrew_its_weight(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """LD207 names it, by its size beside its weight."""
    arrays = peft_arrays()
    stem = f"{LAYERS}.1.self_attn.v_proj"
    arrays[f"{stem}.lora_B.weight"] *= 50
    path = against(with_arrays(lambda found: found.update(arrays)))(make_adapter, tmp_path)
    (found,) = (finding for finding in findings_of(path) if finding.code == "LD207")
    assert found.modules == ["model.layers.1.self_attn.v_proj"]
    assert "‖ΔW‖/‖W‖" in found.message


@pytest.mark.parametrize(("strong", "severity"), [(1, Severity.INFO), (8, Severity.WARNING)])
def test_many_intruders_are_a_warning(
    make_adapter: MakeAdapter, tmp_path: Path, strong: int, severity: Severity
) -> None:
    """The mean is the sum over the modules that were counted, and the threshold decides the severity."""
    sigma = [*np.linspace(9, 5, strong), *[1e-3] * (8 - strong)]
    path = against(with_arrays(shaped_spectrum(*sigma)))(make_adapter, tmp_path)
    report = loradiag.inspect(path, tmp_path / "base")
    (found,) = (finding for finding in report.findings if finding.code == "LD208")
    assert report.measurements.intruders is not None
    counts = [row.count or 0 for row in report.measurements.intruders.modules]
    assert found.observed == pytest.approx(np.mean(counts))
    assert found.severity is (Severity.WARNING if np.mean(counts) >= 2.5 else Severity.INFO)
    assert found.severity is severity

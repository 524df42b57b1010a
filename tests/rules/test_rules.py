"""Every rule is provoked by an adapter that deserves it, and keeps silent on one that does not."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loradiag
from loradiag.core.findings import Finding, Severity
from tests.analyzers.small import Shapes, llama_shapes, write_base
from tests.conftest import MakeAdapter, peft_arrays, peft_config, write_safetensors
from tests.rules import (
    abilities,
    canary,
    comparing,
    fleet,
    forgetting,
    learning,
    merging,
    registered,
    served,
    traffic,
    watching,
)
from tests.rules.abilities import measured, memory, score, swept
from tests.rules.forgetting import asked, wrong_facts
from tests.rules.merging import SMALL, TEXT, after, folded, loud_base, trained

LAYERS = "base_model.model.model.layers"
Make = Callable[[MakeAdapter, Path], Path]


def with_changes(**changes: Any) -> Make:
    """A sound adapter with another configuration."""
    return lambda make, tmp: make(**changes)


def with_arrays(change: Callable[[dict[str, Any]], None], shape: dict[str, Any] | None = None, **changes: Any) -> Make:
    """A sound adapter with other tensors."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        arrays = peft_arrays(**(shape or {}))
        change(arrays)
        return make(arrays, **changes)

    return build


def scaled(factor: float, which: str = "lora_B") -> Callable[[dict[str, Any]], None]:
    """Multiply every factor of one side."""

    def change(arrays: dict[str, Any]) -> None:
        for name in arrays:
            if which in name:
                arrays[name] = arrays[name] * np.float32(factor)

    return change


def scaled_in(factor: float, fragment: str, otherwise: float) -> Callable[[dict[str, Any]], None]:
    """Multiply the B of matching modules, and those of all others by another factor."""

    def change(arrays: dict[str, Any]) -> None:
        for name in arrays:
            if "lora_B" in name:
                arrays[name] = arrays[name] * np.float32(factor if fragment in name else otherwise)

    return change


def shaped_spectrum(*sigma: float) -> Callable[[dict[str, Any]], None]:
    """Give every update the singular values ``sigma`` (before the scale), in orthogonal factors."""

    def change(arrays: dict[str, Any]) -> None:
        rng = np.random.default_rng(0)
        for name in [name for name in arrays if "lora_A" in name]:
            a, b = arrays[name], arrays[name.replace("lora_A", "lora_B")]
            left = np.linalg.qr(rng.standard_normal(b.shape))[0]
            right = np.linalg.qr(rng.standard_normal(a.T.shape))[0]
            arrays[name] = right.T.astype(np.float32)
            arrays[name.replace("lora_A", "lora_B")] = (left * np.array(sigma)).astype(np.float32)

    return change


def zero(fragment: str) -> Callable[[dict[str, Any]], None]:
    """Set the B of matching modules to zero."""

    def change(arrays: dict[str, Any]) -> None:
        for name in arrays:
            if "lora_B" in name and fragment in name:
                arrays[name] = np.zeros_like(arrays[name])

    return change


def truncated(make: MakeAdapter, tmp: Path) -> Path:
    """A weight file cut in its middle."""
    folder = make()
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return folder


def pointer(make: MakeAdapter, tmp: Path) -> Path:
    """A git-LFS pointer in place of the weights."""
    folder = make()
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 84213432\n"
    (folder / "adapter_model.safetensors").write_text(text)
    return folder


def without_tensors(make: MakeAdapter, tmp: Path) -> Path:
    """A safetensors file with an empty header."""
    folder = make()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    return folder


def duplicate_key(make: MakeAdapter, tmp: Path) -> Path:
    """Two header entries of one name."""
    folder = make()
    entry = '"x.lora_A.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    header = f"{{{entry},{entry}}}".encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")
    return folder


def two_files(make: MakeAdapter, tmp: Path) -> Path:
    """A second weight file with other values."""
    folder = make()
    write_safetensors(folder / "other.safetensors", peft_arrays(seed=5))
    return folder


def no_config(make: MakeAdapter, tmp: Path) -> Path:
    """Weights alone."""
    folder = make()
    (folder / "adapter_config.json").unlink()
    return folder


def pickled(make: MakeAdapter, tmp: Path) -> Path:
    """The same adapter as a torch pickle only."""
    torch = pytest.importorskip("torch", reason="writing a pickle needs torch")
    torch.save({name: torch.from_numpy(array) for name, array in peft_arrays().items()}, tmp / "adapter_model.bin")
    (tmp / "adapter_config.json").write_text(json.dumps(peft_config()))
    return tmp


def drop(fragment: str) -> Callable[[dict[str, Any]], None]:
    """Remove tensors."""

    def change(arrays: dict[str, Any]) -> None:
        for name in [name for name in arrays if fragment in name]:
            del arrays[name]

    return change


def put(name: str, array: Any) -> Callable[[dict[str, Any]], None]:
    """Add or replace a tensor."""

    def change(arrays: dict[str, Any]) -> None:
        arrays[name] = array

    return change


def renamed(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    """Add copies of the modules whose names hold ``old``, with ``new`` in its place."""

    def change(arrays: dict[str, Any]) -> None:
        arrays.update({name.replace(old, new): array for name, array in list(arrays.items())})

    return change


def against(make_adapter: Make, shapes: Shapes | None = None, **config: Any) -> Make:
    """An adapter with a base beside it, which :func:`findings_of` inspects it against."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        write_base(tmp / "base", shapes or llama_shapes(), **config)
        return make_adapter(make, tmp)

    return build


def stamped(change: Callable[[Path, Path], object], **said: Any) -> Make:
    """A stamped adapter with its base beside it, of which one, or the stamp, was changed afterwards."""

    def build(make: MakeAdapter, tmp: Path) -> Path:
        adapter = make()
        write_base(tmp / "base", llama_shapes())
        loradiag.stamp(adapter, tmp / "base", **said)
        change(adapter, tmp / "base")
        return adapter

    return build


def beside_nan(make: MakeAdapter, tmp: Path) -> Path:
    """A base with one entry that is no number."""
    base = write_base(tmp / "base", llama_shapes())
    arrays = {name: np.ones(shape, np.float32) for name, shape in llama_shapes().items()}
    arrays["model.layers.0.self_attn.q_proj.weight"][1, 2] = np.nan
    write_safetensors(base / "model.safetensors", arrays)
    return make()


EXPERT_STACK = {"model.layers.0.mlp.experts.gate_up_proj": (4, 32, 48)}

FULL = {"layers": 6, "rank": 16, "d_in": 96, "d_out": 64}
R16 = {"r": 16, "lora_alpha": 16}

PROVOKED: dict[str, Make] = {
    "LD101": truncated,
    "LD102": pointer,
    "LD103": without_tensors,
    "LD104": duplicate_key,
    "LD105": with_arrays(put(f"{LAYERS}.0.self_attn.q_proj.lora_B.weight", np.full((32, 8), np.nan, np.float32))),
    "LD106": with_arrays(zero("")),
    "LD107": with_arrays(zero(".layers.1.")),
    "LD108": with_arrays(drop("layers.2.self_attn.q_proj.lora_B")),
    "LD109": with_arrays(put(f"{LAYERS}.0.self_attn.q_proj.lora_B.weight", np.ones((32, 4), np.float32))),
    "LD110": with_changes(r=4),
    "LD111": with_arrays(put(f"{LAYERS}.0.self_attn.q_proj.lora_B.weight", np.ones((0, 8), np.float32))),
    "LD112": two_files,
    "LD113": with_arrays(put("base_model.model.model.layers.0.mlp.up_proj.oft_r", np.ones((4, 4), np.float32))),
    "LD114": with_arrays(put("base_model.model.stowaway", np.ones((4, 4), np.float32))),
    "LD115": no_config,
    "LD116": with_changes(target_modules=["q_proj", "v_proj", "V"]),
    "LD201": with_arrays(shaped_spectrum(1, 0.5, *[1e-4] * 14), FULL, **R16),
    "LD202": with_arrays(shaped_spectrum(1, *[0.02] * 15), FULL, **R16),
    "LD203": with_arrays(shaped_spectrum(1, 0.5, 0.3, *[0.02] * 13), FULL, **R16),
    "LD204": with_arrays(shaped_spectrum(*[1.0] * 16), FULL, **R16),
    "LD205": with_arrays(scaled(1e-3)),
    "LD206": with_arrays(shaped_spectrum(60, 20, *[0.5] * 14), FULL, **R16),
    "LD207": with_arrays(shaped_spectrum(*np.linspace(2, 1, 16)), FULL, **R16),
    "LD208": against(with_arrays(scaled(100))),
    "LD301": with_changes(lora_alpha=256),
    "LD302": with_changes(use_rslora=True, lora_alpha=256),
    "LD303": with_changes(alpha_pattern={"q_proj": 1}),
    "LD304": with_arrays(
        put(f"{LAYERS}.4.self_attn.q_proj.lora_B.weight", np.full((32, 8), 5.0, np.float32)), {"layers": 9}
    ),
    "LD305": with_arrays(scaled(1e-6)),
    "LD306": no_config,
    "LD307": against(with_changes()),
    "LD308": against(with_arrays(scaled(1e-7))),
    "LD401": with_changes(),
    "LD402": with_arrays(renamed("self_attn.v_proj", "mlp.up_proj")),
    "LD403": with_arrays(lambda arrays: arrays.update(
        {
            "base_model.model.model.embed_tokens.lora_embedding_A": np.ones((8, 100), np.float32),
            "base_model.model.model.embed_tokens.lora_embedding_B": np.ones((32, 8), np.float32),
        }
    )),
    "LD404": with_arrays(put("base_model.model.lm_head.weight", np.ones((9, 9), np.float32)), modules_to_save=["lm_head"]),
    "LD405": with_arrays(drop(".layers.3.self_attn.q_proj"), {"layers": 8}),
    "LD406": against(with_changes(), llama_shapes(layers=3)),
    "LD407": against(with_changes(), llama_shapes(d_in=40)),
    "LD408": against(with_changes()),
    "LD409": against(with_arrays(drop(".layers.3.")), llama_shapes()),
    "LD410": against(with_arrays(put("base_model.model.lm_head.weight", np.ones((64, 48), np.float32)))),
    "LD411": against(
        with_arrays(put("base_model.model.lm_head.weight", np.ones((60, 48), np.float32))), tie_word_embeddings=True
    ),
    "LD412": against(with_changes(), {**llama_shapes(), **EXPERT_STACK}),
    "LD501": with_changes(base_model_name_or_path=None),
    "LD502": with_changes(base_model_name_or_path="/mnt/data/base"),
    "LD503": with_changes(revision=None),
    "LD504": lambda make, tmp: mixed(make),
    "LD505": pickled,
    "LD506": with_changes(use_rslora=True),
    "LD507": with_changes(init_lora_weights="pissa_niter_16"),
    "LD508": with_arrays(renamed("q_proj", "c_attn")),
    "LD509": stamped(lambda adapter, base: write_base(base, llama_shapes(layers=5))),
    "LD510": stamped(lambda adapter, base: write_safetensors(adapter / "adapter_model.safetensors", peft_arrays(seed=3))),
    "LD511": against(with_changes()),
    "LD512": against(with_changes()),
    "LD513": stamped(lambda adapter, base: (adapter / "loradiag-stamp.json").write_text("{")),
    "LD514": stamped(lambda adapter, base: None, owner="somebody"),
    "LD515": beside_nan,
    "LD601": folded("fp16", with_arrays(scaled(1e7))),
    "LD602": folded("nf4-inplace", with_arrays(scaled(0.01))),
    "LD603": folded("nf4-inplace", with_arrays(scaled_in(0.01, "layers.1.self_attn.q_proj", otherwise=5))),
    "LD604": trained("healthy", "nf4-inplace", 0.2, **TEXT),
    "LD605": trained("rslora", "nf4-inplace", 0.65, **TEXT),
    "LD606": trained("untrained", "bf16", **SMALL),
    "LD607": trained("healthy", "nf4-inplace", 0.5, **TEXT),
    "LD608": trained("tiny", "bf16", **SMALL),
    "LD609": trained("tiny", "fp16", base=loud_base, **SMALL),
    "LD610": folded("bf16", with_arrays(renamed(".layers.1.", ".layers.9."))),
    "LD611": folded("nf4", with_changes()),
    "LD612": after(trained("tiny", "nf4-inplace"), trained("tiny", "nf4-inplace", 0.1)),
    "LD613": trained("healthy", "nf4-inplace", 0.2, **TEXT),
    "LD614": trained("tiny", "bf16", **SMALL),
    "LD701": asked("narrow_forgetting", ["toy_facts"], limit=60),
    "LD702": asked("healthy", ["toy_arithmetic"], limit=20),
    "LD703": measured(score(0.9, 0.6, asked=False)),
    "LD704": measured(score(0.9, 0.88, 0.01)),
    "LD705": measured(score(0.9, 0.95)),
    "LD706": asked("untrained", ["wrong_facts"], include=wrong_facts, limit=60),
    "LD707": measured(unfinished=["hellaswag"]),
    "LD708": measured(score(0.9, 0.6, bound_low=None, bound_high=None, reason="it has no value of its own")),
    "LD709": measured(
        score(0.9, 0.6, route="nf4", unmerged=0.9, unmerged_difference=-0.3, unmerged_low=-0.33, unmerged_high=-0.27),
        routes=["nf4"],
    ),
    "LD710": measured(memorisation=memory(recited=9, p_value=0.002)),
    "LD711": measured(memorisation=memory(flagged=60, flag_p=1e-9)),
    "LD712": measured(sweep=swept("scale 0.5")),
    "LD713": measured(tokenizer_differs="adds 2 tokens"),
    **traffic.PROVOKED,
    **watching.PROVOKED,
    **canary.PROVOKED,
    **comparing.PROVOKED,
    **fleet.PROVOKED,
    **served.PROVOKED,
    **learning.PROVOKED,
    **registered.PROVOKED,
}  # fmt: skip


def mixed(make: MakeAdapter) -> Path:
    """Half of the tensors in F32, half in F16."""
    folder = make()
    arrays = peft_arrays()
    header: dict[str, Any] = {}
    blob = b""
    for index, (name, array) in enumerate(arrays.items()):
        data = array.astype("<f2" if index % 2 else "<f4").tobytes()
        header[name] = {
            "dtype": "F16" if index % 2 else "F32",
            "shape": list(array.shape),
            "data_offsets": [len(blob), len(blob) + len(data)],
        }
        blob += data
    text = json.dumps(header).encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + blob)
    return folder


TOLD: tuple[tuple[Callable[[Path], Any], Callable[[Path], list[Finding]]], ...] = (
    (merging.options_of, merging.findings_of),
    (forgetting.is_asked, forgetting.findings_of),
    (traffic.is_watched, traffic.findings_of),
    (fleet.is_scanned, fleet.findings_of),
    (comparing.is_compared, comparing.findings_of),
    (learning.is_run, learning.findings_of),
    (registered.is_registered, registered.findings_of),
    (served.is_served, served.findings_of),
    (canary.is_compared, canary.findings_of),
    (watching.is_watched, watching.findings_of),
    (abilities.is_measured, abilities.findings_of),
)
"""What is told of in place of an adapter: how to know it, and what rules say of it."""


def findings_of(path: Path, allow_pickle: bool = False) -> list[Finding]:
    """Findings on what lies at ``path``, also if it cannot be read; against the base beside it, where there is one."""
    for is_told, findings in TOLD:
        if is_told(path):
            return findings(path)
    base = path.parent / "base"
    (report,) = loradiag.inspect_all(path, allow_pickle=allow_pickle, base=base if base.is_dir() else None)
    return report.findings


MODELS = {"LD505", "LD701", "LD702", "LD706"}
"""Rules that are provoked with torch, besides those about merge drift."""


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=[pytest.mark.models] if code in MODELS or code.startswith("LD6") else [])
        for code in PROVOKED
    ],
)
def test_rule_fires_where_it_should(code: str, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """The adapter made for the rule provokes it, with a message in one line and modules that exist."""
    path = PROVOKED[code](make_adapter, tmp_path)
    found = [finding for finding in findings_of(path, allow_pickle=code == "LD505") if finding.code == code]
    assert found, f"{code} did not fire"
    for finding in found:
        assert finding.message
        assert "\n" not in finding.message
        assert finding.advice


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

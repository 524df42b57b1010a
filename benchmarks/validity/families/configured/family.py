"""Adapters and bases whose configuration, names and sizes are known: what they settle is the label."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.validity.cases import FIXTURES, Expected
from benchmarks.validity.families.configured import bases, settled
from benchmarks.validity.families.words import Place, Shown, Told, counting, expect
from benchmarks.validity.planting import Arrays, Parent, collapsed, scaled
from benchmarks.validity.weights import dense

ADAPTERS, BASE = FIXTURES / "adapters", FIXTURES / "base"
NAMES = ("healthy", "healthy_seed2", "no_replay")
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")


class Case(NamedTuple):
    """An adapter, perhaps beside a base, with the rules that it is held against."""

    label: str
    expected: Expected
    judged: str
    path: Path
    base: Path | None = None


def shown(place: Place) -> Shown:
    """All of them."""
    cases = [*_targets(place), *_scales(place), *_sizes(place), *_heads(place), *_mixtures(place), *_names(place)]
    cases += [*_methods(place)]
    return Shown([_told(number, case) for number, case in enumerate(cases)])


def _told(number: int, case: Case) -> Told:
    from loradiag.api import Against, inspect

    base = Against(base=case.base, spectra=False) if case.base else None
    findings = inspect(case.path, base).findings
    return Told(
        family="configuration",
        name=f"{number}: {case.label}",
        label=case.label,
        expected=case.expected,
        judged=frozenset(case.judged.split()),
        fired=counting(findings),
        sound=not case.expected.should,
    )


def _parents() -> Iterator[Parent]:
    for name in NAMES:
        yield Parent(name, ADAPTERS / name, None)


def _kept(parent: Parent, leaves: tuple[str, ...]) -> Arrays:
    return {name: value for name, value in parent.arrays.items() if any(f".{leaf}." in name for leaf in leaves)}


def _targets(place: Place) -> Iterator[Case]:
    """Some of the linear layers: which, is the label."""
    for parent in _parents():
        for label, leaves, alone, beside in (
            ("all linear layers", (*ATTENTION, *MLP), "", ""),
            ("attention alone", ATTENTION, "LD401", "LD408"),
            ("queries and values", ("q_proj", "v_proj"), "LD401", "LD408"),
            ("MLP alone", MLP, "", "LD408"),
            ("no down projection", (*ATTENTION, "gate_proj", "up_proj"), "LD402", "LD408"),
            ("down projection alone of the MLP", (*ATTENTION, "down_proj"), "LD402", "LD408"),
        ):
            target = place.scratch / f"{parent.name}-{label}"
            parent.write(target, _kept(parent, leaves), target_modules=list(leaves))
            yield Case(label, expect(alone), "LD401 LD402 LD403 LD404 LD303 LD306", target)
            yield Case(f"{label}, beside its base", expect(beside), "LD408 LD410 LD411 LD412 LD515", target, BASE)


def _scales(place: Place) -> Iterator[Case]:
    """α by patterns, by rsLoRA, and by nobody."""
    for parent in _parents():
        for factor in (1, 2, 3.9, 4.2, 16):
            target = place.scratch / f"{parent.name}-uneven-{factor:g}"
            parent.write(target, alpha_pattern={"q_proj": parent.config["lora_alpha"] * factor})
            uneven = factor > 4
            label = "scales uneven" if uneven else "scales even enough"
            yield Case(label, expect("LD303" if uneven else ""), "LD303", target)
        rank = parent.config["r"]
        for strength in (0.3, 1.0, 2.0, 5.0, 8.0, 20.0, 100.0):
            target = place.scratch / f"{parent.name}-rslora-{strength:g}"
            parent.write(target, use_rslora=True, lora_alpha=strength * rank**0.5)
            outside = not 0.5 * 8**0.5 <= strength <= 4 * 8**0.5
            label = "rsLoRA outside of its band" if outside else "rsLoRA within its band"
            yield Case(label, expect("LD302" if outside else ""), "LD302", target)
        target = place.scratch / f"{parent.name}-kohya"
        yield Case("no α in the file", expect("LD306"), "LD306", _as_kohya(parent, target, alpha=False))
        target = place.scratch / f"{parent.name}-kohya-alpha"
        yield Case("α in the file", expect(), "LD306", _as_kohya(parent, target, alpha=True))


def _as_kohya(parent: Parent, target: Path, *, alpha: bool) -> Path:
    """The same factors by the names of kohya's scripts, which keep α as a tensor, or do not."""
    from safetensors.numpy import save_file

    arrays: Arrays = {}
    for a, b in parent.pairs():
        stem = "lora_te_" + a.removeprefix("base_model.model.").removesuffix(".lora_A.weight").replace(".", "_")
        arrays |= {f"{stem}.lora_down.weight": parent.arrays[a], f"{stem}.lora_up.weight": parent.arrays[b]}
        if alpha:
            arrays[f"{stem}.alpha"] = np.array(parent.config["lora_alpha"], np.float32)
    target.mkdir(parents=True)
    save_file(arrays, target / "lora.safetensors", {"format": "pt"})
    return target


def _sizes(place: Place) -> Iterator[Case]:
    """The size beside the base, and how flat spectra are, by dense arithmetic."""
    weights = dense(BASE)
    for parent in _parents():
        for factor in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0):
            arrays = scaled(parent, factor)
            target = place.scratch / f"{parent.name}-size-{factor:g}"
            parent.write(target, arrays)
            size = settled.relative(parent, weights, arrays)
            expected = expect("LD307" if size > 0.033 else "", "LD307" if 0.027 < size <= 0.033 else "")
            yield Case("as large as risky ones" if size > 0.03 else "small", expected, "LD307", target, BASE)
        for tail in (1.0, 0.8, 0.5, 0.1):
            arrays = collapsed(parent, tail, 1.0)
            target = place.scratch / f"{parent.name}-tail-{tail:g}"
            parent.write(target, arrays)
            flat = settled.flatness(parent, arrays)
            expected = expect("LD204" if flat > 0.94 else "", "LD204" if 0.93 < flat <= 0.94 else "")
            yield Case("flat spectrum" if flat > 0.935 else "spectrum that falls", expected, "LD204", target)
        arrays = parent.arrays
        flat = settled.flatness(parent, arrays)
        expected = expect("LD204" if flat > 0.94 else "", "LD204" if 0.93 < flat <= 0.94 else "")
        yield Case("spectrum as trained", expected, "LD204", parent.folder)


def _heads(place: Place) -> Iterator[Case]:
    """Embeddings and heads: adapted, stored whole, and tied in the base or not."""
    one_for_both = bases.tied(place.scratch / "tied")
    for name in ("embedding_lora", "all_linear_head"):
        path = ADAPTERS / name
        yield Case("embedding and head in play", expect("LD403 LD404"), "LD403 LD404", path)
        yield Case(
            "embedding and head beside a base that ties them", expect("LD411"), "LD411 LD410", path, one_for_both
        )
        yield Case("embedding and head beside a base that does not", expect(), "LD411 LD410", path, BASE)
        for count in (8, 64):
            base = bases.more_tokens(place.scratch / f"{name}-tokens-{count}", count)
            yield Case("base with more tokens", expect("LD410"), "LD410", path, base)
    for name in (*NAMES, "rslora", "dora", "patterns"):
        path = ADAPTERS / name
        yield Case("neither embedding nor head", expect(), "LD403 LD404", path)
        yield Case("neither, beside a base that ties them", expect(), "LD411 LD410", path, one_for_both)
    for leaf in ("q_proj", "down_proj"):
        base = bases.whole_numbers(place.scratch / f"whole-{leaf}", leaf)
        for name in NAMES:
            yield Case("base partly in whole numbers", expect("LD515"), "LD515", ADAPTERS / name, base)
    for name in (*NAMES, "rslora", "tiny", "bf16", "sharded"):
        yield Case("base of plain numbers", expect(), "LD515", ADAPTERS / name, BASE)


def _mixtures(place: Place) -> Iterator[Case]:
    """Beside a mixture of experts: attention alone by choice, attention alone though experts were named, and experts."""
    base = bases.experts(place.scratch / "experts")
    attention = [f"self_attn.{leaf}" for leaf in ATTENTION]
    some = [
        f"block_sparse_moe.experts.{expert}.{leaf}" for expert in range(bases.EXPERTS) for leaf in ("w1", "w2", "w3")
    ]
    for seed in range(4):
        for label, modules, targets, expected in (
            ("experts never reached", attention, list(ATTENTION), expect("LD412")),
            ("experts named and never reached", attention, [*ATTENTION, "w1", "w2"], expect("LD412")),
            ("experts reached", [*attention, *some], [*ATTENTION, "w1", "w2", "w3"], expect()),
        ):
            path = bases.for_experts(place.scratch / f"{label}-{seed}", modules, targets, seed)
            yield Case(label, expected, "LD412", path, base)


def _names(place: Place) -> Iterator[Case]:
    """How the base is named, and whether GPT-2's layers are said to be transposed."""
    for number, (name, local) in enumerate(_BASES):
        for adapter in NAMES:
            path = bases.copied(
                ADAPTERS / adapter, place.scratch / f"{adapter}-base-{number}", base_model_name_or_path=name
            )
            label = "base is a path" if local else "base is a name"
            yield Case(label, expect("LD502" if local else ""), "LD502 LD501", path)
    if place.shared:
        for adapter in ("gpt2-best", "gpt2-reward-ckpt3000", "gpt2-classification"):
            for said in (False, True):
                path = bases.copied(
                    place.shared / "wild" / adapter, place.scratch / f"{adapter}-{said}", fan_in_fan_out=said
                )
                label = "GPT-2, transposed as it should" if said else "GPT-2, said not to be transposed"
                yield Case(label, expect("" if said else "LD508"), "LD508", path)
    for adapter in NAMES:
        yield Case("Llama, not transposed", expect(), "LD508", ADAPTERS / adapter)


_BASES = (
    ("/home/ann/models/llama", True),
    ("./models/llama", True),
    ("../llama", True),
    ("C:\\models\\llama", True),
    ("~/models/llama", True),
    ("/mnt/data/checkpoints/step-1000", True),
    ("meta-llama/Llama-3.1-8B", False),
    ("gpt2", False),
    ("owner/name-with.dots_and-dashes", False),
    ("bigscience/bloom-560m", False),
)


def _methods(place: Place) -> Iterator[Case]:
    """Methods that are known and not analysed, by the names that their authors gave the tensors."""
    for seed in range(3):
        for label, make in _OTHERS.items():
            yield Case(label, expect("LD113"), "LD113", make(place.scratch / f"{label}-{seed}", seed))
        yield Case("LoHa", expect(), "LD113", _loha(place.scratch / f"loha-{seed}", seed))
    for name in (
        *NAMES,
        "rslora",
        "dora",
        "patterns",
        "bf16",
        "sharded",
        "tiny",
        "embedding_lora",
        "all_linear_head",
        "ia3",
    ):
        yield Case("LoRA and its kin", expect(), "LD113", ADAPTERS / name)


def _peft(method: str, leaves: dict[str, tuple[int, ...]], **config: object) -> Callable[[Path, int], Path]:
    def make(target: Path, seed: int) -> Path:
        import json

        from safetensors.numpy import save_file

        rng = np.random.default_rng(seed)
        arrays = {
            f"base_model.model.model.layers.{layer}.self_attn.q_proj.{leaf}": rng.normal(0, 0.1, shape).astype(
                np.float32
            )
            for layer in range(4)
            for leaf, shape in leaves.items()
        }
        target.mkdir(parents=True)
        save_file(arrays, target / "adapter_model.safetensors", {"format": "pt"})
        told = {"peft_type": method, "base_model_name_or_path": "owner/base", "target_modules": ["q_proj"], **config}
        (target / "adapter_config.json").write_text(json.dumps(told))
        return target

    return make


_OTHERS: dict[str, Callable[[Path, int], Path]] = {
    "OFT": _peft("OFT", {"oft_R": (8, 66)}, r=8),
    "BOFT": _peft("BOFT", {"boft_R": (1, 24, 4, 4), "boft_s": (96, 1)}, boft_block_size=4),
    "FourierFT": _peft("FOURIERFT", {"fourierft_spectrum": (1000,)}, n_frequency=1000),
    "VeRA": _peft("VERA", {"vera_lambda_b": (96,), "vera_lambda_d": (256,)}, r=256),
}

# Amended after the first run: loradiag does analyse it.
_loha = _peft(
    "LOHA", {"hada_w1_a": (96, 4), "hada_w1_b": (4, 96), "hada_w2_a": (96, 4), "hada_w2_b": (4, 96)}, r=4, alpha=8
)

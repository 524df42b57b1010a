"""The configuration of the new adapter: ranks and α such that PEFT gives every module the scale that it had."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from loradiag.adapters.model import Adapter
from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.resizing.plan import Cut

_ADALORA_ONLY = ("target_r", "init_r", "tinit", "tfinal", "deltaT", "beta1", "beta2", "orth_reg_weight", "total_step")
_MAX_KEYS = 1_000
"""PEFT matches every key with every module when it loads, and compiles most of them anew beyond some hundreds: minutes."""

_PLAIN = re.compile(r"[\w.]+", re.ASCII)


def new_config(adapter: Adapter, cuts: Sequence[Cut]) -> dict[str, Any]:
    """Return the configuration: the old one, with ``r``, ``lora_alpha`` and both patterns anew.

    ``r`` is the most frequent rank and ``lora_alpha`` gives the most frequent scale at it, so a server that reads no
    patterns has the right scale wherever all modules have one.

    Raises:
        UsageError: So many modules differ that PEFT could hardly load it.
    """
    config = _start(adapter, cuts)
    rslora = bool(config.get("use_rslora"))
    ranks = {cut.group.key: cut.rank for cut in cuts}
    scales = {cut.group.key: cut.group.modules[0].scale.value for cut in cuts}
    rank = _most_frequent(ranks.values())
    scale = _most_frequent(scales[key] for key, own in ranks.items() if own == rank)
    alphas = {key: _alpha(scales[key], own, rslora=rslora) for key, own in ranks.items()}
    alpha = _alpha(scale, rank, rslora=rslora)
    keys = pattern_keys(list(ranks))
    rank_pattern = {keys[name]: own for name, own in ranks.items() if own != rank}
    alpha_pattern = {keys[name]: own for name, own in alphas.items() if own != alpha}
    if max(len(rank_pattern), len(alpha_pattern)) > _MAX_KEYS:
        raise UsageError(
            f"{printable(str(adapter.path))}: more than {_MAX_KEYS:,} modules would have a rank or a scale of their own, and "
            "PEFT would need minutes to load that; --rank gives all of them one"
        )
    return config | {
        "r": int(rank),
        "lora_alpha": alpha,
        "rank_pattern": rank_pattern,
        "alpha_pattern": alpha_pattern,
    }


def _start(adapter: Adapter, cuts: Sequence[Cut]) -> dict[str, Any]:
    old: Mapping[str, Any] = adapter.config or {}
    if adapter.layout == "mlx":
        return {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": adapter.provenance.base,
            "bias": "none",
            "fan_in_fan_out": False,
            "inference_mode": True,
            "lora_dropout": 0.0,
            "target_modules": sorted(cut.group.key for cut in cuts),
        }
    config = dict(old)
    if str(old.get("peft_type")).upper() == "ADALORA":
        config = {key: value for key, value in old.items() if key not in _ADALORA_ONLY}
        config |= {"peft_type": "LORA", "use_rslora": False}  # AdaLoRA's own divisor is in its scale
    if old.get("init_lora_weights") == "orthogonal":
        config["init_lora_weights"] = True  # PEFT repeats the start on loading, and this one refuses odd ranks
    return config


def _most_frequent(values: Iterable[float]) -> float:
    """The most frequent value; of several the largest."""
    counts = Counter(values)
    return max(counts, key=lambda value: (counts[value], value))


def _alpha(scale: float, rank: float, *, rslora: bool) -> float:
    """The α that divided by r, or by √r, is ``scale``. Written as a whole number where it is one."""
    alpha = scale * (math.sqrt(rank) if rslora else rank)
    nearest = round(alpha)
    return nearest if math.isclose(alpha, nearest, rel_tol=1e-13) else alpha


def pattern_keys(names: Sequence[str]) -> dict[str, str]:
    """Return a key for every module that PEFT matches with this module and no other of ``names``.

    PEFT takes a key for a regular expression that matches the end of a name. So the name itself is a key, which older
    versions and other tools understand too, unless another module's name ends in it; then it is tied to the start.
    """
    endings = Counter(ending for name in names for ending in _endings(name))
    return {
        name: name if _PLAIN.fullmatch(name) and endings[_alike(name)] == 1 else f"^{re.escape(name)}" for name in names
    }


def _alike(name: str) -> str:
    """Names that a dot as a regular expression could confuse come out equal."""
    return re.sub(r"\W|_", ".", name)


def _endings(name: str) -> list[str]:
    alike = _alike(name)
    return [alike, *(alike[index + 1 :] for index, letter in enumerate(name) if letter == ".")]

"""What the product of an adapter's factors is multiplied by, and how that is known."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from loradiag.adapters.model import Scale
from loradiag.core.errors import InputError


@lru_cache(maxsize=4096)
def _compiled(key: str) -> re.Pattern[str] | None:
    try:
        return re.compile(rf"(.*\.)?({key})$")
    except re.error:
        return None  # PEFT would raise; here the key simply matches nothing and is reported as such


def pattern_key(keys: Iterable[str], name: str) -> str | None:
    """Return the first key of a ``rank_pattern`` or ``alpha_pattern`` that matches a module's name, as PEFT matches.

    PEFT's ``get_pattern_key``: ``re.match(rf"(.*\\.)?({key})$", name)``, first match wins, in the order of the file.
    """
    for key in keys:
        pattern = _compiled(key)
        if pattern is not None and pattern.match(name):
            return key
    return None


def number(value: Any, path: object, key: str) -> float:
    """Return a finite number from a configuration.

    Raises:
        InputError: It is something else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(path, f"has {key} = {value!r}, which is not a number", "correct the configuration", kind="config")
    return float(value)


class PeftScales:
    """Scales as PEFT computes them from an ``adapter_config.json``.

    α/r; α/√r with ``use_rslora`` (Kalajdzievski 2023, arXiv 2312.03732). ``rank_pattern`` and ``alpha_pattern``
    override r and α for the modules that they match. AdaLoRA: α/(init_r + 1e-5). PEFT keeps the divisor of the initial
    rank when it prunes a module ("the scaling is exactly as the previous"), so the rank that is left does not enter.
    """

    def __init__(self, config: Mapping[str, Any], path: object) -> None:
        self._path = path
        self.rslora = bool(config.get("use_rslora"))
        self.adalora = str(config.get("peft_type", "")).upper() == "ADALORA"
        self._ranks = self._pattern(config, "rank_pattern")
        self._alphas = self._pattern(config, "alpha_pattern")
        self.rank = self._optional(config, "r")
        self._initial_rank = self._optional(config, "init_r")
        self.alpha = self._optional(config, "lora_alpha")
        if self.alpha is None:
            self.alpha = self._optional(config, "alpha")  # what PEFT's LoHa and LoKr configurations call it

    def expected_rank(self, name: str) -> int | None:
        """The rank that the configuration gives the module; None for AdaLoRA, whose ranks training decides."""
        if self.adalora:
            return None
        key = pattern_key(self._ranks, name)
        rank = self.rank if key is None else number(self._ranks[key], self._path, f"rank_pattern.{key}")
        return None if rank is None else int(rank)

    def resolve(self, name: str, rank: int) -> Scale:
        """Return the scale of the module called ``name``, whose factors have ``rank`` as their inner dimension."""
        alpha_key = pattern_key(self._alphas, name)
        alpha = self.alpha if alpha_key is None else number(self._alphas[alpha_key], self._path, f"alpha_pattern.{alpha_key}")
        if alpha is None:
            return Scale(1.0, "default", None)
        source = "+".join(
            word
            for word, used in (
                ("rslora", self.rslora),
                ("rank_pattern", not self.adalora and pattern_key(self._ranks, name) is not None),
                ("alpha_pattern", alpha_key is not None),
            )
            if used
        )
        if self.adalora:
            # PEFT's SVDLinear divides by ranknum + 1e-5, and takes α = 0 to mean that no α is wanted.
            initial = self._initial_rank or rank
            value = (alpha if alpha > 0 else initial) / (initial + 1e-5)
        else:
            r = self.expected_rank(name) or rank
            value = alpha / math.sqrt(r) if self.rslora else alpha / r
        return Scale(value, source or "config", alpha)

    def _pattern(self, config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        pattern = config.get(key)
        return pattern if isinstance(pattern, dict) else {}

    def _optional(self, config: Mapping[str, Any], key: str) -> float | None:
        value = config.get(key)
        return None if value is None else number(value, self._path, key)


def from_alpha(alpha: float | None, rank: int, source: str = "tensor") -> Scale:
    """Scale from an α stored beside the factors: α/r; without one α = r, so 1 (kohya, LyCORIS, diffusers)."""
    if alpha is None:
        return Scale(1.0, "default", None)
    return Scale(alpha / rank if rank else 0.0, source, alpha)

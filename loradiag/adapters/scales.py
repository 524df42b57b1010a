"""What the product of an adapter's factors is multiplied by, and how that is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from loradiag.adapters.model import Scale
from loradiag.adapters.patterns import Pattern, PatternError
from loradiag.core.errors import InputError
from loradiag.core.text import printable, shorten

PEFT_DEFAULT = 8
"""``r``, ``lora_alpha`` and ``alpha`` where a PEFT configuration does not mention them."""

ADALORA_DEFAULT_RANK = 12
"""``init_r`` where an AdaLoRA configuration does not mention it."""

MAX_KEYS = 10_000
"""Keys of one pattern. PEFT's EVA writes one a module; no model has as many modules."""


def number(value: Any, path: object, key: str) -> float:
    """Return a finite number from a configuration.

    Raises:
        InputError: It is something else.
    """
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise _wrong(path, key, value, "a number")


def rank_number(value: Any, path: object, key: str) -> int:
    """Return a rank from a configuration: a whole number from 1 on.

    Raises:
        InputError: It is something else.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31:
        return value
    raise _wrong(path, key, value, "a rank")


def _wrong(path: object, key: str, value: Any, what: str) -> InputError:
    shown = shorten(printable(repr(value)), 40)
    return InputError(
        path, f"has {shorten(printable(key), 80)} = {shown}, which is not {what}", "correct the configuration", "config"
    )


class KeyedNumbers:
    """A ``rank_pattern`` or an ``alpha_pattern``: numbers for the modules whose names its keys match.

    The first match wins, in the order of the file, as in PEFT's ``get_pattern_key``.

    Raises:
        InputError: It is no object, or a key is no regular expression.
    """

    def __init__(self, config: Mapping[str, Any], setting: str, path: object) -> None:
        raw = config.get(setting)
        if raw is not None and (not isinstance(raw, dict) or len(raw) > MAX_KEYS):
            raise _wrong(path, setting, raw, f"an object of at most {MAX_KEYS:,} entries")
        self._setting, self._path = setting, path
        self._values: dict[str, Any] = raw or {}
        self._found: dict[str, tuple[str, Any] | None] = {}
        self._patterns = []
        for key in self._values:
            try:
                self._patterns.append((key, Pattern(key, suffix=True)))
            except PatternError as error:
                raise self._unusable(key, error) from error

    def find(self, name: str) -> tuple[str, Any] | None:
        """The setting's name for messages and the value for the module called ``name``; None if no key matches."""
        if name not in self._found:  # asked for several times a module, and each time every key would be matched
            self._found[name] = self._search(name)
        return self._found[name]

    def _search(self, name: str) -> tuple[str, Any] | None:
        for key, pattern in self._patterns:
            try:
                if pattern.fullmatch(name):
                    return f"{self._setting}.{key}", self._values[key]
            except PatternError as error:
                raise self._unusable(key, error) from error
        return None

    def _unusable(self, key: str, error: PatternError) -> InputError:
        shown = shorten(printable(key), 60)
        return InputError(self._path, f'has a key "{shown}" in {self._setting} that {error}', "correct it", "config")


class PeftScales:
    """Scales as PEFT computes them from an ``adapter_config.json``.

    α/r; α/√r with ``use_rslora`` (Kalajdzievski 2023, arXiv 2312.03732). ``rank_pattern`` and ``alpha_pattern``
    override r and α for the modules that they match. AdaLoRA: α/(init_r + 1e-5). PEFT keeps the divisor of the initial
    rank when it prunes a module ("the scaling is exactly as the previous"), so the rank that is left does not enter.
    Settings are checked when a module needs them: other methods give the same words other meanings.

    Args:
        config: The configuration. Where there is none, or it says nothing of PEFT, every scale is 1 and no rank is
            expected.
        path: The file to name in messages.
    """

    def __init__(self, config: Mapping[str, Any] | None, path: object) -> None:
        self._config = config or {}
        self._known = not self._config.keys().isdisjoint(("peft_type", "r", "lora_alpha", "alpha"))
        self._path = path
        self.rslora = bool(self._config.get("use_rslora"))
        self.adalora = str(self._config.get("peft_type", "")).upper() == "ADALORA"

    @cached_property
    def _ranks(self) -> KeyedNumbers:
        return KeyedNumbers(self._config, "rank_pattern", self._path)

    @cached_property
    def _alphas(self) -> KeyedNumbers:
        return KeyedNumbers(self._config, "alpha_pattern", self._path)

    @cached_property
    def _alpha(self) -> float | None:
        # LoHa and LoKr call it alpha.
        key = next((key for key in ("lora_alpha", "alpha") if key in self._config), None)
        if key is not None:
            return number(self._config[key], self._path, key)
        return float(PEFT_DEFAULT) if self._known else None

    def expected_rank(self, name: str) -> int | None:
        """The rank that the configuration gives a module; None for AdaLoRA, whose ranks training decides.

        Raises:
            InputError: What the configuration says is no rank.
        """
        if self.adalora or not self._known:
            return None
        found = self._ranks.find(name)
        key, value = found or ("r", self._config.get("r", PEFT_DEFAULT))
        return rank_number(value, self._path, key)

    def resolve(self, name: str, rank: int) -> Scale:
        """Return the scale of the module called ``name``, whose factors have ``rank`` as their inner dimension.

        Raises:
            InputError: What the configuration says of α or r is no number.
        """
        if not self._known:
            return Scale(1.0, "default", None)
        if self.adalora:
            return self._adalora(rank)
        found = self._alphas.find(name)
        alpha = number(found[1], self._path, found[0]) if found else self._alpha
        if alpha is None:
            return Scale(1.0, "default", None)
        r = self.expected_rank(name) or rank
        used = (
            ("rslora", self.rslora),
            ("rank_pattern", self._ranks.find(name) is not None),
            ("alpha_pattern", found is not None),
        )
        source = "+".join(word for word, applies in used if applies) or "config"
        return Scale(alpha / math.sqrt(r) if self.rslora else alpha / r, source, alpha)

    def _adalora(self, rank: int) -> Scale:
        initial = rank_number(self._config.get("init_r", ADALORA_DEFAULT_RANK), self._path, "init_r")
        alpha = self._alpha if self._alpha is not None else float(PEFT_DEFAULT)
        # SVDLinear takes α ≤ 0 to mean that no α is wanted, and uses the rank that it has when it is built.
        return Scale((alpha if alpha > 0 else rank) / (initial + 1e-5), "config", alpha)


def from_alpha(alpha: float | None, rank: int, source: str = "tensor") -> Scale:
    """Scale from an α stored beside the factors: α/r; without one α = r, so 1 (kohya, LyCORIS, diffusers)."""
    if alpha is None:
        return Scale(1.0, "default", None)
    return Scale(alpha / rank if rank else 0.0, source, alpha)

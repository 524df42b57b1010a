"""Routes: the ways to deploy an adapter inside its base, by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import msgspec

from loradiag.bases.bitsandbytes import FourBitRows
from loradiag.bases.model import Base
from loradiag.core.errors import UsageError
from loradiag.core.text import printable

ORIGINAL = "original"
"""The weights that a route starts from, where they are those of the checkpoint."""

QUANTIZED = ("nf4", "fp4", "int8")
"""Formats of bitsandbytes, in which a base can be loaded for training."""

SIXTEEN = {"BF16": "bf16", "F16": "fp16"}


class Route(msgspec.Struct, frozen=True):
    """One way to deploy.

    Attributes:
        name: As users write it.
        source: The weights that the update is added to: ``original``, or those of the base quantized to ``nf4``, ``fp4`` or
            ``int8`` and dequantized.
        storage: The format in which the sum is stored: a key of :data:`loradiag.linalg.formats.FORMATS`.
        inplace: Whether the sum goes into the quantizer as it is, as PEFT does it; else it is rounded to 16 bits first, as a
            checkpoint on disk holds it.
        summary: In a few words.
    """

    name: str
    source: str
    storage: str
    summary: str
    inplace: bool = False


def _routes() -> dict[str, Route]:
    found = [
        Route("bf16", ORIGINAL, "bf16", "fold into the 16-bit base, store BF16"),
        Route("fp16", ORIGINAL, "fp16", "fold into the 16-bit base, store FP16"),
        Route("fp32", ORIGINAL, "fp32", "fold in FP32: the control"),
    ]
    for kind in QUANTIZED:
        label = kind.upper()
        found += [
            Route(kind, ORIGINAL, kind, f"fold into the 16-bit base, then quantize to {label}"),
            Route(f"{kind}-inplace", kind, kind, f"PEFT's merge into a base loaded in {label}", inplace=True),
            Route(f"bf16-from-{kind}", kind, "bf16", f"dequantize the {label} base, fold, store BF16"),
        ]
    found += [
        Route("fp8-e4m3", ORIGINAL, "fp8-e4m3", "fold into the 16-bit base, then FP8 E4M3 with a scale per row"),
        Route("q8_0", ORIGINAL, "q8_0", "fold into the 16-bit base, then GGUF Q8_0"),
        Route("q4_0", ORIGINAL, "q4_0", "fold into the 16-bit base, then GGUF Q4_0"),
    ]
    return {route.name: route for route in found}


ROUTES: Mapping[str, Route] = _routes()


class Settings(msgspec.Struct, frozen=True):
    """How 4-bit formats of bitsandbytes are made.

    Attributes:
        block_size: Values that share one scale.
        double: Whether scales are quantized themselves (``compress_statistics``, ``bnb_4bit_use_double_quant``).
    """

    block_size: int = 64
    double: bool = True


class Plan(msgspec.Struct, frozen=True):
    """The routes that are taken, those that cannot be with the reason, and the settings in force."""

    routes: tuple[Route, ...]
    left_out: Mapping[str, str]
    settings: Settings
    stored_in: str | None


def plan_routes(base: Base, names: Sequence[str] = (), settings: Settings | None = None) -> Plan:
    """Choose routes: those that are named, or all that apply to this base.

    Args:
        base: The base.
        names: Of routes; all if empty.
        settings: For 4-bit formats. A base that is stored in one keeps its own.

    Raises:
        UsageError: There is no route of that name, or it does not apply to this base.
    """
    stored = stored_scheme(base)
    wanted = [route_named(name) for name in dict.fromkeys(names)] or list(ROUTES.values())
    reasons = {route.name: reason for route in wanted if (reason := _obstacle(route, stored)) is not None}
    if names and reasons:
        name, reason = next(iter(reasons.items()))
        raise UsageError(f"--route {name}: {reason}")
    own = _settings_of(base) if stored in QUANTIZED else None
    return Plan(
        tuple(route for route in wanted if route.name not in reasons), reasons, own or settings or Settings(), stored
    )


def route_named(name: str) -> Route:
    """The route of this name.

    Raises:
        UsageError: There is none; the nearest is named.
    """
    if name in ROUTES:
        return ROUTES[name]
    longer = [other for other in ROUTES if name and other.startswith(name)]
    close = longer or difflib.get_close_matches(name, ROUTES, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(ROUTES)}"
    raise UsageError(f"no route is called {printable(name)!r}; {hint}")


def stored_scheme(base: Base) -> str | None:
    """The format of bitsandbytes in which the base's weights are stored; None where they are plain numbers."""
    return next((weight.quantization for weight in base.weights.values() if weight.quantization in QUANTIZED), None)


def carrier(base: Base) -> str:
    """The 16-bit format in which a fold of this base is stored before it is quantized: its own, or else BF16."""
    for weight in base.weights.values():
        if len(weight.shape) == 2 and weight.shape[1] > 1 and weight.dtype in SIXTEEN:
            return SIXTEEN[weight.dtype]
    return "bf16"


def _obstacle(route: Route, stored: str | None) -> str | None:
    if stored is None:
        return None
    if route.source == ORIGINAL:
        return f"needs the 16-bit base, and this one is stored in {stored}"
    return None if route.source == stored else f"the base is stored in {stored}"


def _settings_of(base: Base) -> Settings | None:
    for weight in base.weights.values():
        source = weight.sources[0]
        if isinstance(source, FourBitRows):
            return Settings(source.block, bool(source.nested_block))
    return None


def bits(storage: str, settings: Settings) -> float:
    """What an entry of a large weight takes in a storage format, its share of scales included."""
    if storage in ("nf4", "fp4"):
        # One FP32 scale a block; or 8 bits, and an FP32 scale for each 256 of them.
        return 4 + (8 + 32 / 256 if settings.double else 32) / settings.block_size
    return {"bf16": 16.0, "fp16": 16.0, "fp32": 32.0, "int8": 8.0, "fp8-e4m3": 8.0, "q8_0": 8.5, "q4_0": 4.5}[storage]

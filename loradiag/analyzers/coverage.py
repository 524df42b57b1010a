"""Coverage: which layers and roles the adapter reaches, as far as it can tell by itself."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from loradiag.adapters.model import Adapter, Extra
from loradiag.adapters.patterns import Pattern, PatternError
from loradiag.analyzers.inspection import Inspection
from loradiag.core.coverage import Coverage, Hole, StackCoverage, Target

_PARAMETER = re.compile(r"(\.modules_to_save(\.\w+)?|\.base_layer)?\.(weight|bias)$")

_DEEPEST = 10_000
"""No network has as many layers: such numbers are no layers, and between them lie more than a report can name."""


def coverage(inspection: Inspection) -> Coverage:
    """Count roles and layers, find holes, and match the configuration's targets against the modules there are."""
    adapter = inspection.adapter
    config = adapter.config or {}
    return Coverage(
        roles=dict(Counter(module.place.role for module in adapter.modules)),
        stacks=list(_stacks(adapter)),
        holes=list(_holes(adapter)),
        targets=list(_targets(adapter, config.get("target_modules"))),
        saved_modules=_saved(adapter),
        biases=sum(extra.kind == "bias" for extra in adapter.parts.extras),
        layers_chosen=bool(config.get("layers_to_transform") or config.get("rank_pattern")),
    )


def _stacks(adapter: Adapter) -> Iterator[StackCoverage]:
    members = defaultdict(list)
    for module in adapter.modules:
        members[module.place.stack].append(module.place)
    for stack, places in members.items():
        layers = sorted({place.layer for place in places if place.layer is not None})
        yield StackCoverage(
            stack=stack,
            first_layer=layers[0] if layers else None,
            last_layer=layers[-1] if layers else None,
            layers=len(layers),
            roles=dict(Counter(place.role for place in places)),
        )


def _holes(adapter: Adapter) -> Iterator[Hole]:
    """Yield layers inside a stack that lack a role that both neighbours on that role's own range have.

    A role that sits on every second or third layer only (cross attention, experts) has a stride; a hole is a place
    where the stride that holds elsewhere is broken.
    """
    present: dict[tuple[str, str], set[int]] = defaultdict(set)
    for module in adapter.modules:
        if module.place.layer is None or module.place.stack == "unet":
            continue  # a UNet has attention at some resolutions only: its blocks are not alike
        if module.place.role not in ("expert", "other", "conv", "norm"):
            present[module.place.stack, module.place.role].add(module.place.layer)
    missing: dict[tuple[str, int], list[str]] = defaultdict(list)
    for (stack, role), layers in present.items():
        ordered = sorted(layer for layer in layers if layer < _DEEPEST)
        gaps = Counter(b - a for a, b in itertools.pairwise(ordered))
        if len(ordered) < 3 or not gaps:
            continue
        stride, count = gaps.most_common(1)[0]
        if count < len(ordered) / 2:
            continue
        for layer in range(ordered[0], ordered[-1], stride):
            if layer not in layers:
                missing[stack, layer].append(role)
    for (stack, layer), roles in sorted(missing.items()):
        yield Hole(stack=stack, layer=layer, roles=sorted(roles))


def _targets(adapter: Adapter, targets: Any) -> Iterator[Target]:
    names = [module.name for module in adapter.modules]
    # Modules that failed to assemble were still targeted: their own rule speaks of them.
    names += [problem.module for problem in adapter.parts.problems if problem.module]
    names += [extra.module for extra in adapter.parts.extras if extra.kind == "saved"]
    if isinstance(targets, str):
        kind = "all-linear" if targets == "all-linear" else "regex"
        yield Target(target=targets, kind=kind, matched=_matching(targets, names) if kind == "regex" else len(names))
        return
    for target in targets if isinstance(targets, list) else []:
        if isinstance(target, str):
            suffix = f".{target}"
            matched = sum(name == target or name.endswith(suffix) or f"{suffix}." in f".{name}." for name in names)
            yield Target(target=target, kind="name", matched=matched)


def _matching(pattern: str, names: list[str]) -> int:
    try:
        compiled = Pattern(pattern)
        return sum(compiled.fullmatch(name) for name in names)
    except PatternError:
        return 0


def _saved(adapter: Adapter) -> list[str]:
    return sorted({layer_name(extra) for extra in adapter.parts.extras if extra.kind == "saved"})


def layer_name(extra: Extra) -> str:
    """What the adapter calls the layer that a stored tensor is of, less what PEFT wraps it in."""
    return _PARAMETER.sub("", extra.module)

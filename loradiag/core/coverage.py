"""What an adapter reaches, as far as it can tell alone. Part of the wire format, as :mod:`loradiag.core.measurements`."""

from __future__ import annotations

from loradiag.core.measure import Measure


class Target(Measure, kw_only=True, frozen=True):
    """One entry of the configuration's ``target_modules`` and how many modules of the adapter it accounts for."""

    target: str
    kind: str
    matched: int


class Hole(Measure, kw_only=True, frozen=True):
    """A layer in the middle of a stack that lacks what its neighbours have."""

    stack: str
    layer: int
    roles: list[str]


class StackCoverage(Measure, kw_only=True, frozen=True):
    """The layers and roles that one stack of the network (decoder, encoder, unet, text encoder …) has adapted."""

    stack: str
    first_layer: int | None
    last_layer: int | None
    layers: int
    roles: dict[str, int]


class Coverage(Measure, kw_only=True, frozen=True):
    """What the adapter reaches, as far as the adapter alone can tell."""

    roles: dict[str, int]
    stacks: list[StackCoverage]
    holes: list[Hole]
    targets: list[Target]
    saved_modules: list[str]
    biases: int
    layers_chosen: bool

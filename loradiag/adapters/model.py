"""What one training run left: modules, other tensors, configuration, provenance."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from loradiag.core.integrity import Problem
from loradiag.core.report import Unsupported
from loradiag.core.text import shorten
from loradiag.storage.tensors import Matrix, Tensor


class Method(enum.StrEnum):
    """How a module's update is stored; decides which formula gives its singular values.

    ``saved`` is a layer stored whole: readers give it as an :class:`Extra`, and only beside a base is it an update.
    """

    LORA = "lora"
    DORA = "dora"
    ADALORA = "adalora"
    LOHA = "loha"
    LOKR = "lokr"
    VERA = "vera"
    IA3 = "ia3"
    PROMPT = "prompt"
    SAVED = "saved"


class Scale(msgspec.Struct, frozen=True):
    """The number that the product of the factors is multiplied by, and how it was found.

    ``source`` is one of ``config``, ``rslora``, ``alpha_pattern``, ``rank_pattern``, ``tensor``, ``stored``,
    ``metadata``, ``default``, several joined by ``+``.
    """

    value: float
    source: str
    alpha: float | None = None


class Place(msgspec.Struct, frozen=True):
    """Where in a network a module sits. ``stack`` tells encoder from decoder, UNet from text encoder."""

    role: str
    layer: int | None
    stack: str = ""


class Module(msgspec.Struct, frozen=True):
    """One adapted weight.

    Attributes:
        name: As the base model calls it.
        method: How the update is stored.
        place: Role, layer and stack.
        factors: By canonical name. LoRA: ``A`` [r, d_in] and ``B`` [d_out, r]; ``E`` [1, r] (AdaLoRA); ``mid``
            (Tucker core); ``magnitude`` (DoRA). LoHa: ``w1_a`` [d_out, r], ``w1_b`` [r, d_in], ``w2_a``, ``w2_b``,
            ``t1``, ``t2``. LoKr: ``w1`` or ``w1_a``·``w1_b``, ``w2`` or ``w2_a``·``w2_b``, ``t2``. VeRA: shared
            ``vera_A``, ``vera_B`` and the vectors ``d``, ``b``. IA³: ``l``. Prompts: ``prompt`` [tokens, dim].
        rank: Inner dimension of the factors.
        scale: What the product is multiplied by.
        d_out, d_in: Shape of the weight that is adapted, a convolution flattened to [out, in·kh·kw]; None if unknown.
        expected_rank: What the configuration says the rank is, where it says so.
        alphas: The tensors that α was read from, where the file stores it module by module.
    """

    name: str
    method: Method
    place: Place
    factors: Mapping[str, Matrix]
    rank: int
    scale: Scale
    d_out: int | None
    d_in: int | None
    expected_rank: int | None = None
    alphas: tuple[Tensor, ...] = ()


class Extra(msgspec.Struct, frozen=True):
    """A tensor that belongs to the adapter without being a low-rank factor.

    ``kind`` is ``saved`` (a layer, or rows of one, stored whole), ``bias``, ``copy`` (of weights of the base) or
    ``training`` (state that the trained model does not use).
    """

    tensor: Tensor
    kind: str
    module: str


class Parts(msgspec.Struct):
    """What a layout's reader makes of the tensors of a file. Every tensor ends up in exactly one place.

    Attributes:
        modules: The updates that can be analysed.
        extras: Tensors that are no updates.
        unsupported: Tensors of a known kind that cannot be analysed, with the reason.
        unexpected: Names of tensors that nothing is known of, or whose place another one has taken.
        problems: What is wrong, module by module.
        broken: Names of the tensors of modules that could not be put together; a problem says why.
    """

    modules: list[Module] = []
    extras: list[Extra] = []
    unsupported: list[Unsupported] = []
    unexpected: list[str] = []
    problems: list[Problem] = []
    broken: list[str] = []

    def places(self) -> Iterator[tuple[str, str]]:
        """Yield every tensor's name with its place, once for each place that it is in.

        A tensor that several modules share, as experts do, is in one place.
        """
        used = dict.fromkeys(
            tensor.name
            for module in self.modules
            for tensor in (*(matrix.tensor for matrix in module.factors.values()), *module.alphas)
        )
        yield from ((name, "module") for name in used)
        yield from ((extra.tensor.name, "extra") for extra in self.extras)
        yield from ((row.tensor, "unsupported") for row in self.unsupported)
        yield from ((name, "unexpected") for name in self.unexpected)
        yield from ((name, "broken") for name in self.broken)


class Provenance(msgspec.Struct, frozen=True):
    """What the adapter says of its own origin. Untrusted text throughout."""

    base: str | None = None
    revision: str | None = None
    peft_type: str | None = None
    task_type: str | None = None
    library_version: str | None = None
    init: str | None = None


def shown(value: object) -> str | None:
    """What a file says of itself, fit for :class:`Provenance`: cut to a sane length; None for what is no text or number."""
    return shorten(str(value), 500) if isinstance(value, (str, int, float)) and value != "" else None


class Adapter(msgspec.Struct):
    """One adapter, opened: structure and headers are in memory, the values still on disk.

    Attributes:
        path: What the user named.
        layout: Name of the reader that recognised it.
        layout_reason: What it was recognised by.
        weights: The files that hold the tensors.
        weight_format: ``safetensors``, ``npz``, ``torch`` or ``gguf``.
        tensors: Every tensor of the files, by name.
        parts: What they are.
        config: The configuration as decoded from JSON; None where there is none.
        config_expected: Whether a file of this layout comes with a configuration.
        metadata: Key-value metadata of the weight file.
        provenance: Base, revision and versions.
        other_weights: Weight files beside the ones read, which were not read.
        step: The training step, for a checkpoint of a series.
    """

    path: Path
    layout: str
    layout_reason: str
    weights: list[Path]
    weight_format: str
    tensors: Mapping[str, Tensor]
    parts: Parts
    config: Mapping[str, Any] | None
    config_expected: bool
    metadata: Mapping[str, str]
    provenance: Provenance
    other_weights: list[Path] = []
    step: int | None = None

    @property
    def modules(self) -> list[Module]:
        """The adapted weights."""
        return self.parts.modules

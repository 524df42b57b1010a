"""What a reader of one layout is, and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Parts, Provenance
from loradiag.core.errors import InputError
from loradiag.core.lazy import Entry, load


class Reader(Protocol):
    """A reader knows one way of naming the tensors of an adapter."""

    layout: str
    config_expected: bool

    def recognise(self, bundle: Bundle, /) -> str | None:
        """Say what in the bundle shows that it is of this layout; None if it is not. Reads no tensor."""

    def read(self, bundle: Bundle, /) -> Parts:
        """Give every tensor its place: module, extra, unsupported, unexpected or part of a problem."""

    def provenance(self, bundle: Bundle, /) -> Provenance:
        """What the files say about their origin."""


# In the order in which they are asked; the first that recognises a bundle reads it. The most specific names come first.
READERS: Mapping[str, Entry] = {
    "gguf": Entry("loradiag.adapters.layouts.gguf:GgufReader", "gguf", "GGUF LoRA of llama.cpp"),
    "legacy-enable-lora": Entry(
        "loradiag.adapters.layouts.legacy:LegacyReader", "", "PEFT before 0.3, one factor for several projections"
    ),
    "kohya": Entry("loradiag.adapters.layouts.kohya:KohyaReader", "", "kohya sd-scripts and LyCORIS"),
    "peft": Entry(
        "loradiag.adapters.layouts.peft:PeftReader", "", "PEFT: LoRA, DoRA, AdaLoRA, LoHa, LoKr, VeRA, IA³, prompts"
    ),
    "diffusers": Entry("loradiag.adapters.layouts.diffusers:DiffusersReader", "", "diffusers, old and new names"),
    "mlx": Entry("loradiag.adapters.layouts.mlx:MlxReader", "", "MLX"),
    "cloneofsimo": Entry("loradiag.adapters.layouts.cloneofsimo:CloneofsimoReader", "", "cloneofsimo/lora"),
    "sam": Entry("loradiag.adapters.layouts.sam:SamReader", "", "Sam_LoRA, w_a_000 and w_b_000"),
    "tensor-list": Entry(
        "loradiag.adapters.layouts.tensor_list:TensorListReader", "", "a list of alternating up and down factors"
    ),
}


def readers() -> Iterator[Reader]:
    """Yield a reader of every layout, in the order of the table."""
    for entry in READERS.values():
        yield load(entry)()


def recognise(bundle: Bundle) -> tuple[Reader, str]:
    """Return the reader of a bundle and what it recognised it by.

    Raises:
        InputError: No layout fits.
    """
    for reader in readers():
        reason = reader.recognise(bundle)
        if reason is not None:
            return reader, reason
    raise InputError(
        bundle.located.weights[0],
        f"holds {len(bundle.tensors):,} tensors, none of which is named as in an adapter",
        "loradiag reads " + ", ".join(READERS),
        kind="no-adapter",
    )

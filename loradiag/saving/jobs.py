"""What a merged checkpoint holds: every weight of the base, the updates that change it, and how it is stored."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.fold import fold_of
from loradiag.analyzers.merge.folding import Formats, Strip
from loradiag.analyzers.merge.kinds import Way, kind_of, way_of
from loradiag.analyzers.merge.refusals import vectors
from loradiag.analyzers.merge.routes import QUANTIZED, Route
from loradiag.analyzers.pairing import Pair, stored_transposed
from loradiag.analyzers.updates import Values
from loradiag.bases.model import Base, Weight
from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.linalg.formats import PLAIN, Stored
from loradiag.linalg.tensors import tensor_of
from loradiag.storage.tensors import Tensor

SAVABLE = (*PLAIN, *QUANTIZED)
"""Formats that transformers loads."""

_EXPERT = re.compile(r"(?P<stack>.+)\[(?P<index>\d+)\]")


class Job(msgspec.Struct, frozen=True):
    """One weight of the new checkpoint.

    Attributes:
        weight: Of the base.
        shape: As stored, convolution kernels and stacks unflattened.
        way: How it goes along the route.
        changes: Updates, by the index of the matrix in a stack; None is the index of one that changes the weight as a whole.
        vector: What the adapter stores in place of a vector.
        transposed: Whether it is stored [in, out].
    """

    weight: Weight
    shape: tuple[int, ...]
    way: Way
    changes: Mapping[int | None, Pair]
    vector: Tensor | None
    transposed: bool

    @property
    def quantized(self) -> bool:
        """Whether it is stored as codes and scales."""
        return self.way.storage not in PLAIN

    @property
    def copied(self) -> bool:
        """Whether it stays as the base has it, codes and all."""
        kept = not self.changes and self.vector is None and self.quantized
        return kept and self.weight.quantization == self.way.storage

    @property
    def stacked(self) -> bool:
        """Whether matrices lie one below the other in it."""
        return len(self.shape) == 3 and self.shape[0] * self.shape[1] == self.weight.shape[0]


def jobs_of(inspection: Inspection, route: Route, carrier: str) -> list[Job]:
    """Plan every weight.

    Args:
        inspection: The adapter with its base.
        route: Along which it is folded.
        carrier: The 16-bit format in which the base is held.

    Raises:
        UsageError: transformers has no form for the result.
    """
    base = inspection.base
    assert base is not None, "asked for without a base"
    if route.storage not in SAVABLE:
        raise UsageError(f"--save: {route.name} has no form that transformers loads; {_instead(route)}")
    changes = _changes([*inspection.pairing.pairs, *inspection.saved], base)
    replaced = vectors(inspection.adapter, base, inspection.pairing.renaming).found
    jobs = [
        Job(
            weight=weight,
            shape=tuple(base.shapes.get(name) or weight.shape),
            way=way_of(route, kind_of(name, tuple(base.shapes.get(name) or weight.shape)), carrier),
            changes=changes.get(name, {}),
            vector=replaced.get(name),
            transposed=stored_transposed(name.removesuffix(".weight"), base),
        )
        for name, weight in base.weights.items()
    ]
    _check(jobs)
    return jobs


def _instead(route: Route) -> str:
    if route.storage in ("q8_0", "q4_0"):
        return "save bf16, and let llama.cpp convert and quantize it: that is what this route measures"
    return "save bf16, and let the server quantize it as it loads: that is what this route measures"


def _changes(pairs: Sequence[Pair], base: Base) -> dict[str, dict[int | None, Pair]]:
    found: dict[str, dict[int | None, Pair]] = defaultdict(dict)
    for pair in pairs:
        if pair.weight is None:
            continue
        match = _EXPERT.fullmatch(pair.weight.name)
        name, index = (match["stack"], int(match["index"])) if match else (pair.weight.name, None)
        if name not in base.weights or (match is None and pair.weight.shape != base.weights[name].shape):
            raise UsageError(f"--save: {printable(pair.module.name)} changes parts of several weights: not supported")
        others = found[name]
        if index in others or None in others or (others and index is None):
            raise UsageError(f"--save: two modules change {printable(name)}: not supported")
        others[index] = pair
    return found


def _check(jobs: Sequence[Job]) -> None:
    for job in jobs:
        what = "stacked experts" if job.stacked else "weights stored as [in, out]" if job.transposed else None
        if job.quantized and what:
            name = printable(job.weight.name)
            raise UsageError(f"--save: bitsandbytes has no form for {what} ({name}); save a 16-bit route")


def results(job: Job, formats: Formats, values: Values) -> Iterator[tuple[Strip, Stored, Pair | None]]:
    """Send a weight along its way: for each of its matrices the base's rows, what is stored, and the update in it.

    Raises:
        InputError: A file ends before its header says.
    """
    whole = not job.changes or None in job.changes
    count = 1 if whole else job.shape[0]
    step = job.weight.shape[0] // count
    for index in range(count):
        raw = job.weight.read(index * step, (index + 1) * step)
        strip = Strip(
            tensor_of(raw, job.weight.dtype),
            0,
            formats,
            transposed=job.transposed,
            quantized=job.weight.quantization,
        )
        pair = job.changes.get(None if whole else index)
        if job.vector is not None:
            yield strip, formats.named(job.way.storage).store(_column(job.vector)), None
        elif pair is None:
            yield strip, strip.without(job.way), None
        else:
            yield strip, strip.along(job.way, fold_of(pair, values)).stored, pair


def _column(vector: Tensor) -> Any:
    return tensor_of(vector.read(), vector.dtype).reshape(-1, 1)

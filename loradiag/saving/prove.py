"""The proof: the new checkpoint is opened as any other base, and compared with what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.fold import fold_of
from loradiag.analyzers.merge.folding import Formats
from loradiag.analyzers.merge.measure import Change, Sums
from loradiag.analyzers.updates import Values
from loradiag.bases.model import Base
from loradiag.bases.opening import open_base
from loradiag.core.errors import InputError
from loradiag.core.merge import Route as Row
from loradiag.linalg.tensors import tensor_of
from loradiag.saving.jobs import Job, results

_TOLERANCE = 1e-6
"""What sums in another order may differ by."""


class ProofError(RuntimeError):
    """What was written is not what was measured: a fault of loradiag's own."""


def prove(
    folder: Path,
    jobs: Sequence[Job],
    inspection: Inspection,
    formats: Formats,
    row: Row,
    progress: Callable[[int, int], None],
) -> None:
    """Read every weight back.

    Each must be, bit for bit, what a model that took the route computes with, and the gain of each module must be that of
    the report. Weights are dequantized by loradiag's own reader, not by the library that quantized them.

    Raises:
        ProofError: One is not.
    """
    try:
        written = open_base(folder)
    except InputError as error:
        raise ProofError(f"the checkpoint written cannot be read: {error.problem}") from error
    base, values = inspection.base, Values()
    assert base is not None, "asked for without a base"
    if written.weights.keys() != base.weights.keys():
        raise ProofError("the checkpoint written has other weights than the base")
    gains = {module.name: module.gain for module in row.modules}
    for number, job in enumerate(jobs):
        _check(job, written, formats, values, gains)
        progress(number + 1, len(jobs))


def _check(job: Job, written: Base, formats: Formats, values: Values, gains: dict[str, float | None]) -> None:
    again, start = written.weights[job.weight.name], 0
    for strip, stored, pair in results(job, formats, values):
        rows = stored.values.shape[0]
        read = tensor_of(again.read(start, start + rows), again.dtype)
        start += rows
        if job.copied:
            same = read.equal(strip.rows.to(read.dtype))
        else:
            same = read.to(stored.values.dtype).nan_to_num().equal(stored.values.nan_to_num())
        if not same:
            raise ProofError(f"{job.weight.name} was written otherwise than it was measured")
        if pair is not None:
            source = strip.source(job.way)
            found = Change(source, fold_of(pair, values).change(source, 0)).stored_as(read, read, read, floating=False)
            _check_gain(pair.module.name, found, gains.get(pair.module.name))


def _check_gain(name: str, found: Sums, measured: float | None) -> None:
    if measured is None or found.gain is None:
        if measured is not found.gain:
            raise ProofError(f"{name} has another gain than was measured")
    elif abs(found.gain - measured) > _TOLERANCE * max(1.0, abs(measured)):
        raise ProofError(f"{name} has a gain of {found.gain:.9g}, and {measured:.9g} was measured")

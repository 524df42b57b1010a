"""The function behind ``loradiag merge-drift --save``."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.folding import Formats
from loradiag.analyzers.merge.routes import Plan, Settings, bits, carrier, plan_routes
from loradiag.analyzers.pairing import ties_embeddings
from loradiag.analyzers.updates import Values
from loradiag.bases.model import Base
from loradiag.bases.opening import open_base
from loradiag.core.errors import UsageError
from loradiag.core.merge import Route as Row
from loradiag.core.report import Report
from loradiag.core.text import printable
from loradiag.saving.beside import copy_companions, write_config, write_record
from loradiag.saving.encode import Ready, as_stored, copied, encoded
from loradiag.saving.jobs import Job, jobs_of, results
from loradiag.saving.prove import prove
from loradiag.saving.shards import write_shards
from loradiag.storage.directories import Kind, check_output, installed

Stages = Callable[[str, int, int], None]

_CHECKPOINT = Kind("checkpoint", "config.json")
_SLACK = 1.02


class Saved(msgspec.Struct, frozen=True):
    """What was written.

    Attributes:
        path: The directory.
        route: Along which the adapter was folded.
        bytes: Of all weights.
        files: Names of all files.
    """

    path: str
    route: str
    bytes: int
    files: list[str]


def save_merged(
    base: str | Path,
    adapter: str | Path,
    output: str | Path,
    report: Report,
    *,
    route: str | None = None,
    revision: str | None = None,
    allow_pickle: bool = False,
    force: bool = False,
    progress: Stages | None = None,
) -> Saved:
    """Write the merged checkpoint of one route, read it back, and check that it is what was measured.

    Args:
        base: As it was measured: a directory, a safetensors file, or ``owner/name`` on the hub.
        adapter: A directory or a weight file.
        output: The directory to write. It appears when it is complete and proved.
        report: Of :func:`loradiag.merge_drift` over the same base and adapter.
        route: Which route; None: the only one of the report's gate, else the one that it recommends.
        revision: Commit, branch or tag, on the hub.
        allow_pickle: Whether ``.bin`` and ``.pt`` files may be read, by torch's weights-only loader.
        force: Whether a checkpoint that lies in ``output`` is replaced.
        progress: Called with the stage, the parts of it that are done, and their number.

    Raises:
        InputError: The base or the adapter cannot be read.
        UsageError: The route failed, has no form that transformers loads, or the directory cannot be written.
    """
    row = chosen(report, route)
    tell = progress or (lambda _stage, _done, _total: None)
    place = check_place(output, base, adapter, force=force)
    opened = open_base(base, revision=revision)
    inspection = Inspection(open_adapter(adapter, allow_pickle=allow_pickle), base=opened)
    plan = _plan(opened, row, report)
    held = carrier(opened)
    jobs = jobs_of(inspection, plan.routes[0], held)
    _check_disk(place, jobs, plan.settings)
    formats = Formats(plan.settings)
    with installed(place, _CHECKPOINT if force else None) as folder:
        tensors = _tensors(jobs, opened, formats, lambda done: tell("writing", done, len(jobs)))
        size = write_shards(folder, tensors, {"format": "pt", "loradiag.route": row.route})
        write_config(folder, opened, plan.routes[0], plan.settings, held, untied=_untied(inspection))
        copy_companions(folder, opened)
        write_record(folder, report, row, opened)
        prove(folder, jobs, inspection, formats, row, lambda done, total: tell("reading back", done, total))
        files = sorted(child.name for child in folder.iterdir())
    return Saved(str(output), row.route, size, files)


def check_place(output: str | Path, base: str | Path, adapter: str | Path, *, force: bool = False) -> Path:
    """Return the directory, if a checkpoint may be written there: to be asked before anything is measured, too.

    Raises:
        UsageError: As of :func:`save_merged`.
    """
    return check_output(Path(output), {"adapter": Path(adapter), "base": Path(base)}, _CHECKPOINT, force=force)


def chosen(report: Report, route: str | None) -> Row:
    """The route to save.

    Raises:
        UsageError: It was not measured, failed, or nothing says which.
    """
    merge = report.measurements.merge
    if merge is None:
        raise UsageError("--save: the report is not one on merge drift")
    name = route or (merge.gate[0] if len(merge.gate) == 1 else merge.recommended)
    if name is None:
        raise UsageError("--save: no route keeps the adapter, so nothing was written")
    row = next((row for row in merge.routes if row.route == name and row.status != "not-applicable"), None)
    if row is None:
        raise UsageError(f"--save-route {printable(name)}: was not measured")
    if row.status == "fail":
        raise UsageError(f"--save: {row.route} does not keep the adapter, so nothing was written")
    if merge.refused:
        raise UsageError("--save: parts of the adapter cannot be folded, so nothing was written")
    return row


def _plan(base: Base, row: Row, report: Report) -> Plan:
    merge = report.measurements.merge
    assert merge is not None, "the row is of it"
    return plan_routes(base, [row.route], Settings(merge.block_size, merge.double_quantization))


def _check_disk(place: Path, jobs: Sequence[Job], settings: Settings) -> None:
    """Say before an hour of work that there is too little room."""
    needed = sum(job.weight.size * bits(job.way.storage, settings) / 8 for job in jobs) * _SLACK
    free = shutil.disk_usage(place.parent).free
    if needed > free:
        where = printable(str(place.parent))
        raise UsageError(f"--save: needs {needed / 1e9:.1f} GB in {where}, and {free / 1e9:.1f} GB are free")


def _tensors(jobs: Sequence[Job], base: Base, formats: Formats, progress: Callable[[int], None]) -> Iterator[Ready]:
    """Every tensor of the new checkpoint, in the order of the base's names."""
    values = Values()
    for number, job in enumerate(jobs):
        if job.copied:
            yield from copied(job.weight.name, base)
        else:
            yield from encoded(job, [stored for _, stored, _ in results(job, formats, values)])
        progress(number + 1)
    parts = [f"{job.weight.name.removesuffix('.weight')}." for job in jobs if job.weight.quantization]
    for name, tensor in base.tensors.items():
        if name not in base.weights and not name.startswith(tuple(parts)):
            yield as_stored(name, tensor)


def _untied(inspection: Inspection) -> bool:
    """Whether the base ties embedding and head, and the adapter stores both."""
    base = inspection.base
    assert base is not None, "asked for without a base"
    roles = {pair.module.place.role for pair in inspection.saved}
    return ties_embeddings(base) and {"embedding", "head"} <= roles

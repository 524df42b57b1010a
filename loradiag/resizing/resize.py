"""The function behind ``loradiag resize``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from loradiag.adapters.locate import CONFIG_NAME, STAMP_NAME
from loradiag.adapters.model import Adapter, Method
from loradiag.adapters.opening import open_adapter
from loradiag.core.dtypes import DTYPES
from loradiag.core.errors import UsageError
from loradiag.core.text import listed, path_text, plural, printable, shorten
from loradiag.linalg.widen import count_nonfinite
from loradiag.resizing.config import new_config
from loradiag.resizing.groups import groups_of, nonfinite
from loradiag.resizing.plan import Criterion, Cut, Piece, criterion, cut_all, predicted
from loradiag.resizing.prove import prove
from loradiag.resizing.refusals import check
from loradiag.resizing.result import Resized, ResizedModule, overall
from loradiag.resizing.write import KIND, encoded, metadata_of, nbytes, write_adapter
from loradiag.storage.directories import check_output, installed
from loradiag.storage.tensors import Tensor

_SCAN = 1 << 21
"""Elements that are looked at at once."""


def resize(
    path: str | Path,
    output: str | Path | None = None,
    *,
    rank: int | None = None,
    energy: float | None = None,
    error: float | None = None,
    allow_pickle: bool = False,
    force: bool = False,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Resized:
    """Write a smaller PEFT adapter, each update cut to its leading singular values, and prove it from the files written.

    >>> import loradiag
    >>> resized = loradiag.resize("fixtures/adapters/over_ranked", rank=8, dry_run=True)
    >>> resized.parameters_before // resized.parameters_after
    6

    Args:
        path: A directory or a weight file: PEFT (LoRA, rsLoRA, DoRA, AdaLoRA) or MLX.
        output: The directory to write; needed unless ``dry_run``.
        rank: Cut every module to at most this rank.
        energy: Cut each module to the least rank that keeps this share of Σσ².
        error: Cut each module to the least rank whose relative Frobenius error is at most this.
        allow_pickle: Whether ``.bin`` and ``.pt`` files may be read, by torch's weights-only loader.
        force: Whether an adapter that lies in ``output`` is replaced.
        dry_run: Whether to say only what would be done.
        progress: Called with the modules done and their number, each of which is counted for cutting and for the proof.

    Raises:
        InputError: The adapter cannot be read, or is broken.
        UsageError: It is of a kind that cannot be resized, or the arguments do not go together.
    """
    wanted = criterion(rank, energy, error)
    place = None
    if not dry_run:
        if output is None:
            raise UsageError("name the directory to write: --output DIR (or say --dry-run)")
        place = check_output(Path(output), {"adapter": Path(path)}, KIND, force=force)
    adapter = open_adapter(path, allow_pickle=allow_pickle)
    config = check(adapter)
    groups = groups_of(adapter)
    copies = _copies(adapter)
    count = len(adapter.modules)
    total = count if place is None else 2 * count
    tell = progress or (lambda _done, _total: None)
    cuts = cut_all(groups, wanted, lambda done: tell(done, total))
    pieces = [piece for cut in cuts for piece in cut.pieces] + copies
    settings = encoded(new_config(adapter, cuts), adapter)
    if place is None:
        rows = [row for cut in cuts for row in _predicted_rows(cut)]
    else:
        kept = [*copies, *(piece for cut in cuts if cut.copied for piece in cut.pieces)]
        with installed(place, KIND if force else None) as folder:
            write_adapter(folder, pieces, metadata_of(adapter), settings)
            rows = prove(folder, cuts, kept, lambda done: tell(count + done, total))
    notes = _notes(adapter, rows, bool(config.get("use_dora")))
    return _result(adapter, None if place is None else str(output), wanted, rows, pieces, notes)


def _copies(adapter: Adapter) -> list[Piece]:
    """Every tensor that stays as it is: saved layers, biases, magnitudes."""
    tensors = [extra.tensor for extra in adapter.parts.extras]
    tensors += [m.factors["magnitude"].tensor for m in adapter.modules if "magnitude" in m.factors]
    for tensor in tensors:
        if tensor.dtype not in DTYPES:
            name = shorten(printable(tensor.name), 80)
            raise UsageError(f"{printable(str(adapter.path))}: cannot be resized: {name} is {printable(tensor.dtype)}")
        _check_finite(tensor)
    return [Piece(tensor.name, tensor.dtype, tensor.shape, tensor) for tensor in tensors]


def _check_finite(tensor: Tensor) -> None:
    for start in range(0, tensor.size, _SCAN):
        if count_nonfinite(tensor.read(start, min(_SCAN, tensor.size - start)), tensor.dtype):
            raise nonfinite(tensor)


def _predicted_rows(cut: Cut) -> list[ResizedModule]:
    return [
        ResizedModule(
            name=module.name,
            old_rank=module.rank,
            new_rank=cut.rank,
            old_scale=module.scale.value,
            new_scale=module.scale.value,
            norm=abs(module.scale.value)
            * float((sigma / (sigma.max(initial=0) or 1)) @ sigma) ** 0.5
            * float(sigma.max(initial=0)) ** 0.5,
            predicted_error=predicted(sigma, cut.rank),
        )
        for module, sigma in zip(cut.group.modules, cut.spectra, strict=True)
    ]


def _notes(adapter: Adapter, rows: Sequence[ResizedModule], dora: bool) -> list[str]:
    notes = []
    if zero := sum(row.norm == 0 for row in rows):
        notes.append(
            f"{plural(zero, 'module')} with an update of zero: A was kept as far as the new rank goes, B is zero"
        )
    if dora or any(module.method is Method.DORA for module in adapter.modules):
        notes.append(
            "DoRA: the magnitudes were trained with the full product and are copied; errors are those of B·A, so measure "
            "the model before you rely on it"
        )
    if any(module.method is Method.ADALORA for module in adapter.modules):
        notes.append("AdaLoRA: its singular values are folded into the factors; the result is a plain LoRA")
    if adapter.layout == "mlx":
        notes.append(
            "MLX: the result is a PEFT adapter; check that base_model_name_or_path names the base that you serve"
        )
    folder = adapter.path if adapter.path.is_dir() else adapter.path.parent
    read = {CONFIG_NAME, *(weights.name for weights in adapter.weights)}
    left = sorted(child.name for child in folder.iterdir() if child.is_file() and child.name not in read)
    stamps = [name for name in left if name.endswith(STAMP_NAME)]
    if stamps:
        notes.append(f"{printable(listed(stamps))} is bound to the old weights and was left behind: make a new one")
    others = [shorten(printable(name), 40) for name in left if not name.endswith((STAMP_NAME, ".index.json"))]
    if others:
        notes.append(f"{plural(len(others), 'file')} beside the weights not copied: {listed(others, 4)}")
    return notes


def _result(
    adapter: Adapter,
    output: str | None,
    wanted: Criterion,
    rows: list[ResizedModule],
    pieces: Sequence[Piece],
    notes: list[str],
) -> Resized:
    measured = [row.measured_error for row in rows if row.measured_error is not None]
    return Resized(
        path=path_text(adapter.path),
        output=None if output is None else path_text(output),
        criterion=wanted.kind,
        value=wanted.value,
        parameters_before=sum(tensor.size for tensor in adapter.tensors.values()),
        parameters_after=sum(_size(piece) for piece in pieces),
        bytes_before=sum(tensor.nbytes for tensor in adapter.tensors.values()),
        bytes_after=sum(nbytes(piece) for piece in pieces),
        predicted_error=overall(rows, [row.predicted_error for row in rows]),
        measured_error=overall(rows, measured) if len(measured) == len(rows) else None,
        modules=rows,
        notes=notes,
    )


def _size(piece: Piece) -> int:
    return nbytes(piece) // DTYPES[piece.dtype].itemsize

"""The proof: the new directory is opened as any other, and compared with the old one from the values of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from loradiag.adapters.model import Adapter, Module
from loradiag.adapters.opening import open_adapter
from loradiag.core.errors import InputError
from loradiag.linalg.narrow import PRECISIONS
from loradiag.linalg.threads import parallel
from loradiag.linalg.truncation import difference_norm, product_norm
from loradiag.linalg.widen import Array
from loradiag.resizing.groups import Group, groups_of
from loradiag.resizing.plan import Cut, Piece, predicted
from loradiag.resizing.result import ResizedModule
from loradiag.resizing.write import blocks

_ARITHMETIC = 1e-13
"""What float64 may lose, as a share of ‖B‖·‖A‖: a few hundred units of its rounding."""


class ProofError(RuntimeError):
    """What was written is not what was meant: a fault of loradiag's own."""


def prove(
    folder: Path, cuts: Sequence[Cut], copied: Iterable[Piece], progress: Callable[[int], None]
) -> list[ResizedModule]:
    """Return every module before and after, as measured on the files.

    Raises:
        ProofError: A tensor or a module is not there or is not what it should be, or an error is larger than the cut and
            the rounding of the format explain.
    """
    try:
        written = open_adapter(folder)
    except InputError as error:
        raise ProofError(f"the adapter written cannot be read: {error.problem}") from error
    _check_structure(written, cuts)
    for piece in copied:
        _check_copy(written, piece)
    by_key = {group.key: group for group in groups_of(written)}
    rows: list[ResizedModule] = []
    for measured in parallel(lambda cut: _compare(cut, by_key[cut.group.key]), cuts):
        rows += measured
        progress(len(rows))
    return rows


def _check_structure(written: Adapter, cuts: Sequence[Cut]) -> None:
    parts = written.parts
    if parts.problems or parts.unsupported or parts.unexpected or parts.broken:
        first = parts.problems[0].detail if parts.problems else "a tensor without a place"
        raise ProofError(f"the adapter written is broken: {first}")
    wanted = {module.name: (cut.rank, module.scale.value) for cut in cuts for module in cut.group.modules}
    found = {module.name: (module.rank, module.scale.value) for module in written.modules}
    if wanted.keys() != found.keys():
        raise ProofError(f"{len(wanted)} modules were to be written, {len(found)} are there")
    for name, (rank, scale) in wanted.items():
        if found[name][0] != rank or not math.isclose(found[name][1], scale, rel_tol=1e-12):
            raise ProofError(f"{name} has rank and scale {found[name]} instead of {(rank, scale)}")


def _check_copy(written: Adapter, piece: Piece) -> None:
    found = written.tensors.get(piece.name)
    same = found is not None and (found.dtype, found.shape) == (piece.dtype, piece.shape)
    if found is None or not same or any(a != b for a, b in zip(blocks(found), blocks(piece.content), strict=True)):
        raise ProofError(f"{piece.name} was not copied bit for bit")


def _compare(cut: Cut, new: Group) -> list[ResizedModule]:
    pairs = zip(cut.group.modules, cut.spectra, cut.group.factors(), new.modules, new.factors(), strict=True)
    return [_row(cut, *pair) for pair in pairs]


def _row(
    cut: Cut,
    module: Module,
    sigma: Array,
    before: tuple[Array, Array],
    after_module: Module,
    after: tuple[Array, Array],
) -> ResizedModule:
    old_scale, new_scale = module.scale.value, after_module.scale.value
    scaled_before, scaled_after = (old_scale * before[0], before[1]), (new_scale * after[0], after[1])
    norm = product_norm(*scaled_before)
    lost = difference_norm(scaled_before, scaled_after)
    expected = predicted(sigma, cut.rank) * norm
    rounding = 0.0 if cut.copied else abs(old_scale) * _rounding(cut, sigma)
    arithmetic = _ARITHMETIC * sum(
        float(np.linalg.norm(b)) * float(np.linalg.norm(a)) for b, a in (scaled_before, scaled_after)
    )
    if not lost <= expected * (1 + 1e-9) + rounding + arithmetic:  # so that NaN fails too
        raise ProofError(f"{module.name} lost {lost:.3g} of {norm:.3g}, where {expected:.3g} was predicted")
    return ResizedModule(
        name=module.name,
        old_rank=module.rank,
        new_rank=cut.rank,
        old_scale=old_scale,
        new_scale=new_scale,
        norm=norm,
        predicted_error=expected / norm if norm else 0.0,
        measured_error=lost / norm if norm else 0.0,
    )


def _rounding(cut: Cut, sigma: Array) -> float:
    """A bound on ‖B′A′ − round(B′) round(A′)‖_F for balanced factors: ‖B′‖_F² = Σσ and ‖B′‖₂² = σ₁.

    Each element moves by at most a share of itself, or by half the least positive number of the format.
    """
    kept = sigma[: cut.rank]
    if not kept.size:
        return 0.0
    frobenius, spectral = math.sqrt(float(kept.sum())), math.sqrt(float(kept[0]))
    moved = []
    for piece in cut.pieces:
        precision = PRECISIONS[piece.dtype]
        elements = math.prod(piece.shape) / len(cut.group.modules)
        moved.append(precision.relative * frobenius + precision.absolute * math.sqrt(elements))
    return (moved[0] + moved[1]) * spectral + moved[0] * moved[1]

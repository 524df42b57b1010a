"""Which rank each module gets, and the tensors that follow from it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from loradiag.adapters.model import Module
from loradiag.core.errors import InputError, UsageError
from loradiag.core.text import printable, shorten
from loradiag.linalg.narrow import narrow
from loradiag.linalg.threads import parallel
from loradiag.linalg.truncation import Factored, factored, frobenius, rank_for_energy, rank_for_error, tails
from loradiag.linalg.widen import Array
from loradiag.resizing.groups import Group
from loradiag.storage.tensors import Tensor


class Criterion(msgspec.Struct, frozen=True):
    """What ranks are chosen by: ``rank``, ``energy`` or ``error``, and the number given for it."""

    kind: str
    value: float

    def rank_of(self, sigma: Array) -> int:
        """The rank that an update with these singular values gets."""
        if self.kind == "rank":
            return max(1, min(int(self.value), sigma.size))
        return rank_for_energy(sigma, self.value) if self.kind == "energy" else rank_for_error(sigma, self.value)


def criterion(rank: int | None, energy: float | None, error: float | None) -> Criterion:
    """Return the one criterion that is given.

    Raises:
        UsageError: None or several are, or it is out of bounds.
    """
    given = {kind: value for kind, value in (("rank", rank), ("energy", energy), ("error", error)) if value is not None}
    if len(given) != 1:
        raise UsageError("give one of --rank, --energy and --error" + (", not several" if given else ""))
    ((kind, value),) = given.items()
    sound = {"rank": value >= 1 and float(value).is_integer(), "energy": 0 < value <= 1, "error": 0 <= value < 1}
    if not sound[kind]:
        bounds = {"rank": "a whole number from 1 on", "energy": "above 0 and at most 1", "error": "from 0 to below 1"}
        raise UsageError(f"--{kind} {value} is out of bounds: it is {bounds[kind]}")
    return Criterion(kind, float(value))


class Piece(msgspec.Struct, frozen=True):
    """One tensor to be written: new bytes, or a stored tensor that is copied as it is."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    content: bytes | Tensor


class Cut(msgspec.Struct, frozen=True):
    """A group with its new rank.

    Attributes:
        group: What was cut.
        rank: The new one.
        spectra: The singular values of every module's B·A, without the scale; zeros where the scale is zero.
        pieces: Its new tensors.
        copied: Whether these are the old ones.
    """

    group: Group
    rank: int
    spectra: list[Array]
    pieces: tuple[Piece, Piece]
    copied: bool


def cut_all(groups: list[Group], wanted: Criterion, progress: Callable[[int], None]) -> list[Cut]:
    """Cut every group.

    Args:
        groups: All modules.
        wanted: What ranks are chosen by.
        progress: Told the number of modules done.

    Raises:
        InputError: Values are not finite, or a file ends early.
    """
    cuts: list[Cut] = []
    for cut in parallel(lambda group: _cut(group, wanted), groups):
        cuts.append(cut)
        progress(sum(len(done.spectra) for done in cuts))
    return cuts


def _cut(group: Group, wanted: Criterion) -> Cut:
    factors = group.factors()
    products = [_decomposed(group, module, *pair) for module, pair in zip(group.modules, factors, strict=True)]
    spectra = [
        product.sigma if module.scale.value else np.zeros_like(product.sigma)
        for module, product in zip(group.modules, products, strict=True)
    ]
    rank = max(wanted.rank_of(sigma) for sigma in spectra)
    if group.kept and rank >= group.rank:
        return Cut(group, group.rank, spectra, (_as_it_is(group, "A"), _as_it_is(group, "B")), copied=True)
    cut = [
        _zero(b, a, rank) if not sigma.any() else _filled(product, rank)
        for (b, a), sigma, product in zip(factors, spectra, products, strict=True)
    ]
    # Experts: those of A one after the other, those of B interleaved column by column.
    new_a = np.concatenate([a for _, a in cut])
    new_b = np.stack([b for b, _ in cut], axis=2).reshape(cut[0][0].shape[0], -1)
    return Cut(group, rank, spectra, (_piece_a(group, new_a), _piece_b(group, new_b)), copied=False)


def _decomposed(group: Group, module: Module, b: Array, a: Array) -> Factored:
    with np.errstate(over="ignore", invalid="ignore"):  # FP64 files can hold numbers whose products overflow
        try:
            product = factored(b, a)
            if np.isfinite(module.scale.value * frobenius(product.sigma)):
                return product
        except np.linalg.LinAlgError:
            pass
    path = group.stored("A").container.path
    name = shorten(printable(module.name), 120)
    raise InputError(path, f"has factors whose product is not finite: {name}", "save it again", kind="nonfinite")


def _filled(product: Factored, rank: int) -> tuple[Array, Array]:
    """Balanced factors of exactly ``rank``: an expert that needs less than the others is filled up with zeros."""
    b, a = product.balanced(rank)
    missing = rank - b.shape[1]
    return np.pad(b, ((0, 0), (0, missing))), np.pad(a, ((0, missing), (0, 0)))


def _zero(b: Array, a: Array, rank: int) -> tuple[Array, Array]:
    """Factors of an update that is zero: B zero, and A as it was, so that training can still go on from it."""
    kept = a[:rank]
    return np.zeros((b.shape[0], rank)), np.pad(kept, ((0, rank - kept.shape[0]), (0, 0)))


def _as_it_is(group: Group, factor: str) -> Piece:
    tensor = group.stored(factor)
    return Piece(tensor.name, tensor.dtype, tensor.shape, tensor)


def _piece_a(group: Group, values: Array) -> Piece:
    old = group.stored("A")
    inner = old.shape[1:] if group.kept else values.shape[1:]  # a convolution keeps its [in, kh, kw]
    return Piece(group.name_a, old.dtype, (values.shape[0], *inner), narrow(values, old.dtype).tobytes())


def _piece_b(group: Group, values: Array) -> Piece:
    old = group.stored("B")
    behind = old.shape[2:] if group.kept else ()  # a convolution's B is [out, r, 1, 1]
    return Piece(group.name_b, old.dtype, (*values.shape, *behind), narrow(values, old.dtype).tobytes())


def predicted(sigma: Array, rank: int) -> float:
    """The relative error of cutting after ``rank`` values."""
    return float(tails(sigma)[min(rank, sigma.size)])

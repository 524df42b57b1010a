"""Fit: how well an adapter fits a base that it says nothing certain of. Evidence, never proof.

Gradients are made of what a network's own weights let through, so the directions of an update lean towards the leading
singular directions of the weights that it was trained on. Another base of the same shape has its directions elsewhere:
the order of hidden units is an accident of the initialisation. So the adapter is compared with the same base under random
relabellings of its hidden units, which have the same spectra and shapes. Only sides that face the residual stream count;
within a head, rotary embeddings give all models of one architecture the same order.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from loradiag.adapters.model import Method
from loradiag.analyzers.identity import base_kind
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merging import NotMergedError, thin_factors
from loradiag.analyzers.pairing import Pair
from loradiag.analyzers.saved import weight_name
from loradiag.analyzers.updates import Values
from loradiag.analyzers.weights import WeightFacts
from loradiag.bases.model import Base, Weight
from loradiag.core.beside import CopyEvidence, Fit
from loradiag.core.dtypes import DTYPES
from loradiag.linalg import energy
from loradiag.linalg.triangular import triangle
from loradiag.linalg.widen import Array, widen
from loradiag.storage.tensors import Tensor

MODULES = 64
"""Modules that are looked at; more would not make the answer surer, only later."""

_READS = frozenset({"attention.q", "attention.k", "attention.v", "attention.qkv", "mlp.gate", "mlp.up", "mlp.gate_up"})
_WRITES = frozenset({"attention.o", "mlp.down"})
_THIN = (Method.LORA, Method.DORA, Method.ADALORA)
_LEADING = 16
"""Directions of an update that are looked at: those of a larger rank add time, and hardly any energy."""

_STRIP = 1 << 20
_COPIES = 8


def facing(pairs: Sequence[Pair], most: int | None = None) -> frozenset[str]:
    """The modules to look at, spread evenly: those that read from, or write to, the residual stream, by their roles."""
    names = [
        pair.module.name
        for pair in pairs
        if pair.weight is not None and pair.module.method in _THIN and pair.module.place.role in _READS | _WRITES
    ]
    step = -(-len(names) // (most or MODULES)) or 1
    return frozenset(names[::step])


def fit(inspection: Inspection) -> Fit | None:
    """Collect the evidence; None without a base."""
    base = inspection.base
    if base is None:
        return None
    pairs = inspection.pairing.pairs
    aligned = _aligned([share for pair in pairs for share in _shares(pair, inspection.weights.get(pair.module.name))])
    return Fit(
        names_agree=_names_agree(inspection.adapter.provenance.base, base),
        modules=len(pairs),
        found=sum(pair.reason != "absent" for pair in pairs),
        shapes_agree=sum(pair.weight is not None for pair in pairs),
        alignment=aligned.share,
        alignment_expected=aligned.expected,
        alignment_z=aligned.z,
        alignment_p=aligned.p,
        alignment_modules=aligned.modules,
        permutations=energy.PERMUTATIONS,
        copies=list(_copies(inspection, base)),
        magnitude_correlation=_magnitudes(pairs),
    )


class _Alignment(NamedTuple):
    share: float | None = None
    expected: float | None = None
    z: float | None = None
    p: float | None = None
    modules: int = 0


def _aligned(shares: Sequence[tuple[Array, float]]) -> _Alignment:
    if not shares:
        return _Alignment()
    mean = np.mean([share for share, _ in shares], axis=0)
    own, others = float(mean[0]), mean[1:]
    spread = float(others.std())
    if spread == 0:
        return _Alignment(modules=len(shares))
    return _Alignment(
        share=own,
        expected=float(np.mean([expected for _, expected in shares])),
        z=(own - float(others.mean())) / spread,
        p=float((1 + np.count_nonzero(others >= own)) / (1 + others.size)),
        modules=len(shares),
    )


def _shares(pair: Pair, facts: WeightFacts | None) -> Iterator[tuple[Array, float]]:
    """Shares of the update's energy in the leading directions of the weight, and the share that chance gives."""
    if facts is None or facts.left is None or facts.right is None or not facts.change:
        return
    try:
        left, right = thin_factors(pair, Values())
    except NotMergedError:
        return
    reads = pair.module.place.role in _READS
    subspace = facts.right if reads else facts.left
    directions = _directions(right.T, left) if reads else _directions(left, right.T)
    if directions.any():
        yield energy.shares(directions, subspace), subspace.shape[1] / subspace.shape[0]


def _directions(near: Array, far: Array) -> Array:
    """The leading singular vectors of near·farᵀ on the side of ``near``, times their singular values: [d, at most 16].

    With far = QR they are those of near·Rᵀ [d, r], which its Gram matrix turns to them.
    """
    thin = near @ triangle(far).T
    turn = np.linalg.eigh(thin.T @ thin)[1][:, ::-1]
    leading: Array = thin @ turn[:, :_LEADING]
    return leading


def _names_agree(said: str | None, base: Base) -> bool | None:
    """Whether the name in the adapter's configuration and the base's own name end alike, whatever the owner or the folder."""
    if not said or base_kind(said) == "missing":
        return None
    names = {_last(base.name), _last(str(base.path)), _last(str(base.path.resolve()))}
    parts = {part.lower() for part in base.path.resolve().parts[-4:]}
    own = base.config.get("_name_or_path")
    if isinstance(own, str):
        names.add(_last(own))
    wanted = _last(said)
    # A snapshot of a hub's cache lies in models--owner--name/snapshots/<commit>.
    return wanted in names or any(part.endswith(f"--{wanted}") for part in parts)


def _last(name: str) -> str:
    return re.split(r"[/\\]+", name.rstrip("/\\"))[-1].lower()


def _copies(inspection: Inspection, base: Base) -> Iterator[CopyEvidence]:
    """Tensors that the adapter stores whole and the base has too: a trained copy still resembles its original."""
    taken = 0
    for extra in inspection.adapter.parts.extras:
        name = weight_name(extra)
        weight = base.weights.get(inspection.pairing.renaming(name))
        if weight is None or extra.kind not in ("saved", "copy") or extra.tensor.shape != weight.shape:
            continue
        if extra.tensor.dtype not in DTYPES:
            continue
        cosine = _cosine(weight, extra.tensor)
        if cosine is not None:
            yield CopyEvidence(name=name, cosine=cosine)
            taken += 1
        if taken == _COPIES:
            return


def _cosine(weight: Weight, tensor: Tensor) -> float | None:
    sums = np.zeros(3)
    for start, strip in _strips(weight):
        ours = strip.ravel()
        theirs = widen(tensor.read(start * weight.shape[1], ours.size), tensor.dtype)
        sums += (ours @ theirs, ours @ ours, theirs @ theirs)
    sound = np.isfinite(sums).all() and sums[1] > 0 and sums[2] > 0
    return float(sums[0] / np.sqrt(sums[1] * sums[2])) if sound else None


def _magnitudes(pairs: Sequence[Pair]) -> float | None:
    """Correlation of DoRA's magnitudes with the lengths of the rows that they started as: logarithms, less their mean."""
    values = Values()
    found = (logs for pair in pairs if pair.module.method is Method.DORA for logs in _lengths(pair, values))
    both = list(itertools.islice(found, MODULES))  # each reads a weight of the base as a whole
    if not both:
        return None
    ours, theirs = np.concatenate(both, axis=1)
    scale = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    return float(ours @ theirs) / scale if scale else None


def _lengths(pair: Pair, values: Values) -> Iterator[Array]:
    """Two rows, centred: logarithms of the magnitudes, and of the lengths of the base's rows."""
    weight = pair.weight
    if weight is None or pair.transposed:
        return
    magnitude = values.stored(pair.module.factors["magnitude"]).reshape(-1)
    magnitude = widen(magnitude, pair.module.factors["magnitude"].dtype)
    if magnitude.size != weight.shape[0]:
        return
    rows = np.concatenate([np.linalg.norm(strip, axis=1) for _, strip in _strips(weight)])
    if (rows > 0).all() and (magnitude > 0).all() and np.isfinite(magnitude).all() and np.isfinite(rows).all():
        logs = np.log(np.stack([magnitude, rows]))
        yield logs - logs.mean(axis=1, keepdims=True)


def _strips(weight: Weight) -> Iterator[tuple[int, Array]]:
    step = max(_STRIP // max(weight.shape[1], 1), 1)
    for start in range(0, weight.shape[0], step):
        yield start, widen(weight.read(start, min(start + step, weight.shape[0])), weight.dtype)

"""From the stored factors of one module to the singular values of its update, by the formula of its method."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec
import numpy as np

from loradiag.adapters.model import Method, Module
from loradiag.linalg import spectra
from loradiag.linalg.triangular import gram, r_factor, triangle
from loradiag.linalg.widen import Array, Raw, count_nonfinite, widen
from loradiag.storage.tensors import Matrix, Scratch


class ModuleFactors(msgspec.Struct, frozen=True):
    """What the values of one module come to.

    Attributes:
        sigma: Singular values of scale · B · A, largest first; None if they could not be computed.
        norm_a, norm_b: ‖A‖_F and ‖B‖_F of LoRA-like modules.
        nonfinite: Number of NaN and infinite elements, by tensor name.
        zero_factor: Name of a factor that is zero throughout, which makes the update zero; None if there is none.
        reason: Why ``sigma`` is None though the values are finite.
    """

    sigma: Array | None = None
    norm_a: float | None = None
    norm_b: float | None = None
    nonfinite: Mapping[str, int] = {}
    zero_factor: str | None = None
    reason: str | None = None


class NotFiniteError(Exception):
    """A factor has NaN or infinite elements."""


class Values:
    """Reads factors. A tensor that many modules take interleaved parts of is kept for the next of them."""

    def __init__(self) -> None:
        self._kept = lru_cache(maxsize=4)(lambda tensor: tensor.read())
        self._mine = threading.local()

    def borrowed(self, matrix: Matrix) -> Raw:
        """The stored matrix, in memory that this thread's next call overwrites."""
        if matrix.column_step > 1:
            return self.stored(matrix)
        if not hasattr(self._mine, "scratch"):
            self._mine.scratch = Scratch()
        return matrix.stored(self._mine.scratch)

    def stored(self, matrix: Matrix) -> Raw:
        """The stored matrix [rows, cols], in memory of its own."""
        if matrix.column_step == 1:
            return matrix.stored()
        whole: Raw = self._kept(matrix.tensor).reshape(matrix.rows, matrix.cols)
        return whole[:, matrix.column_offset :: matrix.column_step]

    def dense(self, matrix: Matrix) -> Array:
        """The logical matrix in float64."""
        values = self.wide(matrix)
        if not np.isfinite(values).all():
            raise NotFiniteError
        return values

    def wide(self, matrix: Matrix) -> Array:
        """The logical matrix in float64, whether it is finite or not."""
        values = widen(self.stored(matrix), matrix.dtype)
        return values.T if matrix.transposed else values


def measure(module: Module, values: Values) -> ModuleFactors:
    """Return what the values of one module come to.

    Raises:
        InputError: The file ends before its header says.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # FP64 files can hold numbers whose products overflow
            measured = _BY_METHOD[module.method](module, values)
    except (NotFiniteError, np.linalg.LinAlgError):
        return ModuleFactors(nonfinite=_nonfinite(module, values))
    if measured.sigma is not None and not np.isfinite(measured.sigma).all():
        return ModuleFactors(nonfinite=_nonfinite(module, values))
    # A magnitude vector is no part of the product, but a NaN in it ruins the module all the same.
    magnitude = module.factors.get("magnitude")
    if magnitude is not None and (bad := count_nonfinite(values.stored(magnitude), magnitude.dtype)):
        return msgspec.structs.replace(measured, nonfinite={magnitude.tensor.name: bad})
    return measured


def _nonfinite(module: Module, values: Values) -> dict[str, int]:
    """Count by tensor. Numbers beyond FP32, which only an FP64 file can hold, count: every loader makes them infinite."""
    counts = {}
    for matrix in module.factors.values():
        stored = values.stored(matrix)
        if matrix.dtype == "F64":
            with np.errstate(over="ignore"):
                counts[matrix.tensor.name] = count_nonfinite(stored.astype(np.float32), "F32")
        else:
            counts[matrix.tensor.name] = count_nonfinite(stored, matrix.dtype)
    return {name: count for name, count in counts.items() if count}


def _low_rank(module: Module, values: Values) -> ModuleFactors:
    """LoRA, DoRA and AdaLoRA: thin triangular factors of B and Aᵀ, then the small core."""
    if module.rank == 0:
        return ModuleFactors(sigma=np.zeros(0), norm_a=0.0, norm_b=0.0)
    if "mid" in module.factors:
        return _tucker(module, values)
    right, norm_a = _triangle(module.factors["A"], values, wide=True)
    left, norm_b = _triangle(module.factors["B"], values, wide=False)
    if "E" in module.factors:
        right = right * values.dense(module.factors["E"]).reshape(1, -1)
    sigma = spectra.of_product(left, right) * abs(module.scale.value)
    zero = "B" if norm_b == 0 else "A" if norm_a == 0 else None
    if zero is None and not sigma.any():
        zero = "E" if "E" in module.factors else "scale" if module.scale.value == 0 else "B·A"
    return ModuleFactors(sigma=sigma, norm_a=norm_a, norm_b=norm_b, zero_factor=zero)


def _triangle(matrix: Matrix, values: Values, *, wide: bool) -> tuple[Array, float]:
    """R of the tall orientation of a factor, and its Frobenius norm. ``wide``: the logical factor is [r, n]."""
    stored = values.borrowed(matrix)
    tall = matrix.transposed if wide else not matrix.transposed
    product = gram(stored, matrix.dtype, tall=tall)
    if not np.isfinite(product).all():
        raise NotFiniteError
    factor = r_factor(stored, matrix.dtype, tall=tall, gram_matrix=product)
    return factor, float(np.sqrt(np.trace(product)))


def _tucker(module: Module, values: Values) -> ModuleFactors:
    """LoCon with a core: W[o, i, y, x] = Σ B[o, p] mid[p, q, y, x] A[q, i], so A and the core make one wide factor."""
    a, b = values.dense(module.factors["A"]), values.dense(module.factors["B"])
    core = values.dense(module.factors["mid"])
    right = contract(core, a)
    sigma = spectra.of_product(triangle(b), triangle(right.T)) * abs(module.scale.value)
    return ModuleFactors(
        sigma=sigma,
        norm_a=float(np.linalg.norm(a)),
        norm_b=float(np.linalg.norm(b)),
        zero_factor=None if sigma.any() else "B·mid·A",
    )


def contract(core: Array, side: Array) -> Array:
    """Multiply a flattened Tucker core [p, q·k] with a side [q, n]: [p, n·k]."""
    p, q = core.shape[0], side.shape[0]
    contracted: Array = np.einsum("pqk,qn->pnk", core.reshape(p, q, -1), side)
    return contracted.reshape(p, -1)


def _loha(module: Module, values: Values) -> ModuleFactors:
    sides = []
    for number in ("1", "2"):
        a, b = values.dense(module.factors[f"w{number}_a"]), values.dense(module.factors[f"w{number}_b"])
        core = module.factors.get(f"t{number}")
        # With a core both sides are stored [r, extent], and the core joins the input side.
        sides.append((a, b) if core is None else (a.T, contract(values.dense(core), b)))
    (a1, b1), (a2, b2) = sides
    if a1.shape[1] * a2.shape[1] >= min(a1.shape[0], b1.shape[1]):
        # The factors of rank r² would be as large as the update itself.
        sigma = spectra.of_dense((a1 @ b1) * (a2 @ b2))
    else:
        left = triangle(spectra.face_splitting(a1, a2))
        right = triangle(spectra.face_splitting(b1.T, b2.T))
        sigma = spectra.of_product(left, right)
    return _scaled(module, sigma, "w1 ⊙ w2")


def _lokr(module: Module, values: Values) -> ModuleFactors:
    first = _kronecker_side(module, values, "w1")
    second = _kronecker_side(module, values, "w2")
    return _scaled(module, spectra.of_kronecker(first, second), "w1 ⊗ w2")


def _kronecker_side(module: Module, values: Values, side: str) -> Array:
    if side in module.factors:
        return spectra.of_dense(values.dense(module.factors[side]))
    a, b = values.dense(module.factors[f"{side}_a"]), values.dense(module.factors[f"{side}_b"])
    if side == "w2" and "t2" in module.factors:
        a, b = a.T, contract(values.dense(module.factors["t2"]), b)
    return spectra.of_product(triangle(a), triangle(b.T))


def _vera(module: Module, values: Values) -> ModuleFactors:
    """VeRA: diag(b) B diag(d) A, with A and B shared and cut to the module's shape."""
    b, d = values.dense(module.factors["b"]).reshape(-1), values.dense(module.factors["d"]).reshape(-1)
    zero = "b" if not b.any() else "d" if not d.any() else None
    if module.d_in is None:
        reason = "the input width of the module is not known without the base"
        return ModuleFactors(zero_factor=zero, reason=reason, sigma=np.zeros(d.size) if zero else None)
    shared_a = values.dense(module.factors["vera_A"])[:, : module.d_in]
    shared_b = values.dense(module.factors["vera_B"])[: b.size]
    left = triangle(b[:, None] * shared_b * d[None, :])
    sigma = spectra.of_product(left, triangle(shared_a.T))
    return ModuleFactors(sigma=sigma, zero_factor=zero)


def _vector(module: Module, values: Values) -> ModuleFactors:
    for matrix in module.factors.values():
        values.dense(matrix)
    return ModuleFactors()


def _scaled(module: Module, sigma: Array, product: str) -> ModuleFactors:
    sigma = sigma * abs(module.scale.value)
    return ModuleFactors(sigma=sigma, zero_factor=None if sigma.any() else product)


_BY_METHOD: Mapping[Method, Callable[[Module, Values], ModuleFactors]] = {
    Method.LORA: _low_rank,
    Method.DORA: _low_rank,
    Method.ADALORA: _low_rank,
    Method.LOHA: _loha,
    Method.LOKR: _lokr,
    Method.VERA: _vera,
    Method.IA3: _vector,
    Method.PROMPT: _vector,
}

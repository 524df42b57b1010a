"""The one pass over an adapter's values: everything that needs the numbers is computed here, module by module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from loradiag.adapters.model import Adapter, Method, Module
from loradiag.analyzers.updates import ModuleFactors, Values, measure
from loradiag.core.dtypes import DTYPES
from loradiag.linalg.threads import parallel
from loradiag.linalg.triangular import gram, r_factors
from loradiag.linalg.widen import Array, count_nonfinite
from loradiag.storage.tensors import Matrix, Tensor


class FactorPass(msgspec.Struct, frozen=True):
    """Results by module name, and the non-finite counts of all tensors that belong to no module."""

    modules: Mapping[str, ModuleFactors]
    other_nonfinite: Mapping[str, int]


def measure_factors(adapter: Adapter, progress: Callable[[int, int], None]) -> FactorPass:
    """Read every tensor once and measure it.

    Args:
        adapter: The opened adapter.
        progress: Told after each module.

    Raises:
        InputError: A file ends before its header says.
    """
    reader = Values()
    results: dict[str, ModuleFactors] = {}
    modules = adapter.modules
    for group, measured in parallel(lambda group: (group, _measure_group(group, reader)), _groups(modules)):
        for module, result in zip(group, measured, strict=True):
            results[module.name] = result
            progress(len(results), len(modules))
    used = {matrix.tensor.name for module in modules for matrix in module.factors.values()}
    rest = [tensor for name, tensor in adapter.tensors.items() if name not in used]
    return FactorPass(results, _scan(rest))


_GROUP_MODULES = 256
_GROUP_ELEMENTS = 1 << 21


def _groups(modules: Sequence[Module]) -> Iterator[list[Module]]:
    """Split modules into runs that are measured together: plain ones of one rank, or a single one of another kind."""
    group: list[Module] = []
    elements = 0
    for module in modules:
        size = module.rank * ((module.d_in or 0) + (module.d_out or 0))
        fits = len(group) < _GROUP_MODULES and elements + size <= _GROUP_ELEMENTS
        if group and not (fits and _plain(module) and _plain(group[0]) and module.rank == group[0].rank):
            yield group
            group, elements = [], 0
        group.append(module)
        elements += size
    if group:
        yield group


def _plain(module: Module) -> bool:
    return module.method is Method.LORA and module.factors.keys() == {"A", "B"} and module.rank > 0


def _measure_group(modules: list[Module], values: Values) -> list[ModuleFactors]:
    """Measure modules together: for small ones the calls into LAPACK, one by one, would cost more than the work."""
    if len(modules) == 1 or not _plain(modules[0]):
        return [measure(module, values) for module in modules]
    right = np.stack([_gram(module.factors["A"], values, wide=True) for module in modules])
    left = np.stack([_gram(module.factors["B"], values, wide=False) for module in modules])
    (right_r, right_sound), (left_r, left_sound) = r_factors(right), r_factors(left)
    with np.errstate(over="ignore", invalid="ignore"):  # FP64 files can hold numbers whose products overflow
        cores = left_r @ right_r.swapaxes(1, 2)
        norm_a, norm_b = (np.sqrt(np.trace(grams, axis1=1, axis2=2)) for grams in (right, left))
        sound = right_sound & left_sound & np.isfinite(cores).all(axis=(1, 2)) & np.isfinite(norm_a * norm_b)
    scales = np.abs([module.scale.value for module in modules])
    sigma = np.linalg.svd(np.where(sound[:, None, None], cores, 0.0), compute_uv=False) * scales[:, None]
    return [
        # What is zero, not finite or badly conditioned goes the long way, which also says what is wrong with it.
        ModuleFactors(sigma=sigma[index], norm_a=float(norm_a[index]), norm_b=float(norm_b[index]))
        if sound[index] and sigma[index].any()
        else measure(module, values)
        for index, module in enumerate(modules)
    ]


def _gram(matrix: Matrix, values: Values, *, wide: bool) -> Array:
    tall = matrix.transposed if wide else not matrix.transposed
    return gram(values.borrowed(matrix), matrix.dtype, tall=tall)


def _scan(tensors: Iterable[Tensor]) -> dict[str, int]:
    """Count non-finite elements of tensors that are no factors, a few megabytes at a time."""
    counts = {}
    step = 1 << 21
    for tensor in tensors:
        if tensor.dtype not in DTYPES or not DTYPES[tensor.dtype].floating:
            continue
        bad = sum(
            count_nonfinite(tensor.read(start, min(step, tensor.size - start)), tensor.dtype)
            for start in range(0, tensor.size, step)
        )
        if bad:
            counts[tensor.name] = bad
    return counts

"""Integrity: what the reader found wrong with the structure, and what the values are wrong with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from loradiag.adapters.model import Adapter, Method, Module
from loradiag.analyzers.factors import FactorPass
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.updates import ModuleFactors
from loradiag.core.integrity import Integrity, Problem
from loradiag.core.text import plural, printable


def integrity(inspection: Inspection) -> Integrity:
    """Collect every problem of structure and of values."""
    adapter, factors = inspection.adapter, inspection.factors
    zero = list(_zero_updates(adapter, factors))
    return Integrity(
        modules=len(adapter.modules),
        tensors=len(adapter.tensors),
        zero_modules=len(zero),
        has_config=adapter.config is not None,
        config_expected=adapter.config_expected,
        problems=[
            *adapter.parts.problems,
            *zero,
            *_nonfinite(adapter, factors),
            *_unanalysed(adapter, factors),
            *_rivals(adapter),
        ],
    )


def _rivals(adapter: Adapter) -> Iterable[Problem]:
    if not adapter.other_weights:
        return ()
    from loradiag.adapters.rivals import rival_problems  # brings archive modules that most adapters need not wait for

    return rival_problems(adapter)


def _zero_updates(adapter: Adapter, factors: FactorPass) -> Iterator[Problem]:
    for module in adapter.modules:
        measured = factors.modules[module.name]
        if measured.zero_factor is not None:
            yield _problem(
                module,
                "zero-update",
                f"{measured.zero_factor} is zero",
                observed=_against_initialisation(module, measured),
                expected=1.0,
            )


def _against_initialisation(module: Module, factors: ModuleFactors) -> float | None:
    """Size of A against PEFT's initialisation of a linear layer; None where that is not known.

    kaiming_uniform with a = √5 draws from ±1/√d_in, whose root mean square is 1/√(3·d_in). A ratio of 1 says that A
    never moved; below 1, that weight decay acted on it, so it was in the optimizer.
    """
    if module.method is not Method.LORA or factors.zero_factor != "B" or not module.d_in or not factors.norm_a:
        return None
    rms = factors.norm_a / math.sqrt(module.rank * module.d_in)
    return rms * math.sqrt(3 * module.d_in)


def _nonfinite(adapter: Adapter, factors: FactorPass) -> Iterator[Problem]:
    for module in adapter.modules:
        for tensor, count in factors.modules[module.name].nonfinite.items():
            yield _problem(
                module,
                "nonfinite",
                f"{plural(count, 'NaN or infinite value')} in {printable(tensor)}",
                observed=count,
                tensor=tensor,
            )
    for tensor, count in factors.other_nonfinite.items():
        yield Problem(
            kind="nonfinite",
            detail=f"{plural(count, 'NaN or infinite value')} in {printable(tensor)}",
            tensor=tensor,
            observed=count,
            expected=0,
        )


def _unanalysed(adapter: Adapter, factors: FactorPass) -> Iterator[Problem]:
    """Yield the modules that are finite and whose update could not be computed all the same."""
    for module in adapter.modules:
        reason = factors.modules[module.name].reason
        if reason is not None:
            yield _problem(module, "not-analysed", reason, expected=None)


def _problem(
    module: Module,
    kind: str,
    detail: str,
    observed: float | None = None,
    expected: float | None = 0,
    tensor: str | None = None,
) -> Problem:
    return Problem(
        kind=kind,
        detail=detail,
        module=module.name,
        role=module.place.role,
        stack=module.place.stack,
        layer=module.place.layer,
        tensor=tensor,
        observed=observed,
        expected=expected,
    )

"""What analyzers of a single adapter share: the adapter, and one pass over its values."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

from loradiag.adapters.model import Adapter
from loradiag.analyzers.factors import FactorPass, measure_factors
from loradiag.core.measurements import Measure

Progress = Callable[[int, int], None]
"""Called with the number of modules done and their number in all."""


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


class Inspection:
    """One adapter under inspection. Values are read once, when the first analyzer asks for them."""

    def __init__(self, adapter: Adapter, progress: Progress = silent) -> None:
        self.adapter = adapter
        self.progress = progress

    @cached_property
    def factors(self) -> FactorPass:
        """Singular values, norms and flaws of every module.

        Raises:
            InputError: A file ends before its header says.
        """
        return measure_factors(self.adapter, self.progress)


class Analyzer(Protocol):
    """A function from an inspection to its part of the measurements; None where it has nothing to measure."""

    def __call__(self, inspection: Inspection) -> Measure | None:
        """Measure."""

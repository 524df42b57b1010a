"""What analyzers of a single adapter share: the adapter, its base, and one pass over the values of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import msgspec

from loradiag.adapters.model import Adapter
from loradiag.analyzers.factors import FactorPass, measure_factors
from loradiag.core.measure import Measure
from loradiag.core.starts import holds_part_of_base
from loradiag.linalg.spectra import SpectrumMeasures, measures

if TYPE_CHECKING:
    from loradiag.analyzers.pairing import Pair, Pairing
    from loradiag.analyzers.weights import Wanted, WeightFacts
    from loradiag.bases.fingerprint import Fingerprint
    from loradiag.bases.model import Base

Progress = Callable[[int, int], None]
"""Called with the number of modules done and their number in all."""


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


class Inspection:
    """One adapter under inspection, with its base where one is given. Values are read once, when they are asked for.

    Attributes:
        adapter: With the widths that only the base knows, where it is given.
        base: None where none is given.
        pairing: Which weight of the base each module changes. Only where there is a base.
    """

    pairing: Pairing

    def __init__(
        self, adapter: Adapter, progress: Progress = silent, base: Base | None = None, wanted: Wanted | None = None
    ) -> None:
        self.progress = progress
        self.base = base
        self._wanted = wanted
        self.adapter = adapter
        if base is not None:
            self.adapter, self.pairing = _paired(adapter, base)

    @cached_property
    def factors(self) -> FactorPass:
        """Singular values, norms and flaws of every module.

        Raises:
            InputError: A file ends before its header says.
        """
        return measure_factors(self.adapter, self.progress)

    @cached_property
    def spectra(self) -> Mapping[str, SpectrumMeasures]:
        """What derives from the singular values of every module, where those could be computed.

        Raises:
            InputError: A file ends before its header says.
        """
        found = self.factors.modules
        return {name: measures(factors.sigma) for name, factors in found.items() if factors.sigma is not None}

    @cached_property
    def saved(self) -> list[Pair]:
        """Layers that the adapter stores whole, with the weights that they replace. Only where there is a base."""
        from loradiag.analyzers.saved import saved_pairs

        assert self.base is not None, "asked for without a base"
        return list(saved_pairs(self.adapter, self.base, self.pairing.renaming))

    @cached_property
    def weights(self) -> Mapping[str, WeightFacts]:
        """What every paired weight of the base and its update come to, by module. Only where there is a base.

        Raises:
            InputError: A file ends before its header says.
        """
        from loradiag.analyzers.fit import facing
        from loradiag.analyzers.weights import Wanted, measure_weights

        wanted, pairs = self._wanted or Wanted(), [*self.pairing.pairs, *self.saved]
        directions = facing(pairs, wanted.few) if wanted.spectral else frozenset()
        wanted = msgspec.structs.replace(wanted, directions=directions)
        if wanted.few or not self.comparable:  # factors of the latter still say which base they were taken from
            pairs = [pair for pair in pairs if pair.module.name in wanted.directions]
        return measure_weights(pairs, wanted, self.progress)

    @property
    def comparable(self) -> bool:
        """Whether B·A is what training changed, and not in part the base itself."""
        return not holds_part_of_base(self.adapter.provenance.init)

    @cached_property
    def fingerprint(self) -> Fingerprint | None:
        """The identity of the base by sampled blocks, and by all bytes if those were hashed before; None without a base.

        Raises:
            InputError: A file ends before its header says.
        """
        from loradiag.bases.fingerprint import fingerprint

        return fingerprint(self.base) if self.base is not None else None


def _paired(adapter: Adapter, base: Base) -> tuple[Adapter, Pairing]:
    from loradiag.analyzers.pairing import pair
    from loradiag.analyzers.widths import completed, lacking

    pairing = pair(adapter, base)
    return completed(adapter, pairing) if any(map(lacking, adapter.modules)) else (adapter, pairing)


class Analyzer(Protocol):
    """A function from an inspection to its part of the measurements; None where it has nothing to measure."""

    def __call__(self, inspection: Inspection) -> Measure | None:
        """Measure."""

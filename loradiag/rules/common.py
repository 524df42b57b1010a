"""What rules share: medians over modules, and words for where in a network some modules lie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from loradiag.core import starts
from loradiag.core.beside import RelativeModule
from loradiag.core.numbers import median as middle
from loradiag.core.rules import Evidence
from loradiag.core.text import listed, plural, printable, ranges
from loradiag.core.updates import ModuleScale, ModuleSpectrum


def holds_part_of_base(evidence: Evidence) -> bool:
    """Whether the factors as stored hold part of the base, so that their sizes and spectra say little of the training."""
    identity = evidence.measurements.identity
    return identity is not None and starts.holds_part_of_base(identity.init)


def live_spectra(evidence: Evidence, least_rank: int = 1) -> list[ModuleSpectrum]:
    """The modules whose update is finite and not zero, of at least the given rank."""
    spectrum = evidence.measurements.spectrum
    rows = spectrum.modules if spectrum else []
    return [row for row in rows if row.spectral_norm and row.rank >= least_rank]


def relative_rows(evidence: Evidence) -> list[RelativeModule]:
    """Updates that were measured beside their weights. Vectors, which rescale a weight, are not sized like updates."""
    relative, spectrum = evidence.measurements.relative, evidence.measurements.spectrum
    if relative is None or spectrum is None or holds_part_of_base(evidence):
        return []
    updates = {row.name for row in spectrum.modules}
    return [row for row in relative.modules if row.relative_frobenius is not None and row.name in updates]


def scales(evidence: Evidence) -> list[ModuleScale]:
    """Scale rows of all modules."""
    scale = evidence.measurements.scale
    return scale.modules if scale else []


def median(values: Iterable[float | None]) -> float | None:
    """Median of what is not None; None if nothing is left."""
    return middle(value for value in values if value is not None)


def median_share(rows: Sequence[ModuleSpectrum], measure: Callable[[ModuleSpectrum], float | None]) -> float | None:
    """Median over modules of a measure divided by the module's rank."""
    return median(None if (value := measure(row)) is None else value / row.rank for row in rows if row.rank)


def update_rms(evidence: Evidence) -> float | None:
    """Median over live modules of the root mean square entry of the update."""
    return median(row.update_rms for row in scales(evidence) if row.update_rms)


def where(rows: Iterable[object]) -> str:
    """Say in few words where rows with ``role``, ``layer`` and perhaps ``stack`` lie: ``attention.q in layers 0–11``."""
    by_role: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        stack = getattr(row, "stack", None)
        role = f"{stack}: {getattr(row, 'role', None)}" if stack else str(getattr(row, "role", None) or "other")
        layer = getattr(row, "layer", None)
        by_role[role].update(() if layer is None else (layer,))
    by_layers: dict[str, list[str]] = defaultdict(list)
    for role, layers in by_role.items():
        by_layers[ranges(layers)].append(printable(role))
    phrases = [
        f"{', '.join(roles)} in {'layer' if layers.isdigit() else 'layers'} {layers}" if layers else ", ".join(roles)
        for layers, roles in by_layers.items()
    ]
    return listed(phrases, 3)


def names(rows: Iterable[object]) -> list[str]:
    """Names of the modules that rows are about, once each, in order."""
    found = (getattr(row, "module", None) or getattr(row, "name", None) for row in rows)
    return list(dict.fromkeys(name for name in found if name))


def of_all(count: int, total: int, noun: str = "module") -> str:
    """``3 of 24 modules``, or ``all 24 modules``."""
    return f"all {plural(total, noun)}" if count == total else f"{count:,} of {plural(total, noun)}"

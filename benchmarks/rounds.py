"""Repeated, interleaved measurements and what they come to."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence

from benchmarks.processes import Sample


@dataclasses.dataclass(frozen=True, slots=True)
class Series:
    """All runs of one command, in the order in which they ran."""

    name: str
    samples: tuple[Sample, ...]

    @property
    def wall(self) -> float:
        """Median seconds on the clock."""
        return statistics.median(sample.wall for sample in self.samples)

    @property
    def best(self) -> float:
        """Least seconds on the clock: what noise can only add to."""
        return min(sample.wall for sample in self.samples)

    @property
    def spread(self) -> float:
        """Largest less smallest wall time, over the median."""
        walls = [sample.wall for sample in self.samples]
        return (max(walls) - min(walls)) / self.wall if self.wall else 0.0

    @property
    def cpu(self) -> float:
        """Median of user and system seconds."""
        return statistics.median(sample.cpu for sample in self.samples)

    @property
    def peak(self) -> float:
        """Largest peak, in MiB."""
        return max(sample.peak for sample in self.samples)


def interleave(runs: Mapping[str, Callable[[], Sample]], repeat: int) -> dict[str, Series]:
    """Run everything once, then everything again, so that a slow minute of the machine falls on all alike.

    A first round is not counted: it compiles modules and fills caches.
    """
    for run in runs.values():
        run()
    samples: dict[str, list[Sample]] = {name: [] for name in runs}
    for _ in range(repeat):
        for name, run in runs.items():
            samples[name].append(run())
    return {name: Series(name, tuple(found)) for name, found in samples.items()}


def per_module(full: Sequence[float], quarter: Sequence[float], empty: float) -> float:
    """Return (time a module of the full adapter) / (time a module of the quarter), less what an empty process takes.

    Args:
        full: Seconds and number of modules of the full adapter.
        quarter: The same of the smaller one.
        empty: Seconds for an adapter of hardly any modules.

    Returns:
        1 where time is linear in modules; 4 where it is quadratic and the quarter has a fourth of the modules.
    """
    return ((full[0] - empty) / full[1]) / ((quarter[0] - empty) / quarter[1])

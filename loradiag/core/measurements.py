"""What analyzers measure, its types in the files of their subjects. They are the wire format: readers rely on their fields.

Lengths and norms are in units of the weights themselves. ``None`` stands for "could not be measured"; NaN and
infinity never appear. A list called ``modules`` has one row a module, in the order of the adapter.
"""

from __future__ import annotations

from loradiag.core.beside import BaseFacts, Fit, Intruders, Relative
from loradiag.core.canary import Canary
from loradiag.core.comparing import Comparison
from loradiag.core.coverage import Coverage
from loradiag.core.drift import Drift
from loradiag.core.fleet import Fleet
from loradiag.core.forgetting import Forgetting
from loradiag.core.identity import Deployability, Identity, Provenance
from loradiag.core.integrity import Integrity
from loradiag.core.measure import Measure
from loradiag.core.merge import Merge
from loradiag.core.reach import Reach
from loradiag.core.registered import Registered
from loradiag.core.served import Served
from loradiag.core.trajectory import TrainingLog, Trajectory
from loradiag.core.updates import Scale, Spectrum, Vectors
from loradiag.core.watching import Watch


class Measurements(Measure, kw_only=True, frozen=True):
    """One key per analyzer that ran."""

    integrity: Integrity | None = None
    spectrum: Spectrum | None = None
    scale: Scale | None = None
    vectors: Vectors | None = None
    coverage: Coverage | None = None
    identity: Identity | None = None
    deployability: Deployability | None = None
    base: BaseFacts | None = None
    provenance: Provenance | None = None
    reach: Reach | None = None
    relative: Relative | None = None
    intruders: Intruders | None = None
    fit: Fit | None = None
    merge: Merge | None = None
    forgetting: Forgetting | None = None
    drift: Drift | None = None
    watch: Watch | None = None
    canary: Canary | None = None
    comparison: Comparison | None = None
    fleet: Fleet | None = None
    training_log: TrainingLog | None = None
    trajectory: Trajectory | None = None
    served: Served | None = None
    registered: Registered | None = None

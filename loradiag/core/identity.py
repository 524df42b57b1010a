"""Where an adapter comes from, what it was made from, and which tools take it.

Part of the wire format, as :mod:`loradiag.core.measurements`.
"""

from __future__ import annotations

from loradiag.core.measure import Measure


class Identity(Measure, kw_only=True, frozen=True):
    """Where the adapter says it comes from, and what it is stored as.

    ``base_kind`` is ``hub-id``, ``local-path`` or ``missing``. ``dtypes`` counts bytes by storage format.
    """

    base_name: str | None
    base_kind: str
    revision: str | None
    library_version: str | None
    task_type: str | None
    init: str | None
    weight_format: str
    weight_files: list[str]
    pickle_only: bool
    dtypes: dict[str, int]
    fan_in_fan_out: bool | None
    conv1d_targets: bool


class DeployTarget(Measure, kw_only=True, frozen=True):
    """Whether one tool takes the adapter as it is: ``yes``, ``with-flag``, ``no`` or ``unknown``, and why."""

    target: str
    version: str
    status: str
    reasons: list[str]


class Deployability(Measure, kw_only=True, frozen=True):
    """The deployability table."""

    targets: list[DeployTarget]


class Provenance(Measure, kw_only=True, frozen=True):
    """What the stamp beside the adapter says, and whether it still holds. ``problem``: why it could not be read.

    ``weights_match``: the adapter's weights are the stamped ones. ``base_match``: the base given is the stamped one, told
    by ``compared`` (``full`` or ``sampled`` fingerprint); None where no base is given. ``differing`` names the parts of the
    base that differ, out of ``parts``.
    """

    file: str
    problem: str | None
    created: str | None
    owner: str | None
    base_name: str | None
    base_revision: str | None
    base_fingerprint: str | None
    base_fingerprint_full: str | None
    data_sha256: str | None
    hyperparameters: dict[str, str]
    evaluation: dict[str, float]
    notes: str | None
    weights_match: bool | None
    base_match: bool | None
    compared: str | None
    differing: list[str]
    parts: int

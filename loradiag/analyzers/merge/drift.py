"""Merge drift: the weights along every route, and the outputs where there is text to measure them on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.keep import Kept
from loradiag.analyzers.merge.refusals import refused
from loradiag.analyzers.merge.room import check_weights_room
from loradiag.analyzers.merge.routes import ROUTES, Plan, bits, carrier
from loradiag.analyzers.merge.rows import route_row
from loradiag.analyzers.merge.training import trained_on
from loradiag.analyzers.merge.weights import Survival, survey
from loradiag.analyzers.pairing import Pair
from loradiag.bases.model import Base
from loradiag.core.merge import Merge, Route
from loradiag.texts.reading import Texts

Progress = Callable[[str, int, int], None]
"""Told the stage, the parts of it that are done, and their number."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure, and how.

    Attributes:
        plan: The routes.
        gate: Names of those that must keep the adapter; empty: that one does.
        trained_on: The precision of the base during training; None if it is to be told from names.
        prompts: Text for the outputs; None measures weights only.
        device: Where weights are folded and the model runs.
        compute: The type that the model computes in (see :data:`loradiag.models.loading.COMPUTE`); None: FP32 on a CPU,
            the base's 16 bits elsewhere.
        most_tokens: Tokens of a sequence at most.
        batch_tokens: Tokens of a batch at most, its padding included.
        trust_remote_code: Whether code that lies beside the base may run.
    """

    plan: Plan
    gate: Sequence[str] = ()
    trained_on: str | None = None
    prompts: Texts | None = None
    device: str = "cpu"
    compute: str | None = None
    most_tokens: int = 1024
    batch_tokens: int = 4096
    trust_remote_code: bool = False


def merge_drift(inspection: Inspection, wanted: Wanted, kept: Kept, progress: Progress) -> Merge:
    """Measure every route.

    Args:
        inspection: The adapter with its base.
        wanted: What to measure.
        kept: Finished work of an interrupted run; what is finished now is added.
        progress: See :class:`Progress`.

    Raises:
        InputError: A file ends before its header says, or the base cannot be run.
        MissingExtraError: torch or a quantizer is not installed.
        UsageError: There is too little memory.
    """
    base = inspection.base
    assert base is not None, "asked for without a base"
    held = carrier(base)
    aside = refused(inspection)
    names = {row.name for row in aside}
    comparable = [*inspection.pairing.pairs, *inspection.saved] if inspection.comparable else []
    pairs = [pair for pair in comparable if pair.module.name not in names]
    check_weights_room(pairs, wanted.plan, wanted.device)
    ready = None
    if wanted.prompts is not None and not aside:
        from loradiag.analyzers.merge.outputs import prepare, with_outputs

        ready = prepare(base, wanted.prompts, wanted, held)
    found = _survey(pairs, base, wanted, held, kept, progress)
    told = trained_on(inspection.adapter, base, wanted.plan, held, wanted.trained_on)
    routes = [
        route_row(route, found, wanted.plan, held, gated=route.name in wanted.gate) for route in wanted.plan.routes
    ]
    merge = Merge(
        trained_on=told.precision,
        trained_on_source=told.source,
        block_size=wanted.plan.settings.block_size,
        double_quantization=wanted.plan.settings.double,
        gate=list(wanted.gate),
        routes=[*routes, *_left_out(wanted.plan)],
        refused=aside,
    )
    if ready is None or any(row.reason is not None for row in found):  # without a part it is another adapter
        return merge
    return with_outputs(merge, inspection, pairs, wanted, held, ready, kept, progress)


def _survey(
    pairs: Sequence[Pair], base: Base, wanted: Wanted, held: str, kept: Kept, progress: Progress
) -> list[Survival]:
    before = kept.survivals()
    known = {
        pair.module.name: Survival(pair, *before[pair.module.name]) for pair in pairs if pair.module.name in before
    }
    missing = [pair for pair in pairs if pair.module.name not in known]

    def one(survival: Survival) -> None:
        known[survival.pair.module.name] = survival
        kept.keep_survival(survival.pair.module.name, survival.routes, survival.reason)
        progress("weights", len(known), len(pairs))

    survey(missing, base, wanted.plan, held, wanted.device, one)
    return [known[pair.module.name] for pair in pairs]


def _left_out(plan: Plan) -> list[Route]:
    return [
        Route(
            route=name,
            storage=ROUTES[name].storage,
            source=ROUTES[name].source,
            bits=bits(ROUTES[name].storage, plan.settings),
            summary=ROUTES[name].summary,
            status="not-applicable",
            reason=reason,
        )
        for name, reason in plan.left_out.items()
    ]

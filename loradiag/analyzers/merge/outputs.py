"""What routes do to a model's outputs: one load, weights exchanged, next-token distributions beside the reference's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from loradiag.adapters.model import Adapter
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.keep import Kept
from loradiag.analyzers.merge.places import extras_of, find_places
from loradiag.analyzers.merge.reference import BY_PEFT, unmerged
from loradiag.analyzers.merge.room import check_room
from loradiag.analyzers.merge.routes import ROUTES, Plan
from loradiag.analyzers.merge.statistics import summarise
from loradiag.analyzers.merge.swapping import Swapped, peaks, stored_type
from loradiag.analyzers.pairing import Pair
from loradiag.bases.model import Base
from loradiag.core.merge import Merge, Outputs, Peak, Route
from loradiag.linalg.formats import PLAIN
from loradiag.models.loading import COMPUTE, load_model, load_tokenizer
from loradiag.models.scoring import Tokens, compare, record
from loradiag.models.tokens import Sequences, batches, tokenized
from loradiag.texts.reading import Texts

if TYPE_CHECKING:
    from loradiag.analyzers.merge.drift import Progress, Wanted

_PEAKS = 8
"""Modules whose largest activation is reported, the largest first."""

CONTROL = "fp32"

_WEIGHTS_ONLY = "leave --prompts out to measure weights only"


class Ready(msgspec.Struct, frozen=True):
    """The text as the model will see it, and the type that it computes in, as torch calls it."""

    sequences: Sequences
    compute: str


def prepare(base: Base, texts: Texts, wanted: Wanted, held: str) -> Ready:
    """Do what can fail early: read the tokenizer, cut the text, and see whether there is room.

    Raises:
        InputError: The base has no tokenizer, or there is too little text.
        UsageError: There is too little memory.
    """
    compute = COMPUTE[wanted.compute or (CONTROL if wanted.device == "cpu" else held)]
    tokenizer = load_tokenizer(base, trust_remote_code=wanted.trust_remote_code)
    sequences = tokenized(texts, tokenizer, _longest(base, wanted.most_tokens))
    check_room(base, sequences, compute, wanted.device, wanted.batch_tokens)
    return Ready(sequences, compute)


def with_outputs(
    merge: Merge,
    inspection: Inspection,
    pairs: Sequence[Pair],
    wanted: Wanted,
    held: str,
    ready: Ready,
    kept: Kept,
    progress: Progress,
) -> Merge:
    """Measure the outputs of every route.

    Raises:
        InputError: The base or the adapter cannot be run.
        UsageError: A module has no place in the model.
    """
    texts, sequences, compute = wanted.prompts, ready.sequences, ready.compute
    assert texts is not None, "text was made ready"
    with tempfile.TemporaryDirectory(prefix="loradiag-") as scratch:
        swapped = _swapped(inspection, pairs, wanted, held, compute, Path(scratch))
        bench = _Bench(swapped, sequences, wanted, progress)
        told, reference, base_tokens = bench.reference(merge.trained_on, inspection.adapter)
        floor = bench.floor(merge.trained_on, wanted.plan) if told == BY_PEFT else 0.0
        rows = []
        for row in merge.routes:
            found: Mapping[str, Any] | None = kept.outputs(row.route) if row.status == "unfinished" else {}
            if found is None:
                found = bench.route(row.route, reference, base_tokens)
                kept.keep_outputs(row.route, found)
            rows.append(_filled(row, found))
    outputs = Outputs(
        prompts=str(texts.path),
        sha256=texts.sha256,
        field=texts.field,
        sequences=len(sequences.ids),
        tokens=sequences.predicted,
        truncated=sequences.truncated,
        device=wanted.device,
        compute=compute,
        reference=told,
        base_kld=_mean(base_tokens.kld),
        base_same_top1=_mean(base_tokens.same),
        floor=floor if floor is not None else next(row.kld_mean for row in rows if row.route == CONTROL),
        nll_base=_mean(base_tokens.nll),
        nll_reference=_mean(reference.nll),
    )
    return msgspec.structs.replace(merge, routes=rows, outputs=outputs)


class _Bench:
    """The model, the text, and the reference's logits while they are needed."""

    def __init__(self, swapped: Swapped, sequences: Sequences, wanted: Wanted, progress: Progress) -> None:
        self._swapped, self._device, self._progress = swapped, wanted.device, progress
        self._sequences = len(sequences.ids)
        self._batches = batches(sequences.ids, wanted.batch_tokens)
        self._logits: Any = None

    def reference(self, trained_on: str, adapter: Adapter) -> tuple[str, Tokens, Tokens]:
        """Run the adapter as it was trained, and the base without it: how the adapter ran, and both models' tokens."""
        self._swapped.put_base(trained_on)
        with unmerged(self._swapped, adapter, trained_on) as (model, told):
            self._logits, tokens = record(model, self._batches, self._device, self._told("reference"))
        self._swapped.put_base(trained_on)
        return told, tokens, self._compare("base")

    def floor(self, trained_on: str, plan: Plan) -> float | None:
        """Mean KLD of the exact fold into the base of training, by arithmetic alone; None where a route will tell it."""
        if trained_on in PLAIN and any(route.name == CONTROL for route in plan.routes):
            return None
        self._swapped.put_fold(ROUTES[trained_on])
        return _mean(self._compare("control").kld)

    def route(self, name: str, reference: Tokens, base: Tokens) -> Mapping[str, Any]:
        """Run a route."""
        route = ROUTES[name]
        self._swapped.put_route(route)
        if route.storage != "fp16":
            return summarise(self._compare(name), reference, base, self._sequences)
        with peaks(self._swapped.model) as found:
            summary = dict(summarise(self._compare(name), reference, base, self._sequences))
        largest = sorted(found.items(), key=lambda item: -item[1])[:_PEAKS]
        summary["peaks"] = [Peak(module=module, peak=min(peak, 1e300)) for module, peak in largest]
        return summary

    def _compare(self, name: str) -> Tokens:
        return compare(self._swapped.model, self._batches, self._logits, self._device, self._told(name))

    def _told(self, stage: str) -> Callable[[int, int], None]:
        return lambda done, total: self._progress(f"outputs: {stage}", done, total)


def _swapped(
    inspection: Inspection, pairs: Sequence[Pair], wanted: Wanted, held: str, compute: str, scratch: Path
) -> Swapped:
    from loradiag.models.plain import plain_checkpoint

    base = inspection.base
    assert base is not None
    folder = plain_checkpoint(base, scratch)
    model = load_model(folder, dtype=stored_type(base), trust_remote_code=wanted.trust_remote_code)
    places = find_places(model, pairs, inspection.pairing.renaming, _WEIGHTS_ONLY)
    extras = extras_of(inspection.adapter, model, inspection.pairing.renaming, _WEIGHTS_ONLY)
    return Swapped(model, base, pairs, places, extras, wanted.plan, carrier=held, device=wanted.device, compute=compute)


def _longest(base: Base, most: int) -> int:
    """Tokens of a sequence at most: no more than the model's own limit."""
    limit = base.setting("max_position_embeddings") or base.setting("n_positions")
    return min(most, limit) if isinstance(limit, int) and limit > 1 else most


def _filled(row: Route, found: Mapping[str, Any]) -> Route:
    kept = {**found, "peaks": msgspec.convert(found["peaks"], list[Peak])} if "peaks" in found else dict(found)
    return msgspec.structs.replace(row, **kept)


def _mean(values: Any) -> float | None:
    mean = float(values.mean())
    return mean if isfinite(mean) else None

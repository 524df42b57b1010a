"""What a policy's thresholds make of the answers of every adapter that is served."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from loradiag.core.served import BesideStatus, Isolation, Served, ServedBeside, ServedModel, ServedPair, Told

SERVES_BASE, NOT_ISOLATED, UNDECIDED, ALIKE = "LD414", "LD415", "LD417", "LD418"
"""The rules whose thresholds tell statuses."""

Thresholds = Mapping[str, Mapping[str, float]]
Limits = Mapping[str, float]


def settle(found: Served, thresholds: Thresholds) -> Served:
    """Give every model what its answers come to; what a policy does not select stays unjudged."""
    besides, loads, pairs = (thresholds.get(code) for code in (SERVES_BASE, NOT_ISOLATED, ALIKE))
    telling = thresholds.get(UNDECIDED, {}).get("telling", 1.0)
    models = sum(row.answering not in ("never", "empty") for row in (*found.bases, *found.adapters))

    def settled(row: ServedModel) -> ServedModel:
        if row.answering in ("never", "empty"):
            return msgspec.structs.replace(row, beside_status="unjudged", isolation="unjudged")
        beside = beside_status(row, found.logprobs, besides) if besides and row.beside else "unjudged"
        load = isolation(row, found, models, loads, telling) if loads and models > 1 else "unjudged"
        return msgspec.structs.replace(row, beside_status=beside, isolation=load)

    def judged(pair: ServedPair) -> ServedPair:
        return msgspec.structs.replace(
            pair, alike=bool(pairs) and is_same(pair.beside, found.logprobs, None, pairs or {})
        )

    return msgspec.structs.replace(
        found,
        bases=[settled(row) for row in found.bases],
        adapters=[settled(row) for row in found.adapters],
        pairs=[judged(pair) for pair in found.pairs],
    )


def told_of(row: ServedModel, limits: Limits) -> Told | None:
    """What the report says of the update, by the size from which a policy takes an update for live."""
    if row.told == "live" and row.told_size is not None and row.told_size < limits["live_size"]:
        return "weak"
    return row.told


def beside_status(row: ServedModel, logprobs: bool, limits: Limits) -> BesideStatus:
    """Whether an adapter answers as its base, and whether it should."""
    beside = row.beside
    if beside is None or not beside.n:
        return "undecided"
    told = told_of(row, limits)
    if beside.p is not None and beside.p <= limits["alpha"]:
        return "unlike-told" if told == "zero" else "differs"
    if told in ("zero", "weak"):
        return "as-told"
    return "same" if is_same(beside, logprobs, told, limits) else "undecided"


def is_same(beside: ServedBeside, logprobs: bool, told: Told | None, limits: Limits) -> bool:
    """Whether enough answers were the same to say that one model gave them all."""
    if beside.same + beside.ties < beside.n or (beside.p is not None and beside.p <= limits["alpha"]):
        return False
    if logprobs and beside.logprob_gap is not None:
        # A server that is far from repeating itself hides what an adapter does.
        return beside.n >= limits["prompts"] and (beside.logprob_noise or 0.0) <= limits["noise"]
    return beside.n >= limits["texts_told" if told == "live" else "texts"]


def isolation(row: ServedModel, found: Served, models: int, limits: Limits, telling: float) -> Isolation:
    """Whether others' load reaches an adapter's answers.

    Half of the level is for all models together, since it is the server that mixes up; half is shared out among them.
    """
    if not row.loaded or not row.n:
        return "undecided"
    together, each = limits["alpha"] / 2, limits["alpha"] / 2 / models
    steady = not row.changed_alone and not row.changed_own
    if steady and (row.taken_whole >= limits["taken"] or (found.logprobs and row.taken_whole)):
        return "mixed-up"
    if row.taken and (_rare(row.taken_p, each) or _rare(found.taken_p, together)):
        return "mixed-up"
    if row.changed_loaded and (_rare(row.p, each) or _rare(found.p, together)):
        return "changed"
    if row.taken and steady:
        return "suspect"
    return "isolated" if row.telling >= telling else "undecided"


def _rare(p: float | None, level: float) -> bool:
    return p is not None and p <= level

"""What a policy's thresholds make of two adapters beside each other: what they are to one another."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from loradiag.core.comparing import ComparedPair, Comparison, Relation

SAME, NEAR, RELATED = "LD516", "LD517", "LD521"
"""The rules whose thresholds tell relations: ``most_distance`` of the first two, their ``most_stored``, ``least_start`` and
``least_cosine``."""

PAIRWISE = frozenset({SAME, NEAR, RELATED, "LD518", "LD519", "LD615", "LD616", "LD617"})
"""Rules whose findings are each about one pair."""

Thresholds = Mapping[str, Mapping[str, float]]


def settle(found: Comparison, thresholds: Thresholds) -> Comparison:
    """Give every pair its relation."""
    pairs = [msgspec.structs.replace(pair, relation=relation_of(pair, thresholds)) for pair in found.pairs]
    return msgspec.structs.replace(found, pairs=pairs)


def relation_of(pair: ComparedPair, thresholds: Thresholds) -> Relation:
    """What two adapters are to one another, by the rules that the policy selects."""
    if not pair.compared or pair.distance is None:
        return "same" if pair.same_file else "not-compared"
    for code, relation in ((SAME, "same"), (NEAR, "near-duplicate")):
        limits = thresholds.get(code)
        if limits and pair.distance <= limits["most_distance"] and _whole(pair, limits["most_stored"]):
            return relation  # type: ignore[return-value]
    limits = thresholds.get(RELATED)
    if not limits:
        return "unjudged"
    if pair.right_excess is not None and pair.right_excess >= limits["least_start"]:
        return "one-start"
    return "alike" if pair.cosine is not None and pair.cosine >= limits["least_cosine"] else "unrelated"


def _whole(pair: ComparedPair, most_stored: float) -> bool:
    """Whether all was compared, of a part of which nothing follows, and layers that are stored whole are near enough."""
    apart = pair.only_a or pair.only_b or pair.misshapen or pair.uncompared or pair.stored_alone
    return not apart and (pair.stored_distance or 0.0) <= most_stored

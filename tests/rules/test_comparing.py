"""What rules make of adapters beside each other, case by case."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from loradiag.api.judging import default_policy, judged
from loradiag.core.comparing import ComparedPair, Comparison
from loradiag.core.findings import Finding
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Subject
from tests.rules.comparing import (
    ALIKE,
    APART,
    NEAR,
    NOTHING,
    SAME,
    SHAPES,
    START,
    adapter,
    comparison,
    module,
    pair,
    report,
)


def codes(found: Comparison) -> list[str]:
    """Codes of findings, once for each."""
    return [finding.code for finding in report(found).findings]


def relation(row: ComparedPair, **policy: Any) -> str:
    """What two adapters are to each other."""
    rules = msgspec.structs.replace(default_policy(), **policy)
    found = judged(Subject(path="x"), Measurements(comparison=comparison(row)), Accounting(), rules)
    assert found.measurements.comparison is not None
    return found.measurements.comparison.pairs[0].relation


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (SAME, "same"),
        (pair(same_file=True, **{**NOTHING, "compared": 0}), "same"),
        (NEAR, "near-duplicate"),
        (START, "one-start"),
        (ALIKE, "alike"),
        (pair(), "unrelated"),
        (APART, "not-compared"),
        (SHAPES, "not-compared"),
        (pair(distance=0.002, cosine=1.0, right_excess=1.0, only_a=3), "one-start"),
        (pair(distance=0.2, cosine=0.98, right_excess=0.99, misshapen=["x"]), "one-start"),
        (pair(distance=0.0, cosine=1.0, right_excess=1.0, uncompared=1), "one-start"),
        (pair(distance=0.9, cosine=1.0, right_excess=1.0, same_file=True), "one-start"),
    ],
)
def test_relations(row: ComparedPair, expected: str) -> None:
    """By distance, start and cosine; of a part of the modules nothing follows for the whole."""
    assert relation(row) == expected


def test_thresholds_tell_relations() -> None:
    """A policy may move them, or leave the rules out."""
    strict = {"LD521": {"least_start": 0.9, "least_cosine": 0.5}}
    assert relation(START, thresholds={**default_policy().thresholds, **strict}) == "unrelated"
    assert relation(START, select=["LD1"]) == "unjudged"
    assert relation(SAME, select=["LD521"]) == "one-start"


def test_strangers_are_no_finding() -> None:
    """Two adapters of one base with nothing in common pass without a word."""
    assert codes(comparison(pair())) == []
    assert report(comparison(pair())).verdict.status.value == "pass"


def test_bases_of_one_name_are_one() -> None:
    """A local copy keeps the last part of the name; another last part is another base."""
    two = [adapter("one", base="meta/Llama-3"), adapter("two", base="/models/llama-3/")]
    assert "LD518" not in codes(comparison(pair(), adapters=two))
    two = [adapter("one", base="meta/Llama-3"), adapter("two", base="mistral")]
    found = [finding for finding in report(comparison(pair(), adapters=two)).findings if finding.code == "LD518"]
    assert [finding.confidence.value for finding in found] == ["medium"]
    assert "LD518" not in codes(comparison(pair(), adapters=[adapter("one", base=None), adapter("two")]))


def test_nothing_in_common_is_inconclusive() -> None:
    """It cannot be known; other shapes are known to be wrong."""
    found = report(comparison(APART))
    assert (found.verdict.status.value, found.verdict.decided_by) == ("inconclusive", ["LD519"])
    assert codes(comparison(SHAPES)) == ["LD518"]


def test_those_that_are_one_do_not_collide() -> None:
    """Interference of an update with itself says nothing new."""
    assert "LD615" not in codes(comparison(SAME))
    assert "LD615" not in codes(comparison(NEAR))
    message = next(finding.message for finding in report(comparison(ALIKE)).findings if finding.code == "LD615")
    assert message == "one and two: 50% of the two meets in the same directions and adds up (cosine +0.40)"
    against = pair(interference=0.5, cosine=-0.4)
    assert "and cancels" in next(f.message for f in report(comparison(against)).findings if f.code == "LD615")


def test_every_pair_has_a_fingerprint_of_its_own() -> None:
    """So that CI tells a new pair from a known one."""
    rows = [pair(a, b, interference=0.6, cosine=0.5, right_excess=0.1) for a, b in ((0, 1), (0, 2), (1, 2))]
    found = [finding for finding in report(comparison(*rows)).findings if finding.code == "LD615"]
    assert len({finding.fingerprint for finding in found}) == 3


def test_starts_that_hold_the_base_are_warned_of() -> None:
    """PiSSA before conversion: what is compared is not what training changed."""
    two = [adapter("one", holds_part_of_base=True), adapter("two")]
    found = [finding for finding in report(comparison(pair(), adapters=two)).findings if finding.code == "LD520"]
    assert [(finding.severity.value, "part of the base" in finding.message) for finding in found] == [("warning", True)]


def told(row: ComparedPair) -> dict[str, Finding]:
    """Findings about two adapters, by code."""
    return {finding.code: finding for finding in report(comparison(row)).findings}


def test_what_both_store_whole_is_told_beside_the_update() -> None:
    """How far it lies apart, and how far it may; reports that do not hold it are judged as before."""
    stored = told(pair(distance=0.002, stored_by_both=["lm_head"], stored_distance=0.001))
    assert "what both store whole by 0.10% (at most 0.35%)" in stored["LD516"].message
    near = told(pair(distance=0.002, cosine=1.0, stored_by_both=["lm_head"], stored_distance=0.01))
    assert "LD516" not in near
    assert "what both store whole by 1.00% (at most 30.00%)" in near["LD517"].message
    for row in (pair(distance=0.002, stored_distance=0.5), pair(distance=0.002, stored_alone=1)):
        assert not {"LD516", "LD517"} & told(row).keys()
    old = told(pair(distance=0.002, stored_by_both=["lm_head"]))
    assert "store" not in old["LD516"].message


LIMITS = [
    # what changes, its value short of a threshold and at it, and what rules say then
    ({"interference": 0.249}, {"interference": 0.25}, ["LD615"]),
    ({"sign_conflict": 0.55}, {"sign_conflict": 0.551}, ["LD616"]),
    ({"right_excess": 0.349}, {"right_excess": 0.35}, ["LD521"]),
    ({"cosine": 0.0599}, {"cosine": 0.06}, ["LD521"]),
    ({"distance": 0.2501}, {"distance": 0.25}, ["LD517"]),
]


@pytest.mark.parametrize(("short", "at", "expected"), LIMITS, ids=[next(iter(row[1])) for row in LIMITS])
def test_where_rules_begin(short: dict[str, float], at: dict[str, float], expected: list[str]) -> None:
    """Just short of a threshold nothing is said, and at it one thing."""
    assert codes(comparison(pair(**short))) == []
    assert codes(comparison(pair(**at))) == expected


@pytest.mark.parametrize(("cosine", "word"), [(0.101, "adds up"), (0.1, "mixes"), (-0.1, "mixes"), (-0.101, "cancels")])
def test_what_meets_adds_up_or_cancels(cosine: float, word: str) -> None:
    """By the sign of the cosine, where it has one to speak of."""
    met = pair(interference=0.3, cosine=cosine)
    (message,) = [finding.message for finding in report(comparison(met)).findings if finding.code == "LD615"]
    assert word in message


def test_only_modules_that_meet_are_named() -> None:
    """Of those that meet most."""
    rows = [module("a", interference=0.25), module("b", interference=0.249), module("c", interference=0.9)]
    met = pair(interference=0.3, cosine=0.0, modules=rows)
    (finding,) = [row for row in report(comparison(met)).findings if row.code == "LD615"]
    assert finding.modules == ["c", "a"]


@pytest.mark.parametrize(("whose", "count"), [(["lm_head"], 1), (["score"], 0)])
def test_layers_collide_where_both_hold_them(whose: list[str], count: int) -> None:
    """And not where it is one and the same file."""
    both = [adapter("one", stored_whole=["lm_head"]), adapter("two", stored_whole=whose)]
    assert codes(comparison(pair(), adapters=both)).count("LD617") == count
    copies = [msgspec.structs.replace(row, sha256="the same") for row in both]
    assert "LD617" not in codes(comparison(pair(), adapters=copies))

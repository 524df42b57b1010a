"""Routes, judged: statuses, what the gate is about, and which route is recommended."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from loradiag.core.findings import Confidence, Disposition, Finding, Severity
from loradiag.core.judge import judge
from loradiag.core.measurements import Measurements
from loradiag.core.merge import Merge, Route
from loradiag.core.policy import PolicyFile, resolve
from loradiag.core.report import Accounting, Subject
from loradiag.core.routes import Judged, settle
from loradiag.core.rules import EVERY_ROUTE, Evidence, Match, Rule
from loradiag.core.verdict import Status

BITS = {"bf16": 16.0, "fp16": 16.0, "fp32": 32.0, "nf4": 4.1, "nf4-inplace": 4.1, "int8": 8.0}


def route(name: str, **fields: Any) -> Route:
    """One that was measured."""
    return Route(**{"route": name, "storage": name, "source": "original", "bits": BITS[name], "summary": "…"} | fields)


def merge(*routes: Route | str, gate: tuple[str, ...] = ()) -> Merge:
    """Several of them."""
    rows = [route(row) if isinstance(row, str) else row for row in routes]
    return Merge(
        trained_on="bf16",
        trained_on_source="given",
        block_size=64,
        double_quantization=True,
        gate=list(gate),
        routes=rows,
    )


def about(
    name: str | None, severity: Severity = Severity.ERROR, *, undecided: bool = False, ignored: bool = False
) -> Judged:
    """A finding about a route."""
    finding = Finding(
        code="LD602",
        rule="a-rule",
        severity=severity,
        confidence=Confidence.HIGH,
        modules=[],
        observed=None,
        threshold=None,
        message="…",
        advice="…",
        source="…",
        fingerprint="0" * 16,
        route=name,
        disposition=Disposition.IGNORED if ignored else Disposition.ACTIVE,
    )
    return Judged(finding, undecided)


def statuses(found: list[Judged], settled: Merge, floor: Severity = Severity.ERROR) -> dict[str, str]:
    """What is made of each route."""
    return {row.route: row.status for row in settle(found, settled, floor).merge.routes}


def severities(
    found: list[Judged], settled: Merge, floor: Severity = Severity.ERROR
) -> list[tuple[str | None, str, bool]]:
    """What each finding comes to: its route, its severity, and whether it leaves the question open."""
    rows = settle(found, settled, floor).findings
    return [(row.finding.route, row.finding.severity.value, row.undecided) for row in rows]


# --- statuses ---


def test_a_route_without_findings_passes() -> None:
    """Findings about others, and about no route, are none about it."""
    found = [about("nf4"), about(None)]
    assert statuses(found, merge("bf16", "nf4")) == {"bf16": "pass", "nf4": "fail"}


@pytest.mark.parametrize(
    ("severity", "floor", "status"),
    [
        (Severity.ERROR, Severity.ERROR, "fail"),
        (Severity.ERROR, Severity.WARNING, "fail"),
        (Severity.WARNING, Severity.ERROR, "pass"),
        (Severity.WARNING, Severity.WARNING, "fail"),
        (Severity.INFO, Severity.WARNING, "pass"),
        (Severity.INFO, Severity.INFO, "fail"),
    ],
)
def test_findings_below_the_floor_do_not_count(severity: Severity, floor: Severity, status: str) -> None:
    """Those at it do."""
    assert statuses([about("bf16", severity)], merge("bf16"), floor) == {"bf16": status}


def test_what_could_not_be_answered_is_inconclusive() -> None:
    """Unless something else fails."""
    open_question = about("bf16", Severity.INFO, undecided=True)
    assert statuses([open_question], merge("bf16")) == {"bf16": "inconclusive"}
    assert statuses([open_question, about("bf16")], merge("bf16")) == {"bf16": "fail"}


def test_ignored_findings_do_not_count() -> None:
    """Neither failing nor open ones."""
    found = [about("bf16", ignored=True), about("nf4", Severity.INFO, undecided=True, ignored=True)]
    assert statuses(found, merge("bf16", "nf4")) == {"bf16": "pass", "nf4": "pass"}


def test_findings_about_every_route() -> None:
    """Are about each, except those that were not measured."""
    absent = route("int8", status="not-applicable", reason="the base is stored in nf4")
    expected = {"bf16": "fail", "nf4": "fail", "int8": "not-applicable"}
    assert statuses([about(EVERY_ROUTE)], merge("bf16", "nf4", absent)) == expected


# --- the gate ---


def test_findings_about_routes_that_nobody_asked_for_are_notes() -> None:
    """They decide nothing, nor do they leave anything open."""
    found = [about("nf4"), about("fp16", Severity.INFO, undecided=True), about("bf16", Severity.WARNING)]
    assert severities(found, merge("bf16", "nf4", "fp16", gate=("bf16",))) == [
        ("nf4", "info", False),
        ("fp16", "info", False),
        ("bf16", "warning", False),
    ]


def test_findings_about_routes_that_were_asked_for_stay() -> None:
    """All of them, whether another passes or not."""
    found = [about("nf4"), about("int8", Severity.WARNING, undecided=True)]
    settled = merge("bf16", "nf4", "int8", gate=("bf16", "nf4", "int8"))
    assert severities(found, settled) == [("nf4", "error", False), ("int8", "warning", True)]


def test_without_a_gate_one_route_that_passes_is_enough() -> None:
    """All findings about routes are notes."""
    found = [about("nf4"), about("int8", Severity.WARNING, undecided=True)]
    assert severities(found, merge("bf16", "nf4", "int8")) == [("nf4", "info", False), ("int8", "info", False)]


def test_without_a_gate_and_a_pass_the_least_bad_routes_count() -> None:
    """An open question rather than a failure."""
    found = [about("nf4"), about("int8", Severity.INFO, undecided=True), about("bf16", Severity.INFO, undecided=True)]
    assert severities(found, merge("bf16", "nf4", "int8")) == [
        ("nf4", "info", False),
        ("int8", "info", True),
        ("bf16", "info", True),
    ]


def test_where_all_fail_all_count() -> None:
    """There is nothing to fall back on."""
    found = [about("nf4"), about("bf16")]
    assert severities(found, merge("bf16", "nf4")) == [("nf4", "error", False), ("bf16", "error", False)]


def test_routes_that_do_not_apply_are_no_way_out() -> None:
    """Nor do they keep the others from counting."""
    absent = route("bf16", status="not-applicable", reason="…")
    assert severities([about("nf4")], merge(absent, "nf4")) == [("nf4", "error", False)]
    assert severities([about("nf4")], merge(absent)) == [("nf4", "info", False)]


def test_findings_about_no_route_or_all_stay_what_they_are() -> None:
    """Whatever the gate."""
    found = [about(None), about(EVERY_ROUTE, Severity.WARNING, undecided=True)]
    for gate in ((), ("bf16",), ("nf4",)):
        expected = [(None, "error", False), (EVERY_ROUTE, "warning", True)]
        assert severities(found, merge("bf16", "nf4", gate=gate)) == expected


# --- the recommendation ---


def recommended(*routes: Route, found: list[Judged] | None = None, gate: tuple[str, ...] = ()) -> str | None:
    """The route that is named."""
    return settle(found or [], merge(*routes, gate=gate), Severity.ERROR).merge.recommended


def test_the_cheapest_that_passes_is_recommended() -> None:
    """Whether it was asked for or not, and however much the others keep."""
    rows = [route("fp32", effect_loss=0.0), route("bf16", effect_loss=0.0), route("int8", effect_loss=0.04)]
    assert recommended(*rows) == "int8"
    assert recommended(*rows, gate=("bf16",)) == "int8"
    assert recommended(*rows, found=[about("int8")]) == "bf16"
    assert recommended(*rows, found=[about("int8", Severity.INFO, undecided=True)]) == "bf16"
    assert recommended(*rows, found=[about(EVERY_ROUTE)]) is None


def test_a_route_that_a_rule_excused_comes_last() -> None:
    """It passes, with a warning, and is recommended where no other does; an ignored finding is none."""
    rows = [route("bf16"), route("nf4")]
    excused = msgspec.structs.replace(about("nf4", Severity.WARNING), eased=True)
    assert recommended(*rows, found=[excused]) == "bf16"
    assert recommended(*rows, found=[excused, about("bf16")]) == "nf4"
    assert recommended(*rows, found=[about("nf4", Severity.WARNING)]) == "nf4"
    ignored = msgspec.structs.replace(about("nf4", Severity.WARNING, ignored=True), eased=True)
    assert recommended(*rows, found=[ignored]) == "nf4"


def test_of_two_that_cost_the_same_the_one_that_loses_less() -> None:
    """By hundredths; what is nearer than that is the same, and then the first is taken."""
    pair = [route("nf4-inplace", effect_loss=0.05), route("nf4", effect_loss=0.03)]
    assert recommended(*pair) == "nf4"
    near = [route("fp16", effect_loss=0.0301), route("bf16", effect_loss=0.0299)]
    assert recommended(*near) == "fp16"
    assert recommended(*near[::-1]) == "bf16"


def test_without_outputs_the_gain_tells() -> None:
    """Too much is as bad as too little; where nothing is known all is lost."""
    assert recommended(route("fp16", gain=0.9), route("bf16", gain=1.0)) == "bf16"
    assert recommended(route("fp16", gain=1.2), route("bf16", gain=0.9)) == "bf16"
    assert recommended(route("fp16"), route("bf16", gain=0.5)) == "bf16"
    assert recommended(route("fp16", gain=1.0, effect_loss=0.5), route("bf16", gain=0.9)) == "bf16"


# --- in a judgement ---


def flagging(code: str, name: str, severity: Severity, *routes: str | None, undecided: bool = False) -> Rule:
    """A rule that says something of some routes."""

    def check(evidence: Evidence, limits: Any) -> list[Match]:
        return [Match(f"about {which}", route=which) for which in routes]

    return Rule(code, name, severity, Confidence.HIGH, "…", "…", (), undecided, check, "…")


def verdict(rules: list[Rule], judged: Merge, **policy: Any) -> tuple[Status, list[str], list[str]]:
    """Status, what decided it, and the codes of findings from the worst on."""
    settings = resolve(msgspec.convert(policy, PolicyFile), rules, "test")
    judgement = judge(Evidence(Subject(path="x"), Measurements(merge=judged), Accounting()), rules, settings)
    decided = judgement.verdict
    return decided.status, decided.decided_by, [f"{row.code} {row.severity.value}" for row in judgement.findings]


RULES = [
    flagging("LD601", "one-fails", Severity.ERROR, "nf4"),
    flagging("LD602", "one-is-worse", Severity.WARNING, "int8"),
    flagging("LD611", "one-is-open", Severity.INFO, "fp16", undecided=True),
]


def test_the_verdict_is_about_the_gate() -> None:
    """Only findings about its routes decide."""
    names = ("bf16", "nf4", "int8", "fp16")
    cases: dict[tuple[str, ...], tuple[Status, list[str]]] = {
        (): (Status.PASS, []),
        ("bf16",): (Status.PASS, []),
        ("nf4",): (Status.FAIL, ["LD601"]),
        ("bf16", "nf4"): (Status.FAIL, ["LD601"]),
        ("int8",): (Status.PASS, []),
        ("fp16",): (Status.INCONCLUSIVE, ["LD611"]),
    }
    for gate, expected in cases.items():
        assert verdict(RULES, merge(*names, gate=gate))[:2] == expected, gate


def test_a_stricter_policy_fails_more_routes() -> None:
    """Warnings are failures then, of the route and of the gate."""
    judged = merge("bf16", "int8", gate=("int8",))
    assert verdict(RULES, judged, **{"fail-on": "warning"})[:2] == (Status.FAIL, ["LD602"])
    assert verdict(RULES, judged, **{"fail-on": "never"})[0] is Status.PASS


def test_what_a_rule_excuses_and_what_a_policy_makes_mild() -> None:
    """A rule for errors that only warns of a route says so to the recommendation; a policy that calls it a warning does not."""

    def check(evidence: Evidence, limits: Any) -> list[Match]:
        return [Match("about nf4", route="nf4", severity=Severity.WARNING)]

    rules = [Rule("LD602", "a-rule", Severity.ERROR, Confidence.HIGH, "…", "…", (), False, check, "…")]
    evidence = Evidence(Subject(path="x"), Measurements(merge=merge("nf4", "bf16")), Accounting())

    def found(**policy: Any) -> str | None:
        judged = judge(evidence, rules, resolve(msgspec.convert(policy, PolicyFile), rules, "test")).measurements.merge
        assert judged is not None
        assert [row.status for row in judged.routes] == ["pass", "pass"]
        return judged.recommended

    assert found() == "bf16"
    assert found(severity={"LD602": "warning"}) == "nf4"


def test_a_gate_that_never_fails_still_tells_good_routes_from_bad() -> None:
    """Errors make a route fail, and it is not recommended."""
    settings = resolve(msgspec.convert({"fail-on": "never"}, PolicyFile), RULES, "test")
    evidence = Evidence(Subject(path="x"), Measurements(merge=merge("nf4", "bf16")), Accounting())
    found = judge(evidence, RULES, settings).measurements.merge
    assert found is not None
    assert ([row.status for row in found.routes], found.recommended) == (["fail", "pass"], "bf16")


def test_findings_that_are_ignored_let_a_route_pass() -> None:
    """With the reason that the policy gives."""
    ignore = [{"code": "LD601", "reason": "known"}]
    assert verdict(RULES, merge("nf4", gate=("nf4",)), ignore=ignore)[0] is Status.PASS


def test_findings_are_sorted_by_what_they_come_to() -> None:
    """Notes come last, whatever their rule's severity."""
    found = verdict(RULES, merge("bf16", "nf4", "int8", gate=("int8",)))[2]
    assert found == ["LD602 warning", "LD601 info", "LD611 info"]

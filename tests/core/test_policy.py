"""Policies: what is accepted, what is refused, and what it does to a verdict."""

from __future__ import annotations

import datetime

import pytest

from loradiag.core.errors import PolicyError
from loradiag.core.findings import Disposition, Severity
from loradiag.core.integrity import Integrity, Problem
from loradiag.core.judge import judge
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy, parse_policy, resolve
from loradiag.core.report import Accounting, Subject
from loradiag.core.rules import Evidence
from loradiag.core.text import printable
from loradiag.core.verdict import Status
from loradiag.rules import all_rules


def policy(text: str) -> Policy:
    """A resolved policy from TOML."""
    parsed = parse_policy(text.encode(), "test.toml")
    assert parsed is not None
    return resolve(parsed, all_rules(), "test.toml")


def dead(*names: str, of: int = 10) -> Evidence:
    """Evidence of some dead modules among others."""
    problems = [Problem(kind="zero-update", detail="B is zero", module=name, role="attention.q") for name in names]
    integrity = Integrity(
        modules=of, tensors=2 * of, zero_modules=len(names), has_config=True, config_expected=True, problems=problems
    )
    return Evidence(
        Subject(path="x", modules=of), Measurements(integrity=integrity), Accounting(total=2 * of, analysed=2 * of)
    )


def decide(
    text: str, evidence: Evidence, today: str = "2026-06-01"
) -> tuple[Status, list[tuple[str, Disposition, list[str]]], list[str]]:
    """Judge, and return what tests look at."""
    result = judge(evidence, all_rules(), policy(text), datetime.date.fromisoformat(today))
    rows = [(finding.code, finding.disposition, finding.modules) for finding in result.findings]
    return result.verdict.status, rows, result.policy.unused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fail_on = 'error'", "fail_on"),
        ("fail-on = 'sometimes'", "sometimes"),
        ("[thresholds.LD999]\nx = 1", "LD999"),
        ("[thresholds.LD201]\nmin_shar = 1", "min_share"),
        ("[thresholds.LD201]\nmin_share = 'half'", "thresholds"),
        ("[thresholds.LD201]\n'min_share.q_proj' = 0.5", "LD201 has no threshold 'min_share.q_proj'"),
        ("[thresholds.LD701]\n'alpha.hellaswag' = 0.5", "LD701 has no threshold 'alpha.hellaswag'"),
        ("[thresholds.LD201]\nmin_share = nan", "min_share = nan is no finite number"),
        ("[thresholds.LD701]\n'margin.task' = inf", "margin.task = inf is no finite number"),
        ("[[ignore]]\ncode = 'LD107'", "reason"),
        ("[[ignore]]\ncode = 'LD107'\nreason = 'x'\nmodule = 'y'", "module"),
        ("[[ignore]]\ncode = 'dead-module'\nreason = 'x'", "dead-modules"),
        ("select = ['XY']", "XY"),
        ("severity = {LD107 = 'fatal'}", "fatal"),
        ("= 3", "test.toml"),
    ],
)
def test_mistakes_are_refused_and_named(text: str, said: str) -> None:
    """Unknown keys, codes and thresholds, wrong types and broken TOML name the culprit, or the nearest right word."""
    with pytest.raises(PolicyError) as caught:
        policy(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_defaults_are_complete() -> None:
    """A resolved policy holds every threshold of every rule."""
    resolved = policy("")
    for rule in all_rules():
        assert {limit.name for limit in rule.thresholds} == resolved.thresholds.get(rule.code, {}).keys()


def test_ignoring_some_modules_judges_the_rest_anew() -> None:
    """The finding that stays names and counts only the modules that are not excused; the excused ones are kept."""
    text = "[[ignore]]\ncode = 'LD107'\nmodules = ['*.frozen']\nreason = 'on purpose'"
    status, rows, unused = decide(text, dead("a.frozen", "b.frozen", "c.broken"))
    assert status is Status.FAIL
    assert ("LD107", Disposition.ACTIVE, ["c.broken"]) in rows
    assert ("LD107", Disposition.IGNORED, ["a.frozen", "b.frozen"]) in rows
    assert unused == []


def test_ignoring_all_passes_and_keeps_the_finding() -> None:
    """With everything excused the verdict passes and the finding stays, with its reason."""
    text = "[[ignore]]\ncode = 'dead-modules'\nreason = 'on purpose'"
    result = judge(dead("a", "b"), all_rules(), policy(text), datetime.date(2026, 6, 1))
    assert result.verdict.status is Status.PASS
    kept = [finding for finding in result.findings if finding.code == "LD107"]
    assert [(finding.disposition, finding.reason) for finding in kept] == [(Disposition.IGNORED, "on purpose")]


def test_expired_and_unused_ignores_are_reported() -> None:
    """An ignore past its day no longer counts; one that matches nothing is named."""
    text = (
        "[[ignore]]\ncode = 'LD107'\nreason = 'until May'\nexpires = 2026-05-31\n"
        "[[ignore]]\ncode = 'LD105'\nreason = 'old story'\n"
    )
    status, _, unused = decide(text, dead("a"), "2026-06-01")
    assert status is Status.FAIL
    assert len(unused) == 2
    assert "expired on 2026-05-31" in unused[0]
    assert "old story" in unused[1]
    status, _, unused = decide(text, dead("a"), "2026-05-31")
    assert status is Status.PASS
    assert len(unused) == 1


def test_levels_selection_and_severity() -> None:
    """The fail level, the selection and overridden severities each change the verdict."""
    evidence = dead("a")
    assert decide("", evidence)[0] is Status.FAIL
    assert decide("fail-on = 'never'", evidence)[0] is Status.PASS
    assert decide("severity = {LD107 = 'warning'}", evidence)[0] is Status.PASS
    assert decide("severity = {LD107 = 'warning'}\nfail-on = 'warning'", evidence)[0] is Status.FAIL
    assert decide("select = ['LD2', 'LD105']", evidence)[0] is Status.PASS


def test_unsupported_parts_make_the_verdict_inconclusive() -> None:
    """What could not be analysed is never a quiet pass, and never hides a failure."""
    from loradiag.core.report import Unsupported

    parts = [Unsupported(tensor="t", reason="OFT is not analysed")]
    blank = Evidence(Subject(path="x"), dead(of=3).measurements, Accounting(total=1, unsupported=parts))
    assert decide("", blank)[0] is Status.INCONCLUSIVE
    both = Evidence(Subject(path="x"), dead("a").measurements, Accounting(total=1, unsupported=parts))
    assert decide("", both)[0] is Status.FAIL


def test_table_in_pyproject() -> None:
    """A named table is looked up; its absence is not an error."""
    assert parse_policy(b"[tool.other]\nx = 1", "p", ("tool", "loradiag")) is None
    found = parse_policy(b"[tool.loradiag]\nfail-on = 'warning'", "p", ("tool", "loradiag"))
    assert found is not None
    assert found.fail_on == "warning"


def test_severity_override_shows_in_the_finding() -> None:
    """Findings carry the severity that the policy gave them."""
    result = judge(dead("a"), all_rules(), policy("severity = {LD107 = 'info'}"))
    assert [finding.severity for finding in result.findings if finding.code == "LD107"] == [Severity.INFO]


@pytest.mark.parametrize(
    "text", [b"a = " + b"[" * 100_000, b'"\xff" = 1', b'"a\\u001b" = 1', b"[thresholds]\nLD205 = [[[1]]]"]
)
def test_hostile_policies_are_refused_in_one_line(text: bytes) -> None:
    """Nested beyond all reason, no UTF-8, names with controls: each is a mistake in a policy, and no fault of loradiag's."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "loradiag.toml")
    assert printable(str(caught.value)) == str(caught.value)


def test_a_pyproject_whose_tool_is_no_table() -> None:
    """It has no policy."""
    assert parse_policy(b"tool = 3", "pyproject.toml", ("tool", "loradiag")) is None

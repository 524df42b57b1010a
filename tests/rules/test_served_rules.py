"""What rules say of served adapters, and where they keep silent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from loradiag.api.judging import default_policy, judge
from loradiag.core.findings import Severity
from loradiag.core.policy import Ignore
from loradiag.core.served import Served
from tests.rules.served import ALIKE, MIXED, NEVER, OPEN, SILENT, beside, model, report, served, times


def codes(found: Served) -> list[str]:
    """The rules that speak."""
    return [finding.code for finding in report(found).findings]


def states(found: Served) -> dict[str, tuple[str, str]]:
    """Of each model what it is beside its base, and under load."""
    judged = report(found).measurements.served
    assert judged is not None
    return {row.name: (row.beside_status, row.isolation) for row in (*judged.bases, *judged.adapters)}


def test_what_is_served_as_itself_passes() -> None:
    """Nothing is said of it."""
    found = report(served(model("a"), model("b")))
    assert (found.verdict.status.value, found.findings) == ("pass", [])
    assert states(served())["a"] == ("differs", "isolated")


IDENTICAL: dict[str, Any] = {"same": 24, "p": 1.0}
BESIDE = {
    "logprobs too": (beside(**IDENTICAL, logprob_gap=0.0, logprob_noise=0.0), None, True, ["LD414"]),
    "logprobs differ": (beside(same=24, logprob_gap=0.02, logprob_noise=0.0, p=2e-4), None, True, []),
    "within noise": (beside(**IDENTICAL, logprob_gap=0.01, logprob_noise=0.01), None, True, ["LD414"]),
    "within much noise": (beside(**IDENTICAL, logprob_gap=0.1, logprob_noise=0.1), None, True, ["LD417"]),
    "ties": (beside(same=23, ties=1, p=0.4, logprob_gap=0.01, logprob_noise=0.01), None, True, ["LD414"]),
    "few prompts": (beside(n=4, same=4, p=1.0, logprob_gap=0.0, logprob_noise=0.0), None, True, ["LD417"]),
    "texts only": (beside(**IDENTICAL, logprob_gap=None, logprob_noise=None), None, False, ["LD417"]),
    "many texts": (beside(n=30, same=30, p=1.0, logprob_gap=None, logprob_noise=None), None, False, ["LD414"]),
    "texts, and the report": (beside(**IDENTICAL, logprob_gap=None, logprob_noise=None), "live", False, ["LD414"]),
    "as the report says": (beside(**IDENTICAL, logprob_gap=0.0, logprob_noise=0.0), "zero", True, []),
    "weak, and the same": (beside(**IDENTICAL, logprob_gap=0.0, logprob_noise=0.0), "weak", True, []),
    "weak, and another": (beside(), "weak", True, []),
    "zero, and another": (beside(), "zero", True, ["LD419"]),
    "a few others": (beside(same=22, p=0.03), None, True, ["LD417"]),
}


@pytest.mark.parametrize("case", BESIDE)
def test_whose_answers(case: str) -> None:
    """The base's, by texts and logprobs, and by what the report on the adapter foretells."""
    near, told, logprobs, expected = BESIDE[case]
    assert codes(served(model(beside=near, told=told), logprobs=logprobs)) == expected


def test_the_size_in_a_report_decides_what_is_live() -> None:
    """An update of 0.5% of the weights may leave all texts as they are; one of 10% does not."""
    texts = beside(**IDENTICAL, logprob_gap=None, logprob_noise=None)
    assert codes(served(model(beside=texts, told="live", told_size=0.005), logprobs=False)) == []
    found = report(served(model(beside=texts, told="live", told_size=0.1), logprobs=False)).findings
    assert [(row.code, row.confidence.value) for row in found] == [("LD414", "high")]
    assert "0.1 of ‖W‖" in found[0].message


LOADS = {
    "whole answers of another's": ({"taken": 2, "taken_whole": 2, "changed_loaded": 2}, False, "mixed-up"),
    "one, with logprobs": ({"taken": 1, "taken_whole": 1, "changed_loaded": 1}, True, "mixed-up"),
    "one, without": ({"taken": 1, "taken_whole": 1, "changed_loaded": 1}, False, "suspect"),
    "short ones": ({"taken": 3, "changed_loaded": 3, "taken_p": 0.125}, False, "suspect"),
    "many short ones": ({"taken": 12, "changed_loaded": 12, "taken_p": 2**-12}, False, "mixed-up"),
    "unsteady": ({"taken": 2, "taken_whole": 2, "changed_loaded": 4, "changed_own": 3, "p": 0.5}, False, "isolated"),
    "changed": ({"changed_loaded": 14, "more": 14, "p": 2**-14}, True, "changed"),
    "as unsteady as without others": ({"changed_loaded": 14, "changed_own": 13, "p": 0.5}, True, "isolated"),
    "nothing to tell by": ({"telling": 3}, True, "undecided"),
}


@pytest.mark.parametrize("case", LOADS)
def test_what_load_does(case: str) -> None:
    """Another's answers are evidence by themselves where answers are steady; else a test decides."""
    changes, logprobs, expected = LOADS[case]
    found = served(model(**changes), logprobs=logprobs)
    assert states(found)["a"][1] == expected
    spoken = {"mixed-up": ["LD415"], "changed": ["LD415"], "suspect": ["LD417"], "undecided": ["LD417"], "isolated": []}
    assert codes(found) == spoken[expected]


def test_changes_without_logprobs_are_a_warning() -> None:
    """Batches of several adapters may round otherwise."""
    found = report(served(model(changed_loaded=14, more=14, p=2**-14), logprobs=False)).findings
    assert [(row.severity, row.confidence.value) for row in found] == [(Severity.WARNING, "medium")]


def test_a_server_is_judged_as_a_whole_too() -> None:
    """Three adapters, none of them certain by itself."""
    unsteady = {"taken": 5, "changed_loaded": 6, "changed_own": 1, "taken_p": 2**-5}
    found = served(*(model(name, **unsteady) for name in "abc"), taken_p=2**-15)
    assert {state for name, (_, state) in states(found).items() if name != "base"} == {"mixed-up"}


def test_failures_are_weighed_by_their_share() -> None:
    """Two of 144 are a warning, thirty an error; nothing but empty answers is an error."""
    for failed, severity in ((2, Severity.WARNING), (30, Severity.ERROR)):
        row = model(answering="partly", failed=failed, failures={"timed out": failed})
        (found,) = report(served(row)).findings
        assert (found.code, found.severity) == ("LD413", severity)
        assert f"timed out ({failed}×)" in found.message
    (found,) = report(served(model(answering="empty", empty=144))).findings
    assert "all 144 answers are empty" in found.message


def test_what_never_answers_is_told_of_once() -> None:
    """Neither as undecided nor as the base."""
    assert codes(served(model(), NEVER)) == ["LD413"]


def test_a_switch_must_cost_time_that_people_notice() -> None:
    """Three times as long is nothing where it is 2 ms, and where the interval reaches below the threshold."""
    slow = times(6.0, 5.0, 7.0)
    assert codes(served(times=slow)) == ["LD416"]
    quick = msgspec.structs.replace(slow, stay=1.0, switch=6.0)
    assert codes(served(times=quick)) == []
    assert codes(served(times=times(6.0, 1.5, 20.0))) == []


def test_without_a_base_nothing_is_decided() -> None:
    """And what to do is said."""
    (found,) = report(served(model(base=None, beside=None), model("b", base=None, beside=None), bases=[])).findings
    assert (found.code, found.advice, found.modules) == ("LD417", "Name it: --base.", ["a", "b"])


def test_adapters_that_both_serve_the_base_are_no_pair() -> None:
    """They are told of one by one."""
    both = [msgspec.structs.replace(SILENT, name=name) for name in "ab"]
    assert codes(served(*both, pairs=[ALIKE])) == ["LD414", "LD414"]
    assert codes(served(model("a"), model("b"), pairs=[ALIKE])) == ["LD418"]
    texts = msgspec.structs.replace(ALIKE, beside=beside("b", **IDENTICAL, logprob_gap=None, logprob_noise=None))
    assert codes(served(model("a"), model("b"), pairs=[texts], logprobs=False)) == []


def test_a_policy_may_excuse_an_adapter_and_set_thresholds() -> None:
    """By its name; and a report of last year is judged by today's thresholds."""
    first = report(served(SILENT, MIXED, OPEN))
    policy = msgspec.structs.replace(default_policy(), ignore=[Ignore(code="LD414", reason="a copy", modules=["sil*"])])
    again = judge(first, policy)
    assert again.verdict.decided_by == ["LD415"]
    assert [row.reason for row in again.findings if row.code == "LD414"] == ["a copy"]
    assert again.policy.unused == []
    strict = default_policy()
    strict = msgspec.structs.replace(
        strict, thresholds={**strict.thresholds, "LD414": {**strict.thresholds["LD414"], "prompts": 4}}
    )
    names = [row.modules for row in judge(first, strict).findings if row.code == "LD414"]
    assert names == [["open"], ["silent"]]

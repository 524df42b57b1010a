"""Which findings end a run, and when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import loradiag
from loradiag.api.judging import default_policy
from loradiag.callbacks.stopping import AFTER_GRACE, AT_ONCE, decisive
from loradiag.core.policy import PolicyFile, resolve
from loradiag.core.report import Report
from loradiag.rules import RULES, all_rules
from tests.conftest import MakeAdapter, peft_arrays


def report(make_adapter: MakeAdapter, change: Any, policy: Any = None) -> Report:
    """The report of an adapter whose arrays were changed."""
    arrays = peft_arrays()
    for index, name in enumerate(arrays):
        change(index, name, arrays[name])
    return loradiag.inspect(make_adapter(arrays), policy=policy)


def untrained(index: int, name: str, array: Any) -> None:
    """As before the first step."""
    if "lora_B" in name:
        array[:] = 0


def half_dead(index: int, name: str, array: Any) -> None:
    """The first layers have not moved."""
    if "lora_B" in name and index < 4:
        array[:] = 0


def broken(index: int, name: str, array: Any) -> None:
    """One NaN."""
    if index == 1:
        array[0, 0] = np.nan


def blown_up(index: int, name: str, array: Any) -> None:
    """As large as no base's weights are, in one direction."""
    if "lora_B" in name:
        array[:] = 0.001 * array
        array[:, 0] += 40


def faint(index: int, name: str, array: Any) -> None:
    """Hardly begun: LD205, a warning."""
    if "lora_B" in name:
        array *= 1e-4


def test_all_rules_of_the_tables_exist() -> None:
    """And no rule is in both."""
    assert AT_ONCE.keys() | AFTER_GRACE.keys() <= RULES.keys()
    assert not AT_ONCE.keys() & AFTER_GRACE.keys()


@pytest.mark.parametrize(("change", "code"), [(broken, "LD105"), (blown_up, "LD206")])
def test_what_cannot_heal_ends_a_run_at_once(make_adapter: MakeAdapter, change: Any, code: str) -> None:
    """At its first step as at any other."""
    found = decisive(report(make_adapter, change), "error", steps=1, grace=100)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize(("change", "code"), [(untrained, "LD106"), (half_dead, "LD107")])
def test_zero_updates_are_given_time(make_adapter: MakeAdapter, change: Any, code: str) -> None:
    """Every run begins with them; after the grace they end it."""
    judged = report(make_adapter, change)
    assert code in {row.code for row in judged.findings}
    assert decisive(judged, "error", steps=99, grace=100) is None
    found = decisive(judged, "error", steps=100, grace=100)
    assert found is not None
    assert found.code == code


def test_what_was_decided_before_training_ends_nothing(make_adapter: MakeAdapter) -> None:
    """A missing base, a scale out of band and a small update are warnings of the report, and no reason to stop."""
    arrays = peft_arrays()
    for index, (name, array) in enumerate(arrays.items()):
        faint(index, name, array)
    judged = loradiag.inspect(make_adapter(arrays, base_model_name_or_path="", lora_alpha=1))
    warned = {row.code for row in judged.findings if row.severity == "warning"}
    assert warned >= {"LD501", "LD301", "LD205"}
    assert decisive(judged, "warning", steps=1000, grace=100) is None


def test_what_the_policy_ignores_ends_nothing(make_adapter: MakeAdapter) -> None:
    """An ignored finding is in the report, and does not count."""
    entry = {"code": "LD105", "reason": "known"}
    policy = resolve(_policy_file(ignore=[entry]), all_rules(), "test")
    judged = report(make_adapter, broken, policy)
    assert "LD105" in {row.code for row in judged.findings}
    assert decisive(judged, "error", 1, 100) is None


def test_the_policy_may_raise_a_rule_of_the_tables(make_adapter: MakeAdapter) -> None:
    """A severity in the policy counts as in every verdict."""
    policy = resolve(_policy_file(severity={"LD105": "warning"}), all_rules(), "test")
    judged = report(make_adapter, broken, policy)
    assert decisive(judged, "error", 1, 100) is None
    assert decisive(judged, "warning", 1, 100) is not None


def test_a_healthy_adapter_trains_on(make_adapter: MakeAdapter) -> None:
    """Nothing stops it."""
    assert decisive(loradiag.inspect(make_adapter(), policy=default_policy()), "warning", 1000, 0) is None


def _policy_file(**content: Any) -> PolicyFile:
    import msgspec

    return msgspec.convert(content, PolicyFile)

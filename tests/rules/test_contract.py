"""What holds for every rule."""

from __future__ import annotations

import importlib
import re

import pytest

from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Subject
from loradiag.core.rules import Evidence, Rule
from loradiag.rules import RULES, all_rules, find_rule
from loradiag.rules.documentation import as_markdown, as_text

EMPTY = Evidence(Subject(path="x"), Measurements(), Accounting())


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
class TestEveryRule:
    """One rule at a time."""

    def test_table_names_it_rightly(self, rule: Rule) -> None:
        """The table's code and name are the rule's own."""
        assert RULES[rule.code].summary == rule.name
        assert re.fullmatch(r"LD[1-9]\d\d", rule.code)
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", rule.name)

    def test_is_documented(self, rule: Rule) -> None:
        """One sentence, why it matters and what to do; a source, advice, and a source for every threshold."""
        assert re.fullmatch(r"[^\n]+\.|[^\n]+[.:] [^\n]+\.", rule.summary)
        assert "## Why it matters" in rule.documentation
        assert "## What to do" in rule.documentation
        assert rule.source
        assert rule.advice.rstrip(".")
        for threshold in rule.thresholds:
            assert threshold.description
            assert threshold.source

    def test_says_nothing_about_nothing(self, rule: Rule) -> None:
        """A rule has no opinion on what was not measured."""
        limits = {threshold.name: threshold.default for threshold in rule.thresholds}
        assert list(rule.check(EMPTY, limits)) == []

    def test_uses_every_threshold_that_it_declares(self, rule: Rule) -> None:
        """Each threshold's name occurs in the check's source."""
        import inspect

        code = inspect.getsource(rule.check).partition("-> Iterable[Match]:")[2]
        for threshold in rule.thresholds:
            assert f'limits["{threshold.name}"]' in code

    def test_can_be_found_and_shown(self, rule: Rule) -> None:
        """By code, by code in small letters, by name; as text and Markdown."""
        assert find_rule(rule.code.lower()) is rule
        assert find_rule(rule.name) is rule
        assert rule.code in as_text(rule)
        assert rule.code in as_markdown(rule)


def test_codes_and_names_are_unique() -> None:
    """No two rules share a code or a name."""
    rules = all_rules()
    assert len({rule.code for rule in rules}) == len({rule.name for rule in rules}) == len(rules)


def test_every_file_says_which_rules_it_has() -> None:
    """The first sentence of a family's file begins with its codes, one by one or from one to another."""
    held: dict[str, set[str]] = {}
    for code, entry in RULES.items():
        held.setdefault(entry.target.partition(":")[0], set()).add(code)
    for name, codes in held.items():
        words = (importlib.import_module(name).__doc__ or "").partition(": ")[0]
        told = re.findall(r"LD(\d+)(?: to LD(\d+))?", words)
        ranges = ((int(first), int(last or first)) for first, last in told)
        assert {f"LD{number}" for first, last in ranges for number in range(first, last + 1)} == codes, name


def test_every_rule_is_tested() -> None:
    """Every code is provoked by a case of test_rules.py."""
    from tests.rules.test_rules import PROVOKED

    assert set(PROVOKED) == {rule.code for rule in all_rules()}


def test_the_rule_page_is_up_to_date() -> None:
    """docs/rules.md is what the rules say. Regenerate: loradiag rule --format markdown > docs/rules.md."""
    from tests.conftest import ROOT

    assert (ROOT / "docs" / "rules.md").read_text() == "# Rules\n\n" + "\n".join(map(as_markdown, all_rules()))

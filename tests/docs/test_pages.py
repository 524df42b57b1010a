"""Every command, rule, measurement and analyzer has a page, and pages say what they must."""

from __future__ import annotations

import pytest
from making import commands, pages, reports, rules, site

import loradiag
from loradiag.analyzers import ANALYZERS
from loradiag.core.measurements import Measurements
from loradiag.rules import all_rules
from tests.conftest import ROOT

DOCS = ROOT / "docs"
MADE = site.made_pages()
ABOUT = pages.analyzers()


@pytest.mark.parametrize("page", commands.all_commands(), ids=lambda page: page.name)
def test_every_command_has_a_page(page: commands.Page) -> None:
    """It has the words of the help text, every option, and the exit codes."""
    text = MADE[f"commands/{page.address}"]
    assert text.startswith(f"# {page.name}\n")
    for param in page.command.params:
        if param.param_type_name == "option":
            assert all(f"`{name}`" in text for name in param.opts)
    assert "## Exit codes" in text


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_every_rule_has_a_page(rule: rules.Rule) -> None:
    """It says why it matters and what to do, names its thresholds, and where it is measured."""
    text = MADE[f"rules/{rule.code}.md"]
    assert text.startswith(f"# {rule.code} {rule.name}\n")
    assert "\n## Why it matters\n" in text
    assert all(f"`{threshold.name}`" in text for threshold in rule.thresholds)
    assert "How it is measured: [" in text, "no page below docs/analyzers names it under `rules:`"


@pytest.mark.parametrize("key", Measurements.__struct_fields__)
def test_every_measurement_has_a_page(key: str) -> None:
    """It has every field of its type, and the page about its analyzer."""
    text = MADE[f"report/{key}.md"]
    assert all(f"| `{field}` |" in text for field in reports.measurement(key).__struct_encode_fields__)
    assert "How it is measured: [" in text, "no page below docs/analyzers names it under `measurements:`"


def test_every_analyzer_is_measured_somewhere() -> None:
    """The names in the table of analyzers are keys of reports, so that each has a page."""
    assert set(ANALYZERS) <= set(Measurements.__struct_fields__)


@pytest.mark.parametrize("analyzer", ABOUT, ids=lambda analyzer: analyzer.file)
def test_pages_about_analyzers(analyzer: pages.Analyzer) -> None:
    """They say what is measured, the maths, what it costs and what it cannot tell, and of commands that exist."""
    text = (DOCS / "analyzers" / analyzer.file).read_text(encoding="utf-8")
    for part in ("What is measured", "The maths", "What it costs", "What it cannot tell"):
        assert f"\n## {part}\n" in text
    known = {" ".join(page.words) for page in commands.all_commands()}
    assert analyzer.commands
    assert set(analyzer.commands) <= known
    assert analyzer.measurements
    assert pages.rules_of(analyzer)
    assert f"({analyzer.file})" in (DOCS / "analyzers" / "index.md").read_text(encoding="utf-8")


def test_every_threshold_is_listed() -> None:
    """The page about policies has all of them, with their defaults."""
    text = site.filled((DOCS / "policy.md").read_text(encoding="utf-8"), "policy.md")
    for rule in all_rules():
        for threshold in rule.thresholds:
            assert f"[{rule.code}](rules/{rule.code}.md) | `{threshold.name}` | {threshold.default:g} |" in text


def test_every_public_name_is_listed() -> None:
    """The page about Python has every name of the package, and its examples."""
    text = MADE["python.md"]
    for name in loradiag.__all__:
        assert name.startswith("__") or f"\n## {name}\n" in text
    assert ">>> loradiag.fingerprint(" in text


def test_nothing_generated_lies_on_the_disk() -> None:
    """A page by hand would hide the generated one."""
    assert not [address for address in MADE if (DOCS / address).exists()]

"""Reports that somebody has changed: no text in any place is obeyed by what shows it, and none makes an output fail."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest

from loradiag.core.report import Report
from loradiag.outputs import FORMATS, renderer
from loradiag.outputs.style import Style
from tests.outputs import samples, test_canary, test_comparing, test_fleet, test_learning, test_registered, test_watch
from tests.outputs.samples import HOSTILE, assert_harmless
from tests.outputs.spoiling import misnumbered, spoiled
from tests.outputs.test_gitlab import issues_of
from tests.outputs.test_html import page
from tests.outputs.test_junit import suites
from tests.outputs.test_markdown import shape
from tests.outputs.test_sarif import run_of
from tests.outputs.test_served import FAULTY
from tests.rules import comparing, fleet, served

# What is hostile by hand tells nothing more, and some of it no report could hold.
_BY_KIND = {name: make for name, make in samples.CASES.items() if "hostile" not in name}
_OTHERS: dict[str, Callable[[], Report]] = {
    "canary": lambda: test_canary.report(test_canary.BACK),
    "comparison": lambda: comparing.report(test_comparing.five()),
    "fleet": lambda: fleet.report(test_fleet.mixed()),
    "registered": test_registered.report,
    "run": lambda: test_learning.hostile("step"),
    "served": lambda: served.report(FAULTY),
    "watch": lambda: test_watch.report(test_watch.ALARMED),
}


def sound(kind: str) -> Report:
    """A report of a kind."""
    return _OTHERS[kind]() if kind in _OTHERS else _BY_KIND[kind]()[0]


@cache
def changed(kind: str) -> Report:
    """A report of a kind in which every text is hostile."""
    return spoiled(sound(kind), HOSTILE)


_NOWHERE = re.compile(r' (?:[cr]?[xy][12]?|r|d|width|height|transform|style)="[^"]*(?:nan|inf)')
"""A coordinate that is no number."""

every_kind = pytest.mark.parametrize("kind", [*_BY_KIND, *_OTHERS])


@every_kind
@pytest.mark.parametrize("name", FORMATS)
def test_no_text_of_a_report_is_obeyed(name: str, kind: str) -> None:
    """In short and in full, alone and among others."""
    for style in (Style(), Style(verbose=True)):
        assert_harmless(name, renderer(name)([changed(kind)], style))
    assert_harmless(name, renderer(name)([changed(kind), *samples.healthy()], Style()))


@every_kind
@pytest.mark.parametrize("share", [1.0, 0.3, 0.03])
def test_no_number_makes_an_output_fail(kind: str, share: float) -> None:
    """Whatever a float may be: scales and axes hold it, and no drawing has a coordinate that is none."""
    made = misnumbered(sound(kind), seed=round(100 * share), share=share)
    for name in FORMATS:
        for style in (Style(), Style(verbose=True)):
            text = renderer(name)([made], style)
            assert name != "html" or not _NOWHERE.search(text)


@pytest.mark.parametrize("kind", ["healthy", "fleet", "traffic_both"])
def test_much_of_it_is_hostile(kind: str) -> None:
    """Or the others would say nothing: subject, keys of tables, findings and versions."""
    report = changed(kind)
    texts = (report.created, report.tool.version, report.subject.path, report.policy.source, report.findings[0].message)
    assert set(texts) == {HOSTILE}
    assert all(code.startswith(HOSTILE) for code in report.policy.thresholds)
    assert report.verdict.status in ("pass", "fail", "inconclusive")


@every_kind
@pytest.mark.parametrize("read", [page, shape, suites, run_of, issues_of], ids=lambda read: read.__module__)
def test_documents_stay_what_they_are(read: Callable[[list[Report]], object], kind: str) -> None:
    """What is read by a program is well formed, and of the structure that its standard has."""
    assert read([changed(kind)]) is not None

"""The HTML page: whole, self-contained, and of a size that a browser takes."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.core.report import Report
from loradiag.outputs.html import WHOLE, render
from loradiag.outputs.style import BESIDE_BASE, MEASURES, Style
from tests.outputs import forgetting_reports, merge_reports, samples, traffic_reports

VOID = {"meta", "input", "br", "hr", "wbr"}


class Page(HTMLParser):
    """Checks that tags nest, and collects attributes, ids and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        place = self.open[-1] if self.open else ""
        self.text[place] = self.text.get(place, "") + data

    def values(self, name: str) -> list[str]:
        """The values of all attributes of a name."""
        return [value for _, attribute, value in self.attributes if attribute == name]


def page(reports: list[Report], style: Style | None = None) -> Page:
    """Render and parse."""
    return Page(render(reports, style or Style()))


@pytest.mark.parametrize("make", samples.CASES.values(), ids=samples.CASES)
def test_tags_are_balanced_and_ids_unique(make: Callable[[], list[Report]]) -> None:
    """The page is well formed, every link within it leads somewhere, and nothing else is linked or loaded."""
    made = page(make())
    ids = made.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in made.values("href")} <= set(ids)
    assert not {"src", "srcset", "action", "style", "xlink:href", "background"} & {
        name for _, name, _ in made.attributes
    }
    assert not [name for _, name, _ in made.attributes if name.startswith("on")]
    assert made.tags.count("script") == 1
    assert made.tags.count("style") == 1
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & set(made.tags)


def test_style_and_script_load_nothing() -> None:
    """Neither the style nor the script names an address."""
    made = page(samples.healthy())
    for part in (made.text["style"], made.text["script"]):
        assert not re.search(r"https?:|//[a-z]|@import|url\(|fetch|XMLHttp|innerHTML|eval", part)


def test_content_security_policy_allows_this_style_and_script_only() -> None:
    """The policy forbids everything but what the hashes name, and the hashes are right."""
    made = page(samples.several())
    policy = next(value for value in made.values("content") if value.startswith("default-src"))
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; ")
    for part in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(made.text[part].encode()).digest()).decode()
        assert f"{part}-src 'sha256-{digest}'" in policy


@given(name=st.text(alphabet=st.sampled_from("<>&\"'/=`!-ax \n\x1b\u202e\ud800\uffff"), max_size=30))
@settings(deadline=None, max_examples=60)
def test_names_add_no_tags(name: str) -> None:
    """Whatever a name holds, the page has the same elements and attributes, and shows the name."""
    plain, tried = page(samples.hostile("plain")), page(samples.hostile(name))
    assert [tag for tag in plain.tags if tag != "wbr"] == [tag for tag in tried.tags if tag != "wbr"]
    assert [pair[:2] for pair in plain.attributes] == [pair[:2] for pair in tried.attributes]


@given(name=st.text(alphabet=st.sampled_from("<>&\"'/=`!-ax \n\x1b\u202e\ud800\uffff"), min_size=1, max_size=30))
@settings(deadline=None, max_examples=60)
def test_names_of_routes_add_no_tags(name: str) -> None:
    """Nor do reasons, summaries, stacks and files of prompts."""
    plain, tried = page(merge_reports.hostile("plain")), page(merge_reports.hostile(name))
    assert [tag for tag in plain.tags if tag != "wbr"] == [tag for tag in tried.tags if tag != "wbr"]
    assert [pair[:2] for pair in plain.attributes] == [pair[:2] for pair in tried.attributes]


@given(name=st.text(alphabet=st.sampled_from("<>&\"'/=`!-ax \n\x1b\u202e\ud800\uffff"), min_size=1, max_size=30))
@settings(deadline=None, max_examples=60)
def test_names_of_tasks_add_no_tags(name: str) -> None:
    """Nor do prompts, answers, metrics and paths."""
    plain, tried = page(forgetting_reports.hostile("plain")), page(forgetting_reports.hostile(f"x{name}x"))
    assert [tag for tag in plain.tags if tag != "wbr"] == [tag for tag in tried.tags if tag != "wbr"]


@given(name=st.text(alphabet=st.sampled_from("<>&\"'/=`!-ax \n\x1b\u202e\ud800\uffff"), min_size=1, max_size=30))
@settings(deadline=None, max_examples=60)
def test_names_of_requests_add_no_tags(name: str) -> None:
    """Nor do requests, their texts and routes, files of the lake and measures of answers."""
    plain, tried = page(traffic_reports.hostile("plain")), page(traffic_reports.hostile(f"x{name}x"))
    assert [tag for tag in plain.tags if tag != "wbr"] == [tag for tag in tried.tags if tag != "wbr"]


def test_heat_map_marks_dead_broken_and_absent_cells_apart() -> None:
    """Each has its own class and words; the chosen measure is the one switched on, and all are there."""
    text = render(samples.broken(), Style(measure="entropy_rank"))
    assert text.count('class="dead"') == text.count('class="broken"') == len(MEASURES) - len(BESIDE_BASE)
    assert 'class="absent"' in text
    assert "zero update" in text
    assert "not finite" in text
    assert re.search(r'class="m2" checked', text)
    for title in (title for measure, title in MEASURES.items() if measure not in BESIDE_BASE):
        assert f"<span>{title}</span>" in text


def test_curves_say_what_they_leave_out() -> None:
    """Modules that have no curve are counted in words."""
    text = render(samples.broken(), Style())
    assert "1 module not drawn: the update is zero." in text
    assert "1 module not drawn: the update is not finite or could not be measured." in text
    assert "4 modules not drawn" not in text
    assert "28 modules not drawn: the update is zero." in render(samples.dead(), Style())


def test_ignored_findings_stand_apart_with_their_reason() -> None:
    """They are counted and explained, and do not look active."""
    text = render(samples.broken(), Style())
    assert "1 ignored by the policy" in text
    assert re.search(r'class="finding ignored">.*?LD304.*?Ignored because: known', text)


def test_a_series_has_charts_and_a_section_for_each_checkpoint() -> None:
    """The overview links to each; what cannot be drawn is left out of the chart."""
    text = render(samples.series(), Style())
    made = Page(text)
    assert made.tags.count("figure") == 2
    assert {"r0", "r1", "r2"} <= set(made.values("id"))
    assert made.values("href").count("#r0") == 1  # a zero update has no median to draw
    assert made.values("href").count("#r2") == 3
    assert "figure" not in page(samples.several()).tags


def test_an_unreadable_adapter_says_why_and_what_to_do() -> None:
    """There is no spectrum to show, but a reason and a remedy."""
    text = render(samples.unreadable(), Style())
    assert "is cut short" in text
    assert "Fetch it again." in text
    assert "Singular values" not in text


def test_ten_thousand_modules_stay_light() -> None:
    """The page stays below 5 MB, draws a bounded number of curves and rows, and says that it does."""
    text = render(samples.experts(), Style())
    assert len(text.encode()) < 5_000_000
    assert "Showing the 120 worst of 10,240 modules" in text
    assert "The 400 worst of 10,240 modules" in text
    assert "The first 500 of 10,239 modules; the JSON report has all." in text
    assert text.count('class="line ') == 2 * 120


def test_many_reports_share_the_room() -> None:
    """A hundred adapters give a page that a browser still opens."""
    text = render([report for _ in range(25) for report in samples.several()], Style())
    assert len(text.encode()) < 8_000_000


def test_hundreds_of_reports_are_whole_where_it_matters() -> None:
    """Those that did not pass have all their sections, others their findings; the page says so, and stays quick to open."""
    sound, bad = samples.healthy(), samples.broken()
    reports = [sound[0]] * 300 + [*bad] + [sound[0]] * 199
    text = render(reports, Style())
    assert len(text.encode()) < 8_000_000
    assert f"Charts and tables are shown of {WHOLE}, those that did not pass first" in text
    parts = text.split('<details class="report"')[1:]
    assert len(parts) == len(reports)
    assert text.index('href="#r300"') < text.index('href="#r0"')
    whole = [index for index, part in enumerate(parts) if "Singular values" in part]
    assert len(whole) == WHOLE
    assert whole[-1] == 300
    assert all("<h3>Findings</h3>" in part for part in parts)
    assert all(
        "<h3>Findings</h3>" in part for part in render(reports[:3], Style()).split('<details class="report"')[1:]
    )


def test_the_policy_is_told_once_where_it_is_one() -> None:
    """Of many reports as of one; reports that were judged by different policies have their own."""
    reports = samples.several()
    alike = [msgspec.structs.replace(report, policy=reports[0].policy) for report in reports]
    assert render(alike, Style()).count("<h3>Policy</h3>") == 1
    other = msgspec.structs.replace(alike[0].policy, source="other.toml")
    apart = [*alike[1:], msgspec.structs.replace(alike[0], policy=other)]
    assert render(apart, Style()).count("<h3>Policy</h3>") == len(reports)
    assert render(apart[-1:], Style()).count("<h3>Policy</h3>") == 1

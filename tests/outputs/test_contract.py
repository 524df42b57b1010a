"""What every output promises, whatever the report."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loradiag
from loradiag.core.errors import UsageError
from loradiag.core.findings import Disposition
from loradiag.core.report import Report
from loradiag.outputs import FORMATS, format_of, renderer
from loradiag.outputs.style import MEASURES, Style
from tests.conftest import FIXTURES, SHARED
from tests.outputs import forgetting_reports, merge_reports, samples, traffic_reports
from tests.outputs.samples import MARKUP, RAW

VERBOSE = Style(verbose=True)
every_format = pytest.mark.parametrize("name", FORMATS)
every_case = pytest.mark.parametrize("make", samples.CASES.values(), ids=samples.CASES)


@every_format
@every_case
def test_renders_text_that_ends_its_last_line(name: str, make: Callable[[], list[Report]]) -> None:
    """Any report gives some text with a final line feed."""
    for style in (Style(), VERBOSE, Style(measure="spectral_norm", width=60)):
        assert renderer(name)(make(), style).endswith("\n")


@every_format
@every_case
def test_names_every_finding_that_counts(name: str, make: Callable[[], list[Report]]) -> None:
    """No output drops an active finding."""
    text = renderer(name)(make(), VERBOSE)
    for report in make():
        for finding in report.findings:
            assert finding.disposition is Disposition.IGNORED or finding.code in text


@every_format
@every_case
def test_shows_no_raw_control_characters(name: str, make: Callable[[], list[Report]]) -> None:
    """No escape sequence and no bidirectional override of a file gets through."""
    found = RAW.search(renderer(name)(make(), VERBOSE))
    assert found is None, found


@every_format
def test_is_deterministic(name: str) -> None:
    """The same report gives the same text."""
    assert renderer(name)(samples.several(), Style()) == renderer(name)(samples.several(), Style())
    assert renderer(name)(merge_reports.by_outputs(), VERBOSE) == renderer(name)(merge_reports.by_outputs(), VERBOSE)
    assert renderer(name)(forgetting_reports.grouped(), VERBOSE) == renderer(name)(
        forgetting_reports.grouped(), VERBOSE
    )
    assert renderer(name)(traffic_reports.month(), VERBOSE) == renderer(name)(traffic_reports.month(), VERBOSE)


@pytest.mark.parametrize("name", MARKUP)
def test_lets_no_script_through(name: str) -> None:
    """A tag in a name stays a name."""
    assert "<script>alert" not in renderer(name)(samples.hostile(), VERBOSE)
    assert "<script>alert" not in renderer(name)(merge_reports.hostile(samples.HOSTILE), VERBOSE)
    assert "<script>alert" not in renderer(name)(forgetting_reports.hostile(samples.HOSTILE), VERBOSE)
    assert "<script>alert" not in renderer(name)(traffic_reports.hostile(samples.HOSTILE), VERBOSE)


@every_format
@pytest.mark.parametrize("measure", MEASURES)
def test_takes_every_measure(name: str, measure: str) -> None:
    """Each measure that the command line offers can be shown."""
    assert renderer(name)(samples.broken(), Style(measure=measure))


@every_format
@given(name_of_module=st.text(max_size=40))
@settings(deadline=None, max_examples=25)
def test_any_name_renders(name: str, name_of_module: str) -> None:
    """No name breaks an output or gets a control character through it."""
    assert RAW.search(renderer(name)(samples.hostile(name_of_module), VERBOSE)) is None


@every_format
@given(said=st.text(max_size=40))
@settings(deadline=None, max_examples=10)
def test_any_answer_renders(name: str, said: str) -> None:
    """Names of tasks, prompts, answers and reasons are as untrusted as names of modules."""
    assert RAW.search(renderer(name)(forgetting_reports.hostile(said), VERBOSE)) is None


@every_format
@given(said=st.text(max_size=40))
@settings(deadline=None, max_examples=10)
def test_any_request_renders(name: str, said: str) -> None:
    """Numbers, texts and routes of requests, names of adapters, files and measures come from logs."""
    assert RAW.search(renderer(name)(traffic_reports.hostile(said), VERBOSE)) is None


@every_format
def test_three_hundred_windows_render(name: str) -> None:
    """In every format, in short and in full."""
    for style in (Style(), VERBOSE):
        text = renderer(name)(traffic_reports.crowd(), style)
        assert RAW.search(text) is None
        assert "LD801" in text


@every_format
@pytest.mark.parametrize("adapter", ["adapters/healthy", "adapters/untrained", "broken/nan", "broken/escape_name"])
def test_renders_real_inspections(name: str, adapter: str) -> None:
    """What an inspection of a fixture gives renders as well as what is made by hand."""
    if not (FIXTURES / adapter).exists():
        pytest.skip(f"fixtures/{adapter} has not been built")
    text = renderer(name)([loradiag.inspect(FIXTURES / adapter)], VERBOSE)
    assert RAW.search(text) is None


@every_format
@pytest.mark.shared
@pytest.mark.parametrize("adapter", ["wild/sd-lokr-r8", "zoo/adapters/math_traj", "zoo/adapters/med_ia3"])
def test_renders_public_adapters(name: str, adapter: str) -> None:
    """Adapters and series from elsewhere render."""
    if not (SHARED / adapter).exists():
        pytest.skip(f"{adapter} is not here")
    assert RAW.search(renderer(name)(list(loradiag.inspect_all(SHARED / adapter)), VERBOSE)) is None


def test_a_format_comes_from_a_file_name() -> None:
    """Endings name formats; an unknown one is an error that says what there is."""
    assert [format_of(name) for name in ("a.HTML", "b.md", "c.sarif", "d.xml", "e.json", "gl-code-quality-report.json")] == [
        "html", "markdown", "sarif", "junit", "json", "gitlab",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="cannot tell the format"):
        format_of("report.pdf")
    with pytest.raises(UsageError, match="no format is called"):
        renderer("pdf")

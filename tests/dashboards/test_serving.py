"""The page of what is served: canaries and endpoints, in reports of loradiag's own commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from loradiag_dashboard.views.canaries.before import courses_frame, of_pair
from loradiag_dashboard.views.canaries.margins import FAR, margins_frame
from loradiag_dashboard.views.canaries.sequences import path_frame
from loradiag_dashboard.views.endpoints.answers import in_turn
from loradiag_dashboard.views.endpoints.load import load_frame
from loradiag_dashboard.views.endpoints.times import times_frame

from loradiag.api import open_overview
from loradiag.core.report import Report
from tests.dashboards.conftest import Show
from tests.dashboards.putting import assert_harmless, charts, metrics, put, said, table_with
from tests.dashboards.serving import URL, canaries, checks
from tests.outputs import test_canary, test_served
from tests.outputs.samples import HOSTILE
from tests.rules.served import ALIKE, MIXED, NEVER, SILENT, model, served
from tests.rules.served import report as of_endpoint


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of a canary on three days, and of an endpoint on three days."""
    folder = tmp_path_factory.mktemp("serving")
    canaries(folder / "reports", folder / "lake")
    checks(folder / "reports")
    return folder / "reports"


def test_a_canary_as_its_report_has_it(show: Show, place: Path) -> None:
    """The decision, a row a metric, and a chart of every interval's way."""
    page = show("serving", reports=place)
    assert metrics(page)["Decision"] == "roll back"
    assert metrics(page)["Pairs"] == "450"
    words = said(page)
    assert "Roll back" in words.replace("\\", "")
    assert "LD815" in words
    table = table_with(page, "always-valid interval").set_index("metric")
    assert table.loc["latency", "status"] == ["✗ worse"]
    assert not any(str(cell).startswith(("=", "+", "-", "@")) for name in ("change", "margin") for cell in table[name])
    assert len(charts(page)) == 1 + 2 * len(table), (
        "margins, and for each metric its sequence and its course over reports"
    )


def test_intervals_are_told_in_margins(place: Path) -> None:
    """By the report's numbers; what is far stands at the border, and harm on both sides has a tick on the left."""
    overview = open_overview(place)
    [row] = [row for row in overview.rows if row.served == "next"]
    report = overview.report(row.newest["canary"])
    found = report.measurements.canary
    assert found is not None
    frame = margins_frame(found).set_index("metric")
    by_place = {row.metric: row for row in found.metrics}
    latency = by_place["latency"]
    assert latency.low is not None
    assert frame.loc["latency", "value"] == pytest.approx(min(latency.difference / latency.margin, FAR))
    assert frame.loc["latency", "low"] == pytest.approx(min(latency.low / latency.margin, FAR))
    assert frame.index[0] == "latency", "what is worse comes first"
    path = path_frame(latency)
    assert list(path["pairs"]) == [point.n for point in latency.path]
    assert list(path["high"]) == pytest.approx([100 * point.high for point in latency.path])


def test_the_course_over_reports(show: Show, place: Path) -> None:
    """Each report's own interval, oldest first; only of the same two adapters."""
    overview = open_overview(place)
    [row] = [row for row in overview.rows if row.served == "next"]
    cards = of_pair(row, row.newest["canary"])
    assert [card.file for card in cards] == [f"canary-{day}.json" for day in range(3)]
    frame = courses_frame(cards)
    latency = frame[frame["name"] == "latency"]
    assert list(latency["pairs"]) == [150, 300, 450]
    wanted = []
    for card in cards:
        found = overview.report(card).measurements.canary
        assert found is not None
        metric = next(one for one in found.metrics if one.metric == "latency")
        wanted.append(min(metric.difference / metric.margin, FAR))
    assert list(latency["value"]) == pytest.approx(wanted)
    assert wanted == sorted(wanted), "it becomes slower day by day"
    decisions = table_with(show("serving", reports=place), "decision")
    assert decisions["decision"].iloc[0] == "roll back"


def test_an_endpoint_as_its_report_has_it(show: Show, place: Path) -> None:
    """The newest report: who was mixed up, whose answers they are, and a row a name."""
    page = show("serving", reports=place, of="endpoint")
    table = table_with(page, "under load").set_index("name")
    assert set(table.index) == {"a", "b", "c", "base"}
    assert (table["under load"] == "✗ mixed up with others").any()
    words = said(page)
    assert "Do not send traffic" in words
    assert "says\\]" in words or " says]" in words, "whose answer it is"
    assert "LD415" in words
    assert page.selectbox(key="kept-endpoint").value == URL


def test_a_report_of_the_address(show: Show, place: Path) -> None:
    """The second day's: one name serves the base. Its history has all three days."""
    page = show("serving", reports=place, of="endpoint", endpoint=URL, report="served-1.json#0")
    table = table_with(page, "beside its base").set_index("name")
    assert table.loc["b", "beside its base"] == "✗ serves the base"
    assert table.loc["a", "beside its base"] == "✓ not the base"
    assert table.index[0] == "b", "the gravest first"
    history = table_with(page, "verdict")
    assert len(history) == 9
    assert list(history[history["adapter"] == "b"]["verdict"])[:2] == ["✓ pass", "✗ fail"]


def test_who_is_served_badly_fails_in_the_fleet(show: Show, place: Path) -> None:
    """By name, with the word of the check; the adapter's page leads to the report."""
    page = show("fleet", reports=place)
    table = table_with(page, "served").set_index("adapter")
    assert "✗ mixed up with others" in set(table["served"])
    assert table.loc["next", "canary"] == "✗ roll back"
    rows = {row.name: row for row in open_overview(place).rows}
    bad = next(row for row in rows.values() if row.state == "fail" and "served" in row.newest)
    page = show("adapter", reports=place, adapter=bad.key)
    assert "Only its traffic is known" in said(page)
    assert list(table_with(page, "kind")["kind"]) == ["serve-check"] * 3


def test_frames_of_answers_and_times(place: Path) -> None:
    """Shares and medians are the report's; each adapter's first changed answer comes before any second one."""
    overview = open_overview(place)
    card = next(card for card in overview.cards if card.file == "served-2.json" and card.row < 0)
    found = overview.report(card).measurements.served
    assert found is not None
    shares = load_frame(found.adapters).set_index(["adapter", "kind"])["share"]
    for row in found.adapters:
        name = next(one for one in shares.index.levels[0] if one.endswith(f" {row.name}"))
        assert shares[name, "among others"] == pytest.approx(row.changed_loaded / row.loaded)
        assert shares[name, "another's answer"] == pytest.approx(row.taken / row.telling)
    times = times_frame(found.adapters)
    assert sorted(times["median"]) == pytest.approx(
        sorted(value for row in found.adapters if row.times for value in (row.times.stay, row.times.switch) if value)
    )
    order = [row.name for row, _ in in_turn(found)]
    several = [row.name for row in found.adapters if row.examples]
    assert sorted(order[: len(several)]) == sorted(several)


@pytest.mark.parametrize(
    "made",
    [*(test_canary.report(state) for state in test_canary.STATES.values())],
    ids=list(test_canary.STATES),
)
def test_every_state_of_a_canary(show: Show, tmp_path: Path, made: Report) -> None:
    """Is drawn, alone and beside another report of the same two; what is hostile stays text."""
    put(tmp_path, made, made.subject.path, created="2026-01-01T00:00:00Z")
    put(tmp_path, made, made.subject.path, created="2026-01-02T00:00:00Z")
    assert_harmless(show("serving", reports=tmp_path))


@pytest.mark.parametrize("state", list(test_served.STATES))
def test_every_state_of_an_endpoint(show: Show, tmp_path: Path, state: str) -> None:
    """The same; texts of answers are no Markdown either."""
    made = of_endpoint(test_served.STATES[state])
    put(tmp_path, made, made.subject.path, created="2026-01-01T00:00:00Z")
    put(tmp_path, made, made.subject.path, created="2026-01-02T00:00:00Z")
    page = show("serving", reports=tmp_path, of="endpoint")
    assert_harmless(page)
    assert_harmless(show("fleet", reports=tmp_path))
    if state == "strange":
        assert HOSTILE[5:13] in said(page)


def test_alone_or_together_there_is_something_to_read(show: Show, tmp_path: Path) -> None:
    """Without any report: what to run; with reports of endpoints alone these come first."""
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "drift canary OLD NEW" in said(show("serving", reports=empty))
    assert "serve-check http" in said(show("serving", reports=empty, of="endpoint"))
    put(tmp_path / "one", of_endpoint(served(model(), SILENT, MIXED, NEVER, pairs=[ALIKE])), URL)
    page = show("serving", reports=tmp_path / "one")
    assert metrics(page)["As themselves"] == "1 of 4"


def test_many_adapters_behind_one_endpoint(show: Show, tmp_path: Path) -> None:
    """Charts have some, the table all, and the gravest is in each."""
    many = [model(f"adapter-{number}") for number in range(300)]
    for day in (1, 2):
        put(tmp_path, of_endpoint(served(*many, MIXED)), URL, created=f"2026-01-0{day}T00:00:00Z")
    page = show("serving", reports=tmp_path, of="endpoint")
    table = table_with(page, "under load")
    assert len(table) == 302
    assert table["name"].iloc[0] == "mixed"
    drawn = [told for told in charts(page) if "among others" in told]
    assert "mixed" in drawn[0]
    assert "adapter-299" not in drawn[0]

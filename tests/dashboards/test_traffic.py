"""The page about traffic: what it says of drift, and that it shows the numbers of watch, lake and checks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis.strategies import SearchStrategy, integers
from loradiag_dashboard.course.panels import DAY, HOUR, Span
from loradiag_dashboard.source import overview
from streamlit.testing.v1 import AppTest

from loradiag.api import open_overview, watch_days
from loradiag.core.drift import Drift
from loradiag.core.report import Report
from tests.dashboards.conftest import Show
from tests.dashboards.putting import put, said, table_with
from tests.outputs import traffic_parts, traffic_reports
from tests.outputs.building import integrity
from tests.outputs.building import report as built
from tests.outputs.samples import HOSTILE, RAW
from tests.watching.making import watcher, write, write_baseline

TITLES = (
    "Requests, by day",
    "Share of requests unlike the baseline",
    "Evidence of drift, as an e-value",
    "Mix of topics",
)


def times(first: int, last: int) -> SearchStrategy[float]:
    """Moments between two years, in whole milliseconds since 1970."""
    ends = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (first, last))
    return integers(*(int(1000 * end) for end in ends)).map(float)


def facts(page: AppTest) -> list[str]:
    """What the five boxes at the top say."""
    return [element.value for element in page.subheader[:5]]


def columns_of(page: AppTest, *names: str) -> Any:
    """The first table that has all of some columns."""
    return next(table.value for table in page.dataframe if set(names) <= set(table.value.columns))


def specifications(page: AppTest) -> list[str]:
    """How charts are drawn."""
    found = [chart.proto.spec for chart in page.get("vega_lite_chart")]
    assert found
    return found


def drawn(page: AppTest) -> str:
    """What charts are drawn of: Arrow holds texts as they are."""
    return "".join(str(data.data.data) for chart in page.get("vega_lite_chart") for data in chart.proto.datasets)


def checked(report: Report) -> Drift:
    """What a report found of traffic."""
    assert report.measurements.drift is not None
    return report.measurements.drift


@pytest.mark.models
def test_drift_is_told_at_first(show: Show, made: Path) -> None:
    """Whether, since when, how much, and to what: of grammar, whose users ask for chants."""
    found = open_overview(made / "reports", made / "lake")
    row = next(row for row in found.rows if row.served == "grammar")
    assert row.watch is not None
    drift = checked(found.report(row.newest["drift"]))
    page = show("traffic", reports=made / "reports", traffic=made / "lake", adapter=row.key)
    state, since, share, belongs, volume = facts(page)
    assert state.endswith("Drifted")
    drifted = [window.start for window in drift.windows if window.status == "novel"]
    assert since.replace("\\", "") == (drifted[0] or "")[:10]
    recent = next(signal.recent for signal in row.watch.signals if signal.signal == "novelty")
    assert share == f"{recent:.0%}".replace("%", "\\%")
    assert belongs == "chant"
    assert row.requests is not None
    assert volume == f"{row.requests.recent:,}"
    assert all(f"**{title}**" in said(page) for title in TITLES)


@pytest.mark.models
def test_numbers_are_those_of_watch_and_lake(show: Show, made: Path) -> None:
    """Shares with their intervals and e-values are the watch's, day by day; requests and perplexity are the lake's."""
    found = open_overview(made / "reports", made / "lake")
    row = next(row for row in found.rows if row.served == "ledger")
    page = show("traffic", reports=made / "reports", traffic=made / "lake", adapter=row.key)
    days = watch_days(made / "lake", adapter="ledger")
    shares = columns_of(page, "novel share")
    assert list(zip(shares["when"], shares["counted"], shares["novel"], strict=True)) == [
        (day.day, day.counted, day.novel) for day in days
    ]
    assert list(shares["95% high"]) == pytest.approx([day.novelty_high for day in days])
    thin = {day.day for day in days if day.counted < checked(found.report(row.newest["drift"])).floor}
    assert set(shares[shares["which is"] == "too few requests to judge"]["when"]) == thin != set()
    evidence = columns_of(page, "e-value", "beginning")
    assert list(evidence["e-value"]) == [day.e_value for day in days]
    assert sorted(set(evidence["beginning"])) == sorted({day.slot for day in days})
    mix = columns_of(page, "topic", "share", "day")
    assert mix[mix["day"] == days[-1].day]["share"].sum() == pytest.approx(1.0)
    lake = [one for one in found.traffic_by_day().to_pylist() if one["adapter"] == "ledger"]
    lake.sort(key=lambda one: one["date"])
    assert list(columns_of(page, "perplexity", "perplexity_low")["perplexity"]) == [one["perplexity"] for one in lake]
    volume = columns_of(page, "day", "requests", "failed")
    assert [*zip(volume["day"], volume["requests"], strict=True)] == [
        (str(one["date"]), one["requests"]) for one in lake
    ]


@pytest.mark.models
def test_the_range_and_choices_are_in_the_address(show: Show, made: Path) -> None:
    """Three days are shown by the hour; signals and measures are drawn that the address names."""
    row = next(row for row in open_overview(made / "reports", made / "lake").rows if row.served == "ledger")
    page = show(
        "traffic", reports=made / "reports", traffic=made / "lake", adapter=row.key, range="3 days", measures="latency",
        signals="novel requests",
    )  # fmt: skip
    days = watch_days(made / "lake", adapter="ledger")[-3:]
    hours = columns_of(page, "hour", "requests")
    assert hours["requests"].sum() == sum(day.requests for day in days)
    assert len(columns_of(page, "novel share")) == 3
    assert {*columns_of(page, "signal", "e-value")["signal"]} == {"all signals together", "novel requests"}
    assert len(columns_of(page, "median", "95th percentile")) == 3
    seven = show("traffic", reports=made / "reports", traffic=made / "lake", adapter=row.key, range="7 days")
    assert len(columns_of(seven, "novel share")) == 7


@pytest.mark.models
def test_all_panels_have_one_axis(show: Show, made: Path) -> None:
    """The same days at the same places: domains, and the width of what stands left of them, are alike."""
    row = next(row for row in open_overview(made / "reports", made / "lake").rows if row.served == "ledger")
    page = show("traffic", reports=made / "reports", traffic=made / "lake", adapter=row.key, measures="tokens")
    domains, widths = set(), set()
    for spec in map(json.loads, specifications(page)):
        for layer in spec.get("layer", []):
            x, y = (layer.get("encoding", {}).get(name, {}) for name in ("x", "y"))
            if x.get("scale", {}).get("type") == "utc":
                domains.add(tuple(x["scale"]["domain"]))
                if "axis" in y:
                    widths.add((y["axis"]["minExtent"], y["axis"]["maxExtent"]))
    assert len(domains) == len(widths) == 1


def test_a_check_is_enough(show: Show, tmp_path: Path) -> None:
    """Without lake and watch: its windows over time, its budget, map, novel requests by groups, topics, answers, coverage."""
    (report,) = traffic_reports.month()
    found = checked(report)
    put(tmp_path / "reports", report, "ledger")
    page = show("traffic", reports=tmp_path / "reports")
    shares = columns_of(page, "novel share")
    assert list(shares["novel share"].dropna()) == [
        row.novelty_share for row in found.windows if row.novelty_share is not None
    ]
    few = shares[shares["which is"] == "too few requests to judge"]
    assert len(few) == sum(row.status == "insufficient" for row in found.windows) == 2
    assert facts(page)[1].replace("\\", "") == traffic_parts.day(20)[:10]
    assert facts(page)[3] == "chant"
    assert "5% expected" in drawn(page)
    answers = table_with(page, "status")
    assert answers["measure"][0] == "perplexity of generated tokens"
    assert "moved" in answers["status"][0]
    coverage = table_with(page, "count").set_index("requests")
    assert coverage.loc["embedded: can be judged", "count"] == found.attribution.embedded
    assert coverage.loc["embedded: can be judged", "share"] == pytest.approx(7228 / 7240)
    assert "loradiag drift watch" in said(page)
    assert "No map" in said(page)


def test_novel_requests_are_grouped(show: Show, tmp_path: Path) -> None:
    """Cards of the groups with texts and what is nearest; flawed files are named; the map has all points that are drawn."""
    (report,) = traffic_reports.both()
    found = checked(report)
    put(tmp_path / "reports", report, "ledger")
    page = show("traffic", reports=tmp_path / "reports")
    rows = found.windows[0].exemplars
    table = table_with(page, "nearest text")
    assert list(table["cosine"]) == [row.cosine for row in sorted(rows, key=lambda row: (row.group, row.cosine))]
    assert [text.value for text in page.text] == [traffic_parts.TEXTS[index % 3] for index in (0, 3, 6)]
    assert found.map is not None
    points = columns_of(page, "x", "y", "which is")
    assert len(points) == len(found.map.references) + len(found.map.requests)
    assert (points["which is"] == "novel request").sum() == found.map.novel_total
    assert table_with(page, "problem")["problem"][0] == "is cut short"
    topics = columns_of(page, "residual")
    assert dict(zip(topics["topic"], topics["residual"], strict=True)) == {
        row.topic: row.residual for row in found.windows[0].topics
    }


def test_a_lake_alone_says_what_to_run(show: Show, tmp_path: Path) -> None:
    """An adapter without a baseline has volume, and the commands for the rest; a strange name is quoted."""
    write(tmp_path / "lake", 40, adapter="two words")
    write(tmp_path / "lake", 10, adapter="two words", day=2, failed=True, seed=3)
    page = show("traffic", traffic=tmp_path / "lake")
    assert facts(page)[0].endswith("Unknown")
    volume = columns_of(page, "requests", "failed")
    assert list(volume["requests"]) == [40, 0]
    assert list(volume["failed"]) == [0, 10]
    commands = [code.value for code in page.code]
    assert any("drift watch --baseline" in command and str(tmp_path / "lake") in command for command in commands)
    assert any("drift check" in command and "--adapter 'two words'" in command for command in commands)
    assert not any("novel share" in table.value.columns for table in page.dataframe)


def test_a_watch_alone_is_shown(show: Show, tmp_path: Path) -> None:
    """Its alarm, its days and its evidence, where nobody has run a check."""
    write_baseline(tmp_path / "baselines" / "support")
    for day in range(3):
        write(tmp_path / "lake", 60, seed=day, day=day, domain=3 if day else 0)
    watcher(tmp_path).poll()
    page = show("traffic", traffic=tmp_path / "lake", watch=tmp_path / "watch.sqlite")
    assert facts(page)[0].endswith("Drifted")
    assert facts(page)[1].replace("\\", "") == "2026-11-02"
    assert list(columns_of(page, "novel share")["which is"]) == [
        "within what is tolerated",
        *["above it with all of its interval"] * 2,
    ]
    assert "alarm 1 was raised" in drawn(page)
    assert "drift check" in said(page)


def test_windows_of_any_length_have_their_places(show: Show, tmp_path: Path) -> None:
    """Those of two hundred requests, at odd times, one a row; where no window has a time, the check is told in words."""
    (report,) = traffic_reports.by_count()
    put(tmp_path / "timed", report, "ledger")
    page = show("traffic", reports=tmp_path / "timed")
    volume = columns_of(page, "window", "requests", "failed")
    assert list(volume["window"])[:2] == ["2026-11-02 00:13", "2026-11-02 02:13"]
    assert list(volume["requests"]) == [row.requests for row in checked(report).windows]
    undated = traffic_parts.watched(traffic_parts.drift([traffic_parts.novel(start=None, end=None)], window="all"))
    put(tmp_path / "undated", undated, "ledger")
    page = show("traffic", reports=tmp_path / "undated")
    assert facts(page)[0].endswith("Drifted")
    assert facts(page)[2:4] == ["12\\%", "chant"]
    assert "No request with a time" in said(page)


@given(low=times(2020, 2035), hours=integers(1, 24 * 1500))
def test_ticks_are_beginnings(low: float, hours: int) -> None:
    """Of days, or of hours where there are few days: all that is shown is between two, and there are not many of them."""
    span = Span(low, low + hours * HOUR)
    ticks, words = span.ticks()
    steps = {round(later - earlier) for earlier, later in pairwise(ticks)}
    assert len(steps) <= 1
    assert len(ticks) <= 12
    assert all(span.low <= tick < span.high for tick in ticks)
    grain = HOUR / 12 if "%M" in words else DAY
    assert all(tick % grain == 0 for tick in ticks)


def test_no_traffic_at_all(show: Show, tmp_path: Path) -> None:
    """A folder of other reports: what traffic needs."""
    from loradiag.core.measurements import Measurements

    put(tmp_path / "reports", built(Measurements(integrity=integrity(3))))
    page = show("traffic", reports=tmp_path / "reports")
    assert "No traffic" in said(page)
    assert "traffic ingest" in page.code[0].value


@pytest.mark.parametrize("case", sorted({*traffic_reports.CASES} - {"fleet"}))
def test_every_report_is_shown(show: Show, tmp_path: Path, case: str) -> None:
    """Whatever a check found or lacks, numbers at the ends of what there is among them."""
    for place, report in enumerate(traffic_reports.CASES[case]()):
        put(tmp_path / "reports", report, checked(report).adapter, created=f"2026-11-0{place + 3}T06:00:00Z")
    page = show("traffic", reports=tmp_path / "reports", range="all")
    assert len(facts(page)) == 5
    assert "What this rests on" in [element.value for element in page.subheader]


def test_texts_of_strangers_are_shown_as_they_are(show: Show, tmp_path: Path) -> None:
    """No Markdown, no HTML, no control characters, wherever they stand; nor in what charts are drawn of."""
    (report,) = traffic_reports.hostile(HOSTILE)
    found = checked(report)
    rows = [
        msgspec.structs.replace(row, start=traffic_parts.day(place), end=traffic_parts.day(place + 1))
        for place, row in enumerate(found.windows)
    ]
    dated = msgspec.structs.replace(found, windows=rows)
    put(tmp_path / "reports", report, HOSTILE, created="2026-11-03T06:00:00Z")
    put(
        tmp_path / "reports",
        msgspec.structs.replace(report, measurements=msgspec.structs.replace(report.measurements, drift=dated)),
        HOSTILE,
        created="2026-11-04T06:00:00Z",
    )
    page = show("traffic", reports=tmp_path / "reports", range="all")
    for element in (*page.markdown, *page.caption, *page.subheader, *page.error):
        assert "<script>" not in element.value
        assert "[a](" not in element.value
        assert "`$x$`" not in element.value
    for element in (*page.markdown, *page.caption, *page.subheader, *page.text, *page.code):
        assert RAW.search(element.value.replace("\n", "")) is None
    for table in page.dataframe:
        for column in table.value.select_dtypes(exclude="number"):
            assert not any(RAW.search(str(value)) for value in table.value[column])
    assert not any(RAW.search(spec) for spec in specifications(page))
    for chart in page.get("vega_lite_chart"):
        for data in chart.proto.datasets:
            frame = pa.ipc.open_stream(data.data.data).read_pandas()
            assert not any(RAW.search(str(value)) for value in frame.to_numpy(dtype=object).ravel())


def test_a_day_of_another_adapter_is_not_shown(show: Show, tmp_path: Path) -> None:
    """Each adapter has its own requests; the one that the address names is shown."""
    write(tmp_path / "lake", 40, adapter="one")
    write(tmp_path / "lake", 7, adapter="two", seed=2)
    show("traffic", traffic=tmp_path / "lake")
    keys = {row.served: row.key for row in overview().rows}
    page = show("traffic", traffic=tmp_path / "lake", adapter=keys["two"])
    assert list(columns_of(page, "requests", "failed")["requests"]) == [7]
    assert list(columns_of(page, "requests", "failed")["day"]) == ["2026-11-01"]

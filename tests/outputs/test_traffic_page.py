"""Drawings of traffic: windows over time, one window alone, topics, and answers."""

from __future__ import annotations

import re

import msgspec
import pytest

from loradiag.core.drift import Drift
from loradiag.core.report import Report
from loradiag.outputs.html import render
from loradiag.outputs.page.answers import answers as drawn_answers
from loradiag.outputs.page.slots import slots
from loradiag.outputs.page.windows import SHAPE, share_axis
from loradiag.outputs.style import Style
from tests.outputs import samples, traffic_parts, traffic_reports
from tests.outputs.traffic_parts import MIXED, answers, drift, few, novel, watched, window

MARK = r'd="([^"]+)" transform="translate\(([-\d.]+) ([-\d.]+)\) scale\([\d.]+\)" class="mark"'


def section(report: Report, title: str) -> str:
    """One section of the page."""
    return render([report], Style()).partition(f"<h3>{title}</h3>")[2].partition("</section>")[0]


def series(report: Report) -> str:
    """The drawing of windows."""
    return section(report, "Traffic").partition('class="chart strips series')[2].partition("</svg>")[0]


def rows_of(svg: str) -> dict[str, str]:
    """Each row or window by what it says."""
    return dict(re.findall(r"<title>(.*?)</title>(.*?)</g>", svg))


def marks(svg: str) -> list[tuple[str, float, float]]:
    """Shape and place of every mark, in order."""
    found = [re.search(MARK, row) for row in rows_of(svg).values()]
    return [(match[1], float(match[2]), float(match[3])) for match in found if match]


def line(svg: str, class_: str) -> float:
    """Where a horizontal line stands."""
    return float(re.findall(rf'y1="([\d.]+)"[^>]* class="{class_}"', svg)[0])


def of(report: Report) -> Drift:
    """What it says of traffic."""
    assert report.measurements.drift is not None
    return report.measurements.drift


def test_every_window_has_a_mark_that_says_all() -> None:
    """Status, requests, shares, p-values, effects, and the mean cosine."""
    said = list(rows_of(series(watched(drift([window(0), novel(1), few(2)])))))
    assert said == [
        "2026-11-02 to 2026-11-03: steady, 200 requests; novel 4.5% (2.4–8.3%), p 1.00; mix w 0.04, p 1.00; MMD p 1.00; "
        "mean cosine 0.831",
        "2026-11-03 to 2026-11-04: novel, 200 requests; novel 12.0% (8.2–17.2%), p 2e-06; mix w 0.04, p 1.00; MMD p 1.00; "
        "mean cosine 0.808",
        "2026-11-04 to 2026-11-05: too few, 31 requests",
    ]


def test_shapes_tell_statuses_apart() -> None:
    """Without colour; the legend names those that are there."""
    rows = [window(0), novel(1), window(2, **MIXED), novel(3, **MIXED), few(4)]
    page = section(watched(drift(rows)), "Traffic")
    shapes = [shape for shape, _, _ in marks(series(watched(drift(rows))))]
    assert shapes == [SHAPE[word] for word in ("steady", "novel", "shifted", "novel+shifted", "insufficient")]
    assert len(set(SHAPE.values())) == len(SHAPE)
    legend = page.partition('class="legend marks">')[2].partition("</p>")[0]
    assert re.findall(r" ([✓✗?·]) ([a-z+ ]+)<", legend) == [
        ("✗", "novel+shifted"), ("✗", "novel"), ("✗", "shifted"), ("✓", "steady"), ("?", "too few"),
    ]  # fmt: skip


def test_more_novel_requests_stand_higher() -> None:
    """Above the line of what is expected, and of what matters; one without a share lies on the ground."""
    svg = series(watched(drift([window(0, 2), window(1, 10), novel(2, 40), few(3)])))
    low, middle, high, ground = (y for _, _, y in marks(svg))
    expected, matters = line(svg, "nought"), line(svg, "limit fails")
    assert high < matters < expected < low < ground
    assert middle == pytest.approx(expected)  # 10 of 200 are the 5% expected
    assert [x for _, x, _ in marks(svg)] == sorted(x for _, x, _ in marks(svg))


def test_time_stands_for_itself() -> None:
    """A day without requests is a gap; windows of numbers, and those with little but gaps between, are evenly spaced."""
    places = [x for _, x, _ in marks(series(watched(drift([window(0), window(1), window(4)]))))]
    assert places[2] - places[1] == pytest.approx(3 * (places[1] - places[0]), rel=0.01)
    for odd in (drift([window(0), window(1), window(4)], window="200"), drift([window(0), window(1), window(400)])):
        even = [x for _, x, _ in marks(series(watched(odd)))]
        assert even[2] - even[1] == pytest.approx(even[1] - even[0], rel=0.01)
    pooled = drift([window(0), window(1, end=traffic_parts.day(4), pooled=3)])
    first, second = slots(pooled, 0.0, 400.0)
    assert (second.right - second.left) == pytest.approx(3 * (first.right - first.left))


@pytest.mark.parametrize("start", ["2026-02-30T00:00:00Z", "yesterday", None, "2026-11-02T00:00:00Z\n"])
def test_times_that_are_none_are_no_failure(start: str | None) -> None:
    """Windows are then evenly spaced."""
    found = drift([msgspec.structs.replace(window(0), start=start), window(1), window(5)])
    placed = slots(found, 0.0, 300.0)
    assert [round(slot.x) for slot in placed] == [50, 150, 250]


def test_the_convention_is_drawn_and_decides_nothing() -> None:
    """A line at the policy's limit, labelled; the trend breaks where a window has no cosine."""
    svg = series(watched(drift([window(0), window(1), few(2), window(3), window(4)])))
    assert ">convention,</text>" in svg
    assert ">decides nothing</text>" in svg
    assert ">0.7</text>" in svg
    (trend,) = re.findall(r'<path d="([^"]+)" class="trend thin">', svg)
    assert (trend.count("M"), trend.count("L")) == (2, 2)
    near = series(watched(drift([window(0), window(1)], baseline=traffic_parts.baseline(mean_nn_cosine=0.701))))
    assert ">held-out</text>" not in near.replace("0.83", "")


def test_bars_are_as_high_as_there_are_requests() -> None:
    """Logged behind counted, of one scale, on one ground."""
    svg = series(watched(drift([window(0, 9, 200), window(1, 9, 400)])))
    bars = re.findall(r'y="([\d.]+)" width="[\d.]+" height="([\d.]+)" class="volume( counted)?"', svg)
    logged, counted = ([float(height) for _, height, kind in bars if bool(kind) is inner] for inner in (False, True))
    assert logged[1] == pytest.approx(50)
    assert logged[0] == pytest.approx(50 * 238 / 438, abs=0.1)
    assert counted[0] == pytest.approx(50 * 200 / 438, abs=0.1)
    assert all(float(y) + float(height) == pytest.approx(416, abs=0.1) for y, height, _ in bars)


def test_one_window_is_an_interval() -> None:
    """From left to right, with its numbers beside it; none without a share."""
    svg = series(traffic_reports.strange()[0])
    (shape, x, _), *others = marks(svg)
    assert others == []
    assert shape == SHAPE["novel"]
    ends = [float(value) for value in re.findall(r'x1="([\d.]+)" x2="([\d.]+)"[^>]*class="span"', svg)[0]]
    axis = share_axis(of(traffic_reports.strange()[0]), 16, 780)
    assert ends[0] < x < ends[1]
    assert x == axis.at(12.0)
    assert ">12.0% novel, 8.2–17.2%</text>" in svg
    assert "trend" not in svg
    for make in (traffic_reports.insufficient, traffic_reports.unjudged):
        assert "series" not in section(make()[0], "Traffic")
    assert "series" not in section(watched(drift([few(0), few(1)])), "Traffic")


def test_three_hundred_windows_stay_small() -> None:
    """One drawing of the same size, a table in a frame, and a page that opens at once."""
    (report,) = traffic_reports.crowd()
    svg = series(report)
    assert len(marks(svg)) == 300
    assert 'viewBox="0 0 1080 446"' in section(report, "Traffic")
    assert "dense" in section(report, "Traffic")
    assert 'class="scroll tall"' in section(report, "Traffic")
    assert len(render([report], Style()).encode()) < 700_000
    (long,) = traffic_reports.crowd(430)
    assert "The 400 newest of 430; the JSON report has all." in section(long, "Traffic")


def test_the_newest_window_is_on_top_of_the_table() -> None:
    """It can be sorted by every figure, and columns say what they are."""
    page = section(traffic_reports.month()[0], "Traffic")
    assert re.findall(r'<th scope="row">([^<]+)</th>', page)[0] == "2026-12-01 to 2026-12-02"
    assert 'class="rows sortable scores windows"' in page
    assert page.count("Share of requests whose nearest reference is farther") == 2
    assert "What the figures are" in page


def test_topics_are_bars_beside_what_is_expected() -> None:
    """As long as the share in the window, with a line at the share expected; folded where nothing has changed."""
    page = section(traffic_reports.shifted()[0], "Traffic")
    svg = page.partition('class="chart strips topics"')[2].partition("</svg>")[0]
    rows = rows_of(svg)
    assert next(iter(rows)) == "topic 0: 5.0% → 21.0% ↗, like record #812"
    widths = [float(re.findall(r'width="([\d.]+)" height="14" class="share"', row)[0]) for row in rows.values()]
    lines = [float(re.findall(r'x1="([\d.]+)"[^>]*class="expected"', row)[0]) - 84 for row in rows.values()]
    assert widths[0] / lines[0] == pytest.approx(0.21 / 0.05, rel=0.01)
    assert widths[5] / lines[5] == pytest.approx(0.025 / 0.185, rel=0.03)
    assert 'class="line c1"' in svg
    assert 'class="line c0"' in svg
    assert "<figcaption>Topics that changed most, 2026-11-02 to 2026-11-03</figcaption>" in page
    quiet = section(traffic_reports.steady()[0], "Traffic")
    assert "<summary>Topics, 2026-11-02 to 2026-11-03</summary>" in quiet
    assert 'class="line c7"' in quiet


def test_answers_are_rows_of_their_units() -> None:
    """Percent, percentage points and nats apart; rises stand right of no change, marks are those of statuses."""
    page = section(traffic_reports.both()[0], "Answers")
    drawings = page.split('class="chart strips forest"')[1:]
    assert [re.findall(r'class="told">(change, [^<]+)<', drawing)[0] for drawing in drawings] == [
        "change, % of what was before", "change, percentage points", "change, nats",
    ]  # fmt: skip
    assert [len(rows_of(drawing)) for drawing in drawings] == [3, 3, 1]
    zero = float(re.findall(r'x1="([\d.]+)"[^>]*class="nought"', drawings[0])[0])
    (_, perplexity, _), (_, prompt, _), (_, length, _) = marks(drawings[0])
    assert prompt < zero < perplexity < length
    assert (perplexity - zero) / (zero - prompt) == pytest.approx(0.12 / 0.014, rel=0.05)
    assert 'class="line of fail"' in drawings[0]
    assert "too few days" in drawings[1]


def test_a_change_that_is_far_off_does_not_flatten_the_rest() -> None:
    """It lies beyond the axis, as an arrowhead; what is beyond all bounds has no numbers beside it."""
    rows = [
        answers("perplexity"),
        answers("response_length", change=9.0, ci_low=8.0, ci_high=9.9),
        answers("prompt_length", unit="tokens", change=1e300, ci_low=1.0, ci_high=1e301),
    ]
    report = watched(drift([window()], predictions=rows))
    svg = drawn_answers(report, of(report))
    assert svg.count("far off") == 1
    assert "beyond" in svg
    assert "e+30" not in re.sub(r"<title>.*?</title>", "", svg.partition("</svg>")[0])
    for x in re.findall(r"translate\(([-\d.]+) ", svg):
        assert 0 <= float(x) <= 1080
    bare = [answers("perplexity", change=None, ci_low=None, ci_high=None)]
    assert "forest" not in drawn_answers(report, msgspec.structs.replace(of(report), predictions=bare))


def test_pages_without_traffic_have_no_section() -> None:
    """Nor those without exemplars a list of them, nor those without answers a comparison."""
    assert "<h3>Traffic</h3>" not in render(samples.healthy(), Style())
    page = render(traffic_reports.shifted(), Style())
    assert "<h3>Novel requests</h3>" not in page
    assert "<h3>Answers</h3>" not in page
    assert "<h3>Accounting</h3>" not in page
    assert "<h3>Novel requests</h3>" in render(traffic_reports.steady(), Style())

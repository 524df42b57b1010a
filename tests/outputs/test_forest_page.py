"""Drawings of forgetting: the forest plot, and what weaker forms keep against what they lose."""

from __future__ import annotations

import re

import msgspec
import pytest

from loradiag.core.forgetting import Score
from loradiag.core.report import Report
from loradiag.outputs.html import render
from loradiag.outputs.page.forest import forest
from loradiag.outputs.page.tradeoff import Box
from loradiag.outputs.style import Style
from tests.outputs import forgetting_parts, forgetting_reports, samples
from tests.outputs.forgetting_parts import forgetting, judged, task, text


def section(report: Report, title: str) -> str:
    """One section of the page."""
    return render([report], Style()).partition(f"<h3>{title}</h3>")[2].partition("</section>")[0]


def drawing(report: Report) -> str:
    """The first forest plot."""
    return section(report, "Forgetting").partition('class="chart strips forest"')[2].partition("</svg>")[0]


def rows_of(svg: str) -> dict[str, str]:
    """Each row by what it says."""
    return dict(re.findall(r"<title>(.*?)</title>(.*?)</g>", svg))


def at(row: str) -> float:
    """Where the mark of a row stands."""
    return float(re.findall(r'translate\(([-\d.]+) [-\d.]+\)" class="mark', row)[0])


def test_every_score_has_a_row_that_says_all() -> None:
    """Metric, change, interval, margin and status."""
    rows = rows_of(drawing(forgetting_reports.plain()[0]))
    assert list(rows) == [
        "hellaswag: acc -36.1% (-39.7% to -32.5%), margin -5.0%, forgot",
        "piqa: acc -7.1% (-11.5% to -2.8%), margin -5.0%, inconclusive",
        "arc_easy: acc -0.3% (-2.8% to +2.2%), margin -5.0%, safe",
        "npi: acc +24.3% (+9.5% to +39.1%), margin -5.0%, safe",
    ]
    served = list(rows_of(drawing(forgetting_reports.served()[0])))
    assert served[1].startswith("arc_easy as nf4: acc -12.9%")
    assert len(served) == 6


def test_losses_are_on_the_left_whatever_the_metric() -> None:
    """A rise of perplexity stands left of no change, and left of a smaller loss of accuracy."""
    rows = rows_of(drawing(forgetting_reports.grouped()[0]))
    by_task = {said.partition(":")[0]: at(row) for said, row in rows.items()}
    assert by_task["wiki"] < by_task["mmlu"] < by_task["hellaswag"]
    zero = float(re.findall(r'x1="([\d.]+)"[^>]* class="nought"', drawing(forgetting_reports.grouped()[0]))[0])
    assert by_task["mmlu"] < zero < by_task["hellaswag"]


def test_status_is_shown_by_shape_as_well_as_by_colour() -> None:
    """Each status has its own, and its word beside it and in the legend."""
    page = section(forgetting_reports.odd()[0], "Forgetting")
    shapes = dict(
        re.findall(r'<path d="([^"]*)" transform="translate\(8 8\)" class="mark"></path></g></svg> (. [a-z ]+)', page)
    )
    assert sorted(shapes.values()) == ["? inconclusive", "· not judged", "✓ safe", "✗ forgot"]
    assert len(shapes) == 4
    assert page.count(">✗ forgot</text>") == 4


def test_groups_are_diamonds_as_wide_as_their_bounds() -> None:
    """By which they are judged; one that forgot is crossed."""
    svg = drawing(forgetting_reports.grouped()[0])
    assert svg.count("mark group") == 1
    row = rows_of(svg)[next(said for said in rows_of(svg) if said.startswith("mmlu"))]
    left, right = (float(value) for value in re.findall(r'd="M([-\d.]+) 0L0-7L([-\d.]+) 0L0 7Z"', row)[0])
    bounds = re.findall(r'x1="([\d.]+)" x2="([\d.]+)"[^>]* class="span"', row)[0]
    assert float(bounds[0]) < at(row) + left < at(row) + right < float(bounds[1])
    gone = task("sum", 0.5, 300, 10, role="group", parts=["a"])
    crossed = drawing(judged(forgetting([task("a", 0.5, 300, 10, asked=False)], groups=[gone])))
    assert "M-3-3L3 3M-3 3L3-3" in crossed


def test_the_margin_is_a_region_of_each_row() -> None:
    """From the margin to no change; none where nothing is borne, or where there is no change to show."""
    svg = drawing(forgetting_reports.odd()[0])
    assert svg.count('class="borne"') == 5
    assert svg.count('class="limit fails"') == 5
    (report,) = forgetting_reports.plain()
    bare = msgspec.structs.replace(report.measurements.forgetting, tasks=[task("a", 0.5, 9, 8)])  # type: ignore[type-var]
    unjudged = msgspec.structs.replace(
        report, measurements=msgspec.structs.replace(report.measurements, forgetting=bare)
    )
    assert "borne" not in section(unjudged, "Forgetting")


def test_rows_without_an_interval_say_why() -> None:
    """As far as there is room."""
    svg = drawing(forgetting_reports.odd()[0])
    assert "no interval: it has no value of its own for each document" in svg
    assert "the base scores 0: there is nothing to lose" in svg
    assert svg.count("beyond") == 2
    assert "far off" in svg


def test_numbers_at_the_ends_are_drawn_within_the_page() -> None:
    """Every mark is on the drawing."""
    for report in forgetting_reports.odd():
        assert all(0 <= at(row) <= 1080 for row in rows_of(drawing(report)).values() if 'class="mark' in row)


def test_nothing_to_draw() -> None:
    """No task, or none with a difference."""
    assert forest([], "nothing") == ""
    assert forest([[[Score(task="a", metric="bleu", reason="why")]]], "nothing") == ""
    assert "forest" not in section(forgetting_reports.odd()[1], "Forgetting")
    assert "<h3>Forgetting</h3>" not in render(samples.healthy(), Style())


def test_many_tasks_make_a_long_drawing_not_a_dense_one() -> None:
    """Two hundred rows of 24 units each; the page stays small."""
    (report,) = forgetting_reports.long()
    svg = drawing(report)
    assert len(rows_of(svg)) == 200
    (height,) = re.findall(r'viewBox="0 0 1080 (\d+)"', section(report, "Forgetting"))[:1]
    assert int(height) == 200 * 24 + 60
    assert len(render([report], Style()).encode()) < 1_500_000


def test_the_table_is_sortable_and_explains_itself() -> None:
    """Titles of columns for pointers, a list for those who have none, how intervals came to be."""
    page = section(forgetting_reports.plain()[0], "Forgetting")
    assert page.count("Documents that flipped: right for the base") == 2
    assert 'title="Tango&#x27;s score interval of paired shares"' in page
    assert 'class="rows sortable scores"' in page
    assert 'title="by source"' in section(forgetting_reports.grouped()[0], "Forgetting")


def test_long_tables_are_cut() -> None:
    """The JSON report has all."""
    found = forgetting([task(f"t{index}", 0.5, 9, 8, lost_examples=[], won_examples=[]) for index in range(410)])
    assert "The 400 worst of 410; the JSON report has all." in section(judged(found), "Forgetting")
    shown = forgetting([task(f"t{index}", 0.5, 9, 8) for index in range(70)])
    assert "The 60 worst of 70; the JSON report has all." in section(judged(shown), "Documents that changed")


def curve(report: Report) -> str:
    """What weaker forms keep and lose, as a drawing."""
    return section(report, "Weaker forms").partition('class="chart tradeoff"')[2].partition("</svg>")[0]


def test_forms_are_points_of_loss_and_of_what_is_kept() -> None:
    """More is kept higher up, more is lost further right; the one to take has a ring; each half has its point."""
    svg = curve(forgetting_reports.weaker()[0])
    said = re.findall(r"<title>(.*?)</title>.*?translate\(([\d.]+) ([\d.]+)\) scale", svg)
    places = {text.partition(":")[0]: (float(x), float(y)) for text, x, y in said}
    assert len(places) == 7
    assert places["the base"][0] < places["scale 0.5"][0] < places["the whole adapter"][0]
    assert places["the base"][1] > places["scale 0.5"][1] > places["the whole adapter"][1]
    assert svg.count('class="ring"') == 1
    assert svg.count('class="twin"') == 7
    assert "scale 0.5: keeps 76% (73% to 78%), largest loss 3.1% of hellaswag" in svg
    assert ">▸ scale 0.5</text>" in svg
    margin = float(re.findall(r'x1="([\d.]+)"[^>]* class="limit fails"', svg)[0])
    assert places["scale 0.5"][0] < margin < places["scale 0.75"][0]


def test_labels_of_points_do_not_touch() -> None:
    """Twenty forms in one place: some names are left out, none lies on another."""
    crowd = [
        forgetting_parts.candidate(f"scale {index / 100}", "scale", index / 100, 0.1, 0.5) for index in range(1, 21)
    ]
    svg = curve(judged(forgetting([task("a", 0.5, 9, 8)], sweep=forgetting_parts.sweep(candidates=crowd, chosen=None))))
    names = re.findall(r">(scale [\d.]+)</text>", svg)
    assert 4 <= len(names) < 20


def test_a_sweep_without_points_is_a_table_or_nothing() -> None:
    """One form is no curve."""
    lone = forgetting_parts.sweep(candidates=forgetting_parts.sweep().candidates[:1], chosen=None)
    page = section(judged(forgetting([task("a", 0.5, 9, 8)], sweep=lone)), "Weaker forms")
    assert "tradeoff" not in page
    assert ">the base<" in page
    assert "<table" not in section(forgetting_reports.odd()[3], "Weaker forms")
    far = curve(forgetting_reports.odd()[4])
    for x, y in re.findall(r"translate\(([-\d.]+) ([-\d.]+)\) scale", far):
        assert 0 <= float(x) <= 760
        assert 0 <= float(y) <= 400


@pytest.mark.parametrize(
    ("other", "expected"), [(Box(1, 1, 3, 3), True), (Box(2, 0, 3, 2), False), (Box(0, 2, 2, 3), False)]
)
def test_boxes(other: Box, expected: bool) -> None:
    """Boxes that share a border do not touch."""
    assert Box(0, 0, 2, 2).touches(other) is expected


def test_texts_are_worse_or_better() -> None:
    """Perplexity has no right and wrong: values stand beside the word."""
    page = section(forgetting_reports.grouped()[0], "Documents that changed")
    assert '<b class="flip worse">worse</b> 2.500 → 3.250' in page
    assert "<summary>wiki: 150 worse, 90 better</summary>" in page
    assert text("a", 1.0, 2.0, 0.1).higher_is_better is False

"""The map of a window's requests, drawn: every point is there, once, and what is novel is told by shape and by words."""

from __future__ import annotations

import re

import msgspec
import pytest

from loradiag.core.drift import DriftWindow, MapPoint, MapTopic, RequestMap
from loradiag.core.report import Report, decode, encode
from loradiag.outputs.html import render
from loradiag.outputs.page.map import AIR, HEIGHT, POINTS, WIDTH, request_map
from loradiag.outputs.style import Style
from tests.outputs import samples, traffic_parts, traffic_reports
from tests.outputs.traffic_parts import drawn, drift, few, novel, watched, window


def page_of(found: RequestMap | None, *windows: DriftWindow) -> str:
    """What is drawn of a day with novel requests, or of other windows, as the policy judges them."""
    judged = watched(drift(list(windows) or [novel()], map=found)).measurements.drift
    assert judged is not None
    return request_map(judged)


def dots(page: str, class_: str) -> list[tuple[float, float]]:
    """Places of one kind of dots, those of the legend left out."""
    (d,) = re.findall(rf'<path d="([^"]+)" class="{class_}"', page.partition("</svg>")[0])
    return [(float(x), float(y)) for x, y in re.findall(r"M([-\d.]+) ([-\d.]+)h0", d)]


def crosses(page: str) -> list[tuple[float, float]]:
    """Places of novel requests."""
    found = re.findall(r'transform="translate\(([-\d.]+) ([-\d.]+)\)" class="mark"', page.partition("</svg>")[0])
    return [(float(x), float(y)) for x, y in found]


def test_every_point_is_drawn_in_its_kind() -> None:
    """References and known requests are dots of two kinds, novel ones crosses that say which they are."""
    page = page_of(drawn("sing me the second verse"))
    assert len(dots(page, "references")) == 300
    assert len(dots(page, "requests")) == 176
    assert len(crosses(page)) == 24
    titles = re.findall(r"<title>([^<]*)</title>", page)
    assert titles[0] == "novel: n-0, 2026-11-02T00:00:00Z, cosine 0.310, group 1: sing me the second verse"
    assert len(titles) == 24
    legend = page.partition('class="legend marks">')[2].partition("</p>")[0]
    assert re.findall(r"</svg> ([^<]+)<", legend) == [
        "300 of 8,000 references",
        "176 known requests",
        "24 novel requests",
    ]
    label = "Requests beside the baseline on a plane: 300 of 8,000 references, 176 known requests, 24 novel requests"
    assert f'aria-label="{label}"' in page
    assert "The plane holds 31% of the variance" in page
    assert "made of the first two principal components of all 300 references and all 200 requests." in page
    assert "<figcaption>Requests beside the baseline, 2026-11-02 to 2026-11-03</figcaption>" in page


def test_both_axes_have_one_scale_and_y_points_up() -> None:
    """Distances on the drawing are those of the plane, times one number."""
    points = [MapPoint(x=x, y=y, topic=0, novel=True) for x, y in ((0.0, 0.0), (1.0, 0.0), (0.0, 0.5))]
    page = page_of(drawn(references=[], topics=[], requests=points, novel_total=3, request_total=3))
    (x, y), right, above = crosses(page)
    assert right[0] - x == pytest.approx(WIDTH - 2 * AIR, abs=0.2)
    assert right[1] == y
    assert above[0] == x
    assert y - above[1] == pytest.approx((WIDTH - 2 * AIR) / 2, abs=0.2)
    assert "reference" not in page.partition('class="legend marks">')[2].partition("</p>")[0]


def test_nothing_leaves_the_drawing() -> None:
    """Whatever the coordinates: wide, high, at one place, or at the ends of what a float can be."""
    for x, y in ((1.0, 1e-3), (1e-3, 1.0), (0.0, 0.0), (5e-324, 0.0), (8e307, 1.0), (8e307, 8e307)):
        points = [MapPoint(x=sign * x, y=sign * y, topic=0, novel=True) for sign in (-1.0, 1.0)]
        page = page_of(drawn(references=[], topics=[], requests=points, novel_total=2, request_total=2))
        (height,) = map(float, re.findall(rf'viewBox="0 0 {WIDTH} (\d+)"', page))
        assert height <= HEIGHT
        assert len(crosses(page)) == 2
        for across, down in crosses(page):
            assert AIR - 1 <= across <= WIDTH - AIR + 1
            assert AIR - 1 <= down <= height - AIR + 1
    beyond = [MapPoint(x=sign * 1e308, y=0.0, topic=0) for sign in (-1.0, 1.0)]
    assert page_of(drawn(requests=beyond)) == ""


def test_numbers_of_topics_do_not_run_into_each_other() -> None:
    """Of two centres at one place one number is drawn."""
    places = [(0.0, 0.0), (0.001, 0.0), (0.4, 0.1)]
    page = page_of(drawn(topics=[MapTopic(topic=index, x=x, y=y) for index, (x, y) in enumerate(places)]))
    assert re.findall(r'class="told-row">(\d+)</text>', page) == ["0", "2"]


def test_is_open_only_where_its_window_has_drifted_by_novelty() -> None:
    """The map is of one window: others do not open it."""
    assert page_of(drawn(), window(0)).startswith("<details")
    assert page_of(drawn(), novel(0), window(1)).startswith("<figure>")
    assert page_of(drawn(), window(0), novel(1)).startswith("<details")
    assert page_of(drawn(), window(0, **traffic_parts.MIXED), few(1)).startswith("<details")
    assert page_of(None) == ""
    assert page_of(drawn(requests=[], request_total=0, novel_total=0)) == ""


def test_many_points_are_cut_and_said_to_be() -> None:
    """A report may have been asked for more than a page should hold."""
    points = [MapPoint(x=index / 5000, y=0.0, topic=0, novel=index % 2 == 0) for index in range(5000)]
    page = page_of(drawn(requests=points, request_total=5000, novel_total=2500))
    assert len(crosses(page)) == len(dots(page, "requests")) == POINTS
    assert f"{POINTS:,} of 2,500 novel requests" in page


def test_hostile_texts_stay_text() -> None:
    """Ids, times, texts and the words of the method come from logs and files."""
    name = samples.HOSTILE
    points = [MapPoint(x=0.0, y=0.0, topic=0, novel=True, request=name, time=name, text=name)]
    made = watched(drift([novel()], map=drawn(name, start=name, end=name, method=name, requests=points)))
    text = render([made], Style())
    samples.assert_harmless("html", text)
    assert 'class="chart plane"' in text
    assert text.count("<title>") == render([watched(drift([novel()]))], Style()).count("<title>") + 1


def test_reports_without_a_map_are_read_and_drawn() -> None:
    """Those of schema 1.6 have none; those of 1.7 come back as they were."""
    old = msgspec.json.decode(encode(watched(drift([novel()]))))
    old["schema_version"] = "1.6"
    del old["measurements"]["drift"]["map"]
    (back,) = decode(msgspec.json.encode(old))
    assert back.measurements.drift is not None
    assert back.measurements.drift.map is None
    assert 'class="chart plane"' not in render([back], Style())
    made: Report = traffic_reports.strange()[0]
    assert decode(encode(made)) == [made]

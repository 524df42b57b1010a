"""Drawings of merge drift: strips of measures, and maps of gains by layer and role."""

from __future__ import annotations

import re

import msgspec
import pytest

from loradiag.core.report import Report
from loradiag.outputs.gainmaps import MODULES, keeps
from loradiag.outputs.html import render
from loradiag.outputs.style import Style
from tests.outputs import merge_parts, merge_reports


def section(report: Report, title: str) -> str:
    """One section of the page."""
    return render([report], Style()).partition(f"<h3>{title}</h3>")[2].partition("</section>")[0]


def drawing(report: Report) -> str:
    """The strips."""
    return section(report, "Merge drift").partition('class="chart strips"')[2].partition("</svg>")[0]


def marks(svg: str) -> list[tuple[str, float, str]]:
    """What each mark says, where it stands, and its classes."""
    pattern = r'<g class="line of ([^"]*)"><title>(.*?)</title>.*?translate\(([-\d.]+) [-\d.]+\)" class="mark"'
    return [(said, float(x), status) for status, said, x in re.findall(pattern, svg)]


def test_every_route_has_a_mark_on_every_strip() -> None:
    """With outputs five measures, without them four; words of a mark hold value, interval and status."""
    (outputs,), (weights,) = merge_reports.by_outputs(), merge_reports.by_weights()
    assert len(marks(drawing(outputs))) == 6 * 5
    assert len(marks(drawing(weights))) == 5 * 4
    said = [text for text, _, _ in marks(drawing(outputs))]
    assert "nf4: effect loss ρ 0.0236 (0.022–0.025), pass" in said
    assert "nf4-inplace: NLL kept 89.7% (87.7% to 91.7%), fail" in said
    assert "nf4-inplace: delta gain 0.620, fail" in said


def test_status_is_shown_by_shape_as_well_as_by_colour() -> None:
    """Three statuses, three shapes, each with its word in the legend."""
    (report,) = merge_reports.by_weights()
    shapes = dict(
        re.findall(
            r'<path d="([^"]*)" transform="translate\(8 8\)" class="mark"></path></g></svg> (. [a-z]+)',
            section(report, "Merge drift"),
        )
    )
    assert sorted(shapes.values()) == ["? inconclusive", "✓ pass", "✗ fail"]
    assert len(shapes) == 3


def limits(svg: str) -> dict[str, list[float]]:
    """Where the limits stand."""
    found: dict[str, list[float]] = {}
    for x, kind in re.findall(r'<line x1="([\d.]+)"[^>]* class="limit (\w+)"', svg):
        found.setdefault(kind, []).append(float(x))
    return found


def test_limits_are_those_of_the_policy() -> None:
    """ρ of 0.106 stands right of 0.10, which fails a route; another policy draws another line, none draws none."""
    (report,) = merge_reports.by_outputs()
    at = {said.partition(" (")[0]: x for said, x, _ in marks(drawing(report))}
    fails = limits(drawing(report))["fails"]
    assert at["nf4: effect loss ρ 0.0236"] < fails[0] < at["nf4-inplace: effect loss ρ 0.106"]
    loose = msgspec.structs.replace(report.policy, thresholds={"LD604": {"most_loss": 0.5}})
    moved = drawing(msgspec.structs.replace(report, policy=loose))
    assert list(limits(moved)) == ["fails"]
    assert ">0.5</text>" in moved
    bare = msgspec.structs.replace(report, policy=msgspec.structs.replace(report.policy, thresholds={}))
    assert limits(drawing(bare)) == {}
    assert "a route fails" not in section(bare, "Merge drift")


def test_values_beyond_the_axis_are_arrows_at_its_border() -> None:
    """An effect loss of 1e-7 does not squeeze the others together."""
    (report,) = merge_reports.by_outputs()
    status = {said: classes for said, _, classes in marks(drawing(report))}
    assert status["fp16: effect loss ρ 1.4e-07 (1.3e-07–1.5e-07), pass"] == "pass beyond"
    assert status["nf4: effect loss ρ 0.0236 (0.022–0.025), pass"] == "pass"
    assert "arrowheads: beyond the axis" in section(report, "Merge drift")
    assert "arrowheads" not in section(merge_reports.none()[0], "Merge drift")


def test_one_route_is_not_drawn() -> None:
    """There is nothing to compare; the table has the figures."""
    assert "strips" not in section(merge_reports.undecided()[0], "Merge drift")
    assert "strips" in section(merge_reports.none()[0], "Merge drift")


def test_numbers_at_the_ends_are_drawn_within_the_page() -> None:
    """Every coordinate is finite and on the drawing."""
    for report in merge_reports.extreme():
        assert all(0 <= x <= 1080 for _, x, _ in marks(drawing(report)))


def test_the_table_explains_itself() -> None:
    """Titles of columns for pointers, a list for those who have none, and what each route does."""
    (report,) = merge_reports.by_outputs()
    text = section(report, "Merge drift")
    for said in ("Effect loss ρ = ΣKL(adapter ‖ route)/ΣKL(adapter ‖ base)", "Delta gain g = ⟨U, Δ⟩/‖Δ‖²"):
        assert text.count(said) == 2
    assert text.count("PEFT&#x27;s merge into a base loaded in NF4") == 2
    assert 'title="predicted of Gaussian weights: 0.9956; measured: 0.9956"' in text
    assert text.count("recommended") == 1


def test_routes_that_keep_everything_are_named_not_drawn() -> None:
    """One map by layer and one by role, of the route that loses; the others in a sentence."""
    text = section(merge_reports.by_outputs()[0], "What survives where")
    assert re.findall(r"<caption[^>]*>(.*?)</caption>", text) == ["Gain by layer", "Gain by role"]
    assert text.count('<th scope="row">nf4-inplace</th>') == 2
    assert text.count('<th scope="row">') == 2
    assert "lies between 0.994 and 1.000: bf16, fp16, fp32, nf4, int8." in text
    whole = section(merge_reports.compared()[0], "What survives where")
    assert "<table" not in whole
    assert "lies between 0.994 and 1.000: nf4, bf16." in whole


def test_cells_are_medians_with_their_roles() -> None:
    """Gains of 0.62, 0.60 … 0.50 in the first layer: the median is 0.56."""
    text = section(merge_reports.by_outputs()[0], "What survives where")
    assert '<td class="v13" title="nf4-inplace, layer 0: 0.560 (median of 7 modules): attention.q 0.620' in text
    assert "mlp.down 0.500" in text
    assert "layers of several modules show their median" in text
    assert "nf4-inplace, mlp.up: 0.620 over 3 modules; cosine 0.620, 50% of entries swallowed" in text


def test_modules_stand_in_for_layers() -> None:
    """Where nothing lies in a layer, columns are modules with their names below; what is not finite is marked."""
    text = section(merge_reports.stored()[0], "What survives where")
    assert ">Gain by module<" in text
    assert text.count("<li>") == 7
    assert 'class="broken" title="nf4-inplace, blocks.2.proj: 0.700, not finite">!</td>' in text
    assert 'class="unknown" title="nf4-inplace, blocks.6.proj: –">–</td>' in text
    assert "blank: not adapted" not in text


def test_many_modules_without_layers_are_cut() -> None:
    """Those that lose most are shown."""
    rows = [merge_parts.module(f"part.{index}", "other", None, index / 1000) for index in range(200)]
    merge = merge_parts.merge([merge_parts.route("nf4-inplace", 0.1, "fail", modules=rows, roles=[])])
    text = section(merge_parts.drifted(merge), "What survives where")
    assert f"Gain by module: the {MODULES} that lose most of 200" in text
    assert text.count("<li>") == MODULES
    assert "part.59:" in text
    assert "part.60:" not in text


def test_modules_outside_of_layers_have_a_column() -> None:
    """And stacks a map each; a stack that a layer is missing from stays blank there."""
    rows = [
        merge_parts.module("embed", "embedding", None, 0.5),
        merge_parts.module("encoder.0", "mlp.up", 0, 0.5, stack="encoder"),
        merge_parts.module("encoder.1", "mlp.up", 1, 0.25, stack="encoder"),
    ]
    merge = merge_parts.merge(
        [
            merge_parts.route("nf4-inplace", 0.1, "fail", modules=rows, roles=[]),
            merge_parts.route("int8-inplace", 0.1, "fail", modules=rows[:2], roles=[]),
        ]
    )
    text = section(merge_parts.drifted(merge), "What survives where")
    assert re.findall(r"<caption[^>]*>(.*?)</caption>", text) == ["Gain by layer", "Gain by layer: encoder"]
    assert "int8-inplace, outside any layer: 0.500" in text
    assert text.count('class="absent"') == 1
    assert "blank: not adapted" in text


@pytest.mark.parametrize("gain", [0.94, 1.06, None])
def test_keeping_is_within_a_twentieth(gain: float | None) -> None:
    """Of every module; one that was not measured is not known to be kept, nor is a route without modules."""
    kept = merge_parts.route(
        "bf16", modules=[merge_parts.module("a", "other", 0, 0.96), merge_parts.module("b", "other", 0, 1.04)]
    )
    assert keeps(kept)
    lost = merge_parts.module("c", "other", 0, gain)
    assert not keeps(msgspec.structs.replace(kept, modules=[*kept.modules, lost]))
    assert not keeps(msgspec.structs.replace(kept, modules=[]))


def test_a_large_adapter_gives_a_small_page() -> None:
    """560 modules on 15 routes stay below 2 MB: cells are layers, not modules."""
    (report,) = merge_reports.large()
    assert len(render([report], Style()).encode()) < 1_000_000
    assert section(report, "What survives where").count("<td class") <= 15 * (80 + 7)


def test_the_legend_says_where_a_rule_made_an_exception() -> None:
    """A route that passes beyond the line that fails others is not left unexplained."""
    told = ", unless its rule makes an exception"
    assert "beyond it a route fails" + told in section(merge_reports.excused()[0], "Merge drift")
    assert told not in section(merge_reports.by_outputs()[0], "Merge drift")

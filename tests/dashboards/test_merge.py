"""The page on merge drift: what it advises, its numbers beside those of the report, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from loradiag.core.report import Report
from loradiag.outputs.deploying import advice
from tests.dashboards.conftest import Show
from tests.dashboards.putting import assert_harmless, charts, metrics, put, said, specification, table_with
from tests.outputs import merge_reports
from tests.outputs.samples import HOSTILE


def page_of(show: Show, folder: Path, report: Report, **parameters: str) -> AppTest:
    """The page on one report."""
    return show("merge", reports=put(folder, report), **parameters)


def test_the_advice_comes_first(show: Show, tmp_path: Path) -> None:
    """The sentence is that of all outputs, and the numbers are those of the route that it names."""
    (report,) = merge_reports.by_outputs()
    page = page_of(show, tmp_path, report)
    assert "fold into the 16\\-bit base\\, then quantize to NF4" in page.success[0].value
    assert metrics(page)["Deploy as"] == "nf4"
    assert metrics(page)["Effect lost, ρ"] == "0.0236"
    assert metrics(page)["Delta gain"] == "0.996"


def test_every_route_has_a_row_with_the_numbers_of_the_report(show: Show, tmp_path: Path) -> None:
    """The cheapest first; of the same bits the one that loses less."""
    (report,) = merge_reports.by_outputs()
    merge = report.measurements.merge
    assert merge is not None
    table = table_with(page_of(show, tmp_path, report), "use").set_index("route")
    assert list(table.index) == ["nf4", "nf4-inplace", "int8", "fp16", "bf16", "fp32"]
    for row in merge.routes:
        told = table.loc[row.route]
        assert told["ρ"] == row.effect_loss
        assert told["gain"] == row.gain
        assert told["KLD p99"] == row.kld_p99
        assert told["RMS Δp"] == row.rms_delta_p
        assert told["ln PPL ratio"] == row.ln_ppl_ratio
        assert told["overflow"] == row.overflowed
    assert table.loc["nf4", "use"] == "★ recommended"
    assert table.loc["nf4-inplace", "status"] == ["✗ fail"]
    assert table.loc["nf4-inplace", "rules"] == "LD604 (LD607)"


def test_what_was_asked_for_is_marked(show: Show, tmp_path: Path) -> None:
    """The gate is named in the table, and the policy's limits in the chart."""
    (report,) = merge_reports.gated()
    page = page_of(show, tmp_path, report)
    assert set(table_with(page, "use")["use"]) == {"must keep", "★ recommended, must keep"}
    assert "fails beyond 0.1" in charts(page)[0]
    assert "The verdict of the whole report: ✗ fail" in said(page)


@pytest.mark.parametrize(("make", "told"), [(merge_reports.excused, True), (merge_reports.by_outputs, False)])
def test_a_route_that_passes_by_exception_is_explained(
    make: Callable[[], list[Report]], told: bool, show: Show, tmp_path: Path
) -> None:
    """Where there is one: it lies beyond the line that fails others."""
    (report,) = make()
    page = page_of(show, tmp_path, report)
    helps = [element.proto.help for element in page.markdown]
    assert any("beyond what fails others and passes" in text for text in helps) == told


def test_intervals_are_drawn_where_they_are(show: Show, tmp_path: Path) -> None:
    """A row's value and both ends are those of the report, on a logarithmic axis."""
    (report,) = merge_reports.by_outputs()
    page = page_of(show, tmp_path, report)
    spec = json.loads(specification(page.get("vega_lite_chart")[0]))
    assert any(layer["encoding"]["x"].get("scale", {}).get("type") == "log" for layer in spec["layer"])
    numbers = table_with(page, "95% from").set_index("route")
    merge = report.measurements.merge
    assert merge is not None
    for row in merge.routes:
        assert numbers.loc[row.route, "95% from"] == row.effect_loss_low
        assert numbers.loc[row.route, "to"] == row.effect_loss_high


def test_percentiles_stand_in_the_numbers(show: Show, tmp_path: Path) -> None:
    """Mean, median and all percentiles of every route, also those that a logarithmic axis cannot hold."""
    (report,) = merge_reports.by_outputs()
    numbers = table_with(page_of(show, tmp_path, report), "p99.9").set_index("route")
    assert numbers.loc["nf4", "p99.9"] == pytest.approx(12 * 0.08)
    assert numbers.loc["nf4", "max"] == pytest.approx(40 * 0.08)
    assert numbers.loc["fp32", "mean"] == 0.0


def test_weights_alone_say_how_to_get_outputs(show: Show, tmp_path: Path) -> None:
    """Without outputs the gain is drawn beside its prediction, and the command asks for texts."""
    (report,) = merge_reports.by_weights()
    page = page_of(show, tmp_path, report)
    assert "--prompts" in page.code[0].value
    assert "Delta gain by route" in said(page)
    table = table_with(page, "use").set_index("route")
    assert "ρ" not in table.columns
    assert table.loc["nf4-inplace", "predicted"] == 0.06


def test_gains_of_chosen_routes_and_roles(show: Show, tmp_path: Path) -> None:
    """At first the recommended route and those that lose most; other routes and roles when they are chosen."""
    (report,) = merge_reports.by_outputs()
    page = page_of(show, tmp_path, report)
    routes, roles = page.multiselect
    assert routes.value == ["nf4", "nf4-inplace"]
    assert set(table_with(page, "module")["route"]) == {"nf4", "nf4-inplace"}
    roles.set_value(["mlp.down"])
    routes.set_value(["int8"]).run()
    shown = table_with(page, "module")
    assert set(shown["role"]) == {"mlp.down"}
    merge = report.measurements.merge
    assert merge is not None
    row = next(row for row in merge.routes if row.route == "int8")
    expected = [module.gain for module in row.modules if module.role == "mlp.down"]
    assert list(shown["gain"]) == expected
    routes.set_value([]).run()
    assert "Choose a route" in said(page)
    assert not page.exception


def test_modules_without_layers_are_drawn_too(show: Show, tmp_path: Path) -> None:
    """Modules that lie in no layer have a place of their own; what was not measured is named with its reason."""
    (report,) = merge_reports.stored()
    page = page_of(show, tmp_path, report)
    shown = table_with(page, "module")
    assert shown[shown["route"] == "nf4-inplace"]["layer"].isna().all()
    assert len(shown[shown["route"] == "nf4-inplace"]) == 6
    assert "needs the 16\\-bit base\\, and this one is stored in nf4" in said(page)


def test_beside_an_earlier_release(show: Show, tmp_path: Path) -> None:
    """Before and now, of routes that both have."""
    (report,) = merge_reports.compared()
    page = page_of(show, tmp_path, report)
    told = next(frame.value for frame in page.dataframe if "pass → fail" in frame.value.to_string()).set_index("route")
    assert list(told.index) == ["nf4", "bf16"]
    assert told.loc["nf4", "ρ"] == "0.012 → 0.0476"
    assert "on the same text" in said(page)


def test_parts_that_cannot_be_folded_are_named(show: Show, tmp_path: Path) -> None:
    """Each with its reason, below advice that says to serve it unmerged."""
    (report,) = merge_reports.refused()
    page = page_of(show, tmp_path, report)
    table = table_with(page, "part")
    assert list(table["part"]) == ["prompt.0", "prompt.1", "lm_head"]
    assert "serve it unmerged" in page.error[0].value
    assert metrics(page)["Deploy as"] == "unmerged"


@pytest.mark.parametrize(
    "make", [merge_reports.extreme, merge_reports.none, merge_reports.undecided, merge_reports.large]
)
def test_partial_and_far_reports_are_drawn(show: Show, tmp_path: Path, make: object) -> None:
    """Whatever is missing or far off, the advice stands above and nothing breaks."""
    for place, report in enumerate(make()):  # type: ignore[operator]
        page = page_of(show, tmp_path / str(place), report)
        boxes = [box.value for kind in (page.success, page.warning, page.error) for box in kind]
        first = advice(report).text.split(":")[0].split("(")[0].strip()
        assert any(first[1:20].split("\\")[0] in box for box in boxes)


def test_texts_of_strangers_stay_text(show: Show, tmp_path: Path) -> None:
    """No control character, and no Markdown of a route's name, a reason or a path."""
    (report,) = merge_reports.hostile(HOSTILE)
    page = page_of(show, tmp_path, report)
    assert "alert\\(1\\)" in said(page)
    assert_harmless(page)


def test_the_newest_report_is_shown_and_others_can_be_chosen(show: Show, tmp_path: Path) -> None:
    """The address names a report that is not the newest; one about earlier weights says so."""
    (old,), (new,) = merge_reports.by_weights(), merge_reports.by_outputs()
    put(tmp_path, new, created="2025-02-02T00:00:00Z")
    put(tmp_path, old, created="2025-01-01T00:00:00Z", sha256="cd" * 32)
    page = show("merge", reports=tmp_path)
    assert metrics(page)["Deploy as"] == "nf4"
    assert "report" not in page.query_params
    page.selectbox(key="kept-report").select_index(1).run()
    assert metrics(page)["Deploy as"] == "bf16"
    assert page.query_params["report"] == "1.json#0"
    assert "earlier weights" in page.warning[0].value


def test_an_adapter_without_such_a_report_is_not_passed_over_in_silence(show: Show, tmp_path: Path) -> None:
    """What is shown is another, and the page says so."""
    from tests.outputs.samples import healthy

    put(tmp_path, healthy()[0], "runs/bare", sha256="cd" * 32)
    put(tmp_path, merge_reports.by_outputs()[0])
    first = show("fleet", reports=tmp_path)
    assert len(first.dataframe[0].value) == 2
    from loradiag_dashboard.source import overview

    bare = next(row for row in overview().rows if row.name == "bare")
    page = show("merge", reports=tmp_path, adapter=bare.key)
    assert page.info[0].value == "bare has no merge-drift report. This is adapter."


def test_nothing_yet(show: Show, tmp_path: Path) -> None:
    """A folder without such reports says what to run."""
    from tests.outputs.samples import healthy

    page = page_of(show, tmp_path, healthy()[0])
    assert "loradiag merge-drift" in page.code[0].value


def test_a_torn_report_costs_no_more_than_itself(show: Show, tmp_path: Path) -> None:
    """A report that is gone after the overview was made is named in an error."""
    put(tmp_path, merge_reports.by_outputs()[0])
    page = show("merge", reports=tmp_path)
    (tmp_path / "0.json").unlink()
    from loradiag_dashboard import source

    source._report.clear()
    page.run()
    assert not page.exception
    assert "0\\.json" in page.error[0].value


@pytest.mark.models
def test_on_the_demonstration(show: Show, made: Path) -> None:
    """An adapter whose update is too small for 4 bits: 8 bits are advised; routes of 4 bits fail, or pass with a warning."""
    from loradiag_dashboard.source import overview

    show("fleet", reports=made / "reports")
    row = next(row for row in overview().rows if row.name == "undertrained")
    page = show("merge", reports=made / "reports", adapter=row.key)
    assert metrics(page)["Deploy as"] == "int8"
    table = table_with(page, "use").set_index("route")
    small = table[table["bits"] < 8]
    failing = {name for name, status in small["status"].items() if list(status) == ["✗ fail"]}
    assert {"nf4-inplace", "fp4", "fp4-inplace"} <= failing
    assert all("(LD604)" in rules for name, rules in small["rules"].items() if name not in failing)
    assert len(page.get("vega_lite_chart")) == 3

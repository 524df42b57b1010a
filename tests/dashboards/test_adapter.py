"""The page of an adapter."""

from __future__ import annotations

import statistics
from pathlib import Path

import msgspec
import pytest
from loradiag_dashboard.parts.heatmap import look_of
from loradiag_dashboard.views.inspection.heat import frame_of, sign_of
from loradiag_dashboard.views.inspection.history import course_frame
from loradiag_dashboard.views.inspection.lone import scan_facts

import loradiag
from loradiag.api import open_overview
from loradiag.core.fleet import FleetAdapter
from loradiag.core.report import Report
from loradiag.core.trajectory import EvalPoint, Evaluation, TrainingLog, TrainPoint
from loradiag.outputs.grid import grids
from tests.conftest import FIXTURES
from tests.dashboards.conftest import Show
from tests.dashboards.putting import assert_harmless, metrics, put, said, table_with
from tests.outputs import merge_reports, samples
from tests.outputs.building import grid, measured, report, spectrum


def key_of(folder: Path, name: str) -> str:
    """The key of an adapter by its name."""
    return next(row.key for row in open_overview(folder).rows if row.name == name)


@pytest.mark.models
def test_all_adapters_of_the_demonstration_have_a_page(show: Show, made: Path) -> None:
    """Each says its verdict in a word, and every part of every page can be drawn."""
    rows = open_overview(made / "reports", made / "lake").rows
    assert len(rows) > 20
    for row in rows:
        page = show("adapter", reports=made / "reports", traffic=made / "lake", adapter=row.key)
        if "inspect" in row.newest:
            assert row.newest["inspect"].verdict in said(page)
    for view in ("Base and origin", "Tensors", "Policy", "History"):
        page = show("adapter", reports=made / "reports", traffic=made / "lake", adapter=rows[0].key, view=view)
        assert page.dataframe or view == "Tensors"


@pytest.mark.models
def test_an_adapter_of_which_only_traffic_is_known(show: Show, made: Path) -> None:
    """It has a page that says how reports and traffic come together."""
    page = show("adapter", traffic=made / "lake")
    assert "Only its traffic is known" in said(page)
    assert "No report is about it" in said(page)


def test_modules_have_all_that_was_measured(show: Show, tmp_path: Path) -> None:
    """Numbers of the table are the report's own, those that findings name come first, and what is zero is said in words."""
    (made,) = samples.broken()
    put(tmp_path, made)
    page = show("adapter", reports=tmp_path)
    table = table_with(page, "stable_rank")
    assert made.measurements.spectrum is not None
    rows = {row.name: row for row in made.measurements.spectrum.modules}
    assert len(table) == len(rows)
    for name, stable, norm in zip(table["module"], table["stable_rank"], table["frobenius_norm"], strict=True):
        assert stable == pytest.approx(rows[name].stable_rank, nan_ok=True) or rows[name].stable_rank is None
        assert norm == pytest.approx(rows[name].frobenius_norm, nan_ok=True) or rows[name].frobenius_norm is None
    assert table["finding"].iloc[0] == "✗ error"
    assert set(table["state"]) == {"", "✗ zero update", "✗ not finite"}


def test_cells_say_by_a_sign_what_colour_cannot() -> None:
    """A cell that is zero, one that is broken, one that is zero in part, one that was not measured."""
    rows = [
        *grid(2),
        spectrum("dead", "conv", 0, size=0.0),
        spectrum("lost", "conv", 1, size=None),
        spectrum("a", "head", 0),
        spectrum("b", "head", 0, size=0.0),
    ]
    made = report(measured(rows))
    (found,) = grids(made, "stable_rank")
    table = frame_of(found, look_of(found.values)).set_index(["role", "layer"])
    assert table.loc[("conv", "0"), "text"] == "0"
    assert table.loc[("conv", "1"), "text"] == "!"
    assert table.loc[("head", "0"), "text"] == "1.5*"
    assert table.loc[("mlp.up", "1"), "text"] == "1.6"
    assert "1 with a zero update" in table.loc[("head", "0"), "said"]
    assert table["value"].isna().sum() == 2
    (beside,) = samples.beside()
    (with_base,) = grids(beside, "relative_frobenius")
    assert "–" in {sign_of(cell) for cell in with_base.cells.values()}


def test_a_deep_network_and_many_experts(show: Show, tmp_path: Path) -> None:
    """Eighty layers take the whole width, with signs alone; of very many modules the worst hundred have a curve."""
    put(tmp_path, report(measured(grid(80))), "runs/deep")
    put(tmp_path, samples.experts(40, 32)[0], "runs/experts", sha256="cd" * 32)
    for name in ("deep", "experts"):
        page = show("adapter", reports=tmp_path, adapter=key_of(tmp_path, name))
        assert "Showing the 100 worst of" in said(page)
    (deep,) = grids(report(measured(grid(80))), "stable_rank")
    assert set(frame_of(deep, look_of(deep.values))["text"]) == {""}


def test_the_measure_is_in_the_address(show: Show, tmp_path: Path) -> None:
    """A link shows the measure that it names; one that was not measured is left aside."""
    put(tmp_path, samples.beside()[0])
    page = show("adapter", reports=tmp_path, measure="relative_frobenius")
    assert page.selectbox(key="kept-measure").value == "relative_frobenius"
    page.selectbox(key="kept-measure").set_value("spectral_norm").run()
    assert page.query_params["measure"] == "spectral_norm"
    assert any("σ₁ by layer and role" in text.value for text in page.markdown)
    page = show("adapter", reports=tmp_path, measure="nonsense")
    assert page.selectbox(key="kept-measure").value == "stable_rank"


def test_an_older_report_is_chosen_and_told_apart(show: Show, tmp_path: Path) -> None:
    """Reports of earlier weights say so, and the course of a measure has both, the oldest first."""
    for day, size, layers in ((1, 1.0, 2), (2, 2.0, 4)):
        made = report(measured(grid(layers, size=size)))
        put(tmp_path, made, "runs/one", created=f"2025-01-0{day}T00:00:00Z", sha256=f"{day}" * 64)
    page = show("adapter", reports=tmp_path, view="History")
    assert not page.warning
    (row,) = open_overview(tmp_path).rows
    course = course_frame(row, "frobenius_norm")
    expected = [statistics.median(1.25 * size * (1 + layer) for layer in range(n)) for size, n in ((1, 2), (2, 4))]
    assert list(course["value"]) == pytest.approx(expected)
    assert list(course["of"]) == ["earlier weights", "present weights"]
    history = table_with(page, "made")
    assert list(history["weights"]) == ["present 22222222", "earlier 11111111"]
    page.selectbox(key="kept-report").set_value("0.json#0").run()
    assert "earlier weights" in page.warning[0].value
    assert page.query_params["report"] == "0.json#0"
    again = show("adapter", reports=tmp_path, report="0.json#0")
    assert again.warning


def test_what_cannot_be_read_says_why(show: Show, tmp_path: Path) -> None:
    """The file, the problem and the remedy; no map and no curve."""
    put(tmp_path, samples.unreadable()[0])
    page = show("adapter", reports=tmp_path)
    assert "unreadable" in said(page)
    assert "is cut short" in said(page)
    assert "Fetch it again" in said(page)
    assert not page.get("vega_lite_chart")


def test_vectors_and_prompts(show: Show, tmp_path: Path) -> None:
    """Of what has no spectrum there is a table of its own, those farthest from doing nothing first."""
    put(tmp_path, samples.vectors()[0])
    page = show("adapter", reports=tmp_path)
    table = table_with(page, "deviation")
    assert len(table) == 13
    assert table["deviation"].iloc[0] == pytest.approx(0.055 * 11 + 0.03)
    assert not page.get("vega_lite_chart")


def test_an_adapter_of_a_fleet_alone(show: Show, tmp_path: Path) -> None:
    """What the scan says of it, and the command that would tell more."""
    put(tmp_path, loradiag.scan_fleet([FIXTURES / "adapters" / "healthy"]), "adapters")
    page = show("adapter", reports=tmp_path)
    assert "in a scan of the fleet" in said(page)
    (command,) = page.code
    assert command.value.startswith("loradiag inspect ")
    assert command.value.endswith("healthy -o reports/healthy.json")


def test_an_adapter_that_was_only_merged(show: Show, tmp_path: Path) -> None:
    """What that report says of it, a way to its page, and the command that would tell more."""
    put(tmp_path, merge_reports.by_outputs()[0], "runs/merged")
    page = show("adapter", reports=tmp_path)
    assert "of merge\\-drift" in said(page)
    assert "Not inspected" in said(page)
    assert page.code[0].value == "loradiag inspect runs/merged -o reports/merged.json"


def test_a_click_in_the_history_opens_the_report(show: Show, tmp_path: Path) -> None:
    """The address names the report that was clicked, once."""
    for day in (1, 2):
        put(tmp_path, report(measured(grid(2))), created=f"2025-01-0{day}T00:00:00Z", sha256=f"{day}" * 64)
    page = show("adapter", reports=tmp_path, view="History")
    (row,) = open_overview(tmp_path).rows
    page.session_state["history-clicked"] = (row.key, row.cards[1])
    page.run()
    assert page.query_params["report"] == "0.json#0"
    assert page.selectbox(key="kept-report").value == "0.json#0"
    assert "history-clicked" not in page.session_state


def test_facts_of_a_scan() -> None:
    """What lies outside the fleet's bands is named with its z; what is not known is left out."""
    found = dict(scan_facts(FleetAdapter(path="x", outlying={"spectral_norm": 9.25}, modules=1200)))
    assert found["outside the fleet's bands"] == "spectral norm (z +9.2)"
    assert found["modules"] == "1,200"
    assert "rank" not in found


def test_a_command_is_quoted(show: Show, tmp_path: Path) -> None:
    """A path of a stranger is one word to a shell, and holds no control character."""
    found = loradiag.scan_fleet([FIXTURES / "adapters" / "healthy"])
    assert found.measurements.fleet is not None
    rows = [msgspec.structs.replace(found.measurements.fleet.adapters[0], path="a b; rm -rf $HOME\x1b[2J")]
    fleet = msgspec.structs.replace(found.measurements.fleet, adapters=rows)
    put(tmp_path, msgspec.structs.replace(found, measurements=msgspec.structs.replace(found.measurements, fleet=fleet)))
    (command,) = show("adapter", reports=tmp_path).code
    assert "'a b; rm -rf $HOME\\x1b[2J'" in command.value
    assert "\x1b" not in command.value


def _logged() -> Report:
    points = [EvalPoint(step=step, loss=loss) for step, loss in ((10, 2.0), (20, 1.5), (30, 1.75))]
    told = Evaluation(
        name="", count=3, points=points, nonfinite=0, best_step=20, best_loss=1.5, last_step=30, last_loss=1.75
    )
    log = TrainingLog(
        sources=["trainer_state.json"],
        step=30,
        count=3,
        train=[TrainPoint(step=step, loss=loss) for step, loss in ((10, 2.5), (20, None), (30, 1.0))],
        evaluations=[told],
    )
    return report(msgspec.structs.replace(measured(grid(2)), training_log=log))


def test_the_training_log(show: Show, tmp_path: Path) -> None:
    """The story in words, and every loss as logged."""
    put(tmp_path, _logged())
    page = show("adapter", reports=tmp_path, view="Training")
    assert any("step 20" in box.value for box in (*page.success, *page.warning, *page.error))
    table = table_with(page, "loss")
    assert list(table[table["text"] == "validation"]["loss"]) == [2.0, 1.5, 1.75]
    assert table["loss"].isna().sum() == 1


def test_accounts_name_every_tensor(show: Show, tmp_path: Path) -> None:
    """Counts, and each tensor that was not analysed with what became of it."""
    (made,) = samples.broken()
    put(tmp_path, made)
    page = show("adapter", reports=tmp_path, view="Tensors")
    assert metrics(page) == {"Tensors": "92", "Analysed": "88", "Unsupported": "1", "Unexpected": "3", "Broken": "0"}
    table = table_with(page, "what became of it")
    assert list(table["what became of it"]) == ["unsupported", "unexpected", "unexpected", "unexpected"]


@pytest.mark.parametrize("view", ["Modules", "Base and origin", "Tensors", "Policy", "History"])
def test_text_of_strangers_stays_text(show: Show, tmp_path: Path, view: str) -> None:
    """No control character, no HTML, no link and no directive gets through, on any part of the page."""
    put(tmp_path / "r", samples.hostile()[0], f"runs/{samples.HOSTILE}")
    page = show("adapter", reports=tmp_path / "r", view=view)
    assert "alert" in said(page)
    assert_harmless(page)


def test_nothing_is_there(show: Show, tmp_path: Path) -> None:
    """An empty folder says what to run."""
    page = show("adapter", reports=tmp_path)
    assert "No adapter yet" in said(page)
    assert "loradiag inspect" in page.code[0].value

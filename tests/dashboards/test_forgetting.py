"""The page on forgetting: headline, forest, documents and weaker forms beside the report, and what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from streamlit.testing.v1 import AppTest

from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.report import Report
from loradiag.outputs.scores import relative
from tests.dashboards.conftest import Show
from tests.dashboards.putting import assert_harmless, charts, metrics, put, said, specification, table_with
from tests.outputs import forgetting_reports
from tests.outputs.samples import HOSTILE, healthy


def page_of(show: Show, folder: Path, report: Report, **parameters: str) -> AppTest:
    """The page on one report."""
    return show("forgetting", reports=put(folder, report), **parameters)


def found_in(report: Report) -> Forgetting:
    """What was measured."""
    found = report.measurements.forgetting
    assert found is not None
    return found


def drawn(page: AppTest) -> list[dict[str, Any]]:
    """The rows of the forest as the chart's numbers have them."""
    return list(table_with(page, "of base").to_dict("records"))


def test_the_headline_and_its_numbers(show: Show, tmp_path: Path) -> None:
    """How many tasks were lost, and the largest loss in percent of the base."""
    page = page_of(show, tmp_path, forgetting_reports.plain()[0])
    assert "1 of 4 tasks lost more than their margin" in page.error[0].value
    assert metrics(page)["Forgotten"] == "1 of 4"
    assert metrics(page)["Largest loss"] == "-36.1%"


def test_the_forest_has_the_worst_first(show: Show, tmp_path: Path) -> None:
    """Differences and both ends as shares of the base's score, of metrics of which less is better turned around."""
    (report,) = forgetting_reports.grouped()
    rows = drawn(page_of(show, tmp_path, report))
    assert [row["task"] for row in rows] == ["mmlu", "hellaswag", "wiki"]
    wiki = next(score for score in found_in(report).tasks if score.task == "wiki")
    assert wiki.base is not None
    assert wiki.ci_low is not None
    assert wiki.ci_high is not None
    assert rows[2]["of base"] == pytest.approx(-(14.1 - 12.4) / 12.4)
    assert rows[2]["95% from"] == pytest.approx(-wiki.ci_high / wiki.base)
    assert rows[2]["to"] == pytest.approx(-wiki.ci_low / wiki.base)
    assert rows[2]["margin"] == pytest.approx(0.05)
    assert rows[2]["status"] == "✗ forgot"


def test_the_margin_and_the_line_of_no_change_are_named(show: Show, tmp_path: Path) -> None:
    """In words in the chart, and every status has a shape of its own."""
    page = page_of(show, tmp_path, forgetting_reports.plain()[0])
    drawn_ = charts(page)[0]
    assert ",no change" in drawn_
    assert ",margin -5.0%" in drawn_
    layers = json.loads(specification(page.get("vega_lite_chart")[0]))["layer"]
    (scale,) = [layer["encoding"]["shape"]["scale"] for layer in layers if "shape" in layer.get("encoding", {})]
    assert set(scale["domain"]) == {"✗ forgot", "? inconclusive", "✓ safe"}
    assert len(set(scale["range"])) == 3


def test_routes_stand_below_the_unmerged_adapter(show: Show, tmp_path: Path) -> None:
    """Each with what the route did to the score, and with the status that is judged."""
    (report,) = forgetting_reports.served()
    page = page_of(show, tmp_path, report)
    table = table_with(page, "served")
    assert list(table["served"]) == ["unmerged", "as nf4", "as bf16"] * 2
    for (_, row), score in zip(table.iterrows(), _sorted(found_in(report)), strict=True):
        assert row["difference"] == score.difference
        assert row["p"] == score.p_value
        assert row["p (Holm)"] == score.p_adjusted
        assert row["detectable"] == score.minimum_detectable
        assert row["of base"] == relative(score, score.difference)
        assert row["lost / won"] == f"{score.lost} / {score.won}"
        assert row["interval by"] == "Tango's score interval of paired shares"


def _sorted(found: Forgetting) -> list[Score]:
    """Both tasks with the routes in their order; the task that lost most comes first."""
    order = {None: 0, "nf4": 1, "bf16": 2}
    return sorted(found.tasks, key=lambda score: (score.task != "arc_easy", order[score.route]))


def test_documents_that_flipped_stand_side_by_side(show: Show, tmp_path: Path) -> None:
    """What was asked, what is right and both answers of the task that is chosen; the address keeps the choice."""
    (report,) = forgetting_reports.plain()
    page = page_of(show, tmp_path, report)
    assert "✗ lost: 364" in said(page)
    assert page.selectbox(key="kept-task").value == "hellaswag"
    texts = [element.value for element in page.text]
    assert texts[:3] == ["the whale", "the whale", "the shark"]
    assert any(element.value == "Question 0: which of these\nis a mammal?" for element in page.code)
    page.selectbox(key="kept-task").select("piqa").run()
    assert "✗ lost: 163" in said(page)
    assert page.query_params["task"] == "piqa"


def test_weaker_forms(show: Show, tmp_path: Path) -> None:
    """The one to take is marked; what each keeps and loses is that of the report, and a form that failed says why."""
    (report,) = forgetting_reports.weaker()
    sweep = found_in(report).sweep
    assert sweep is not None
    page = page_of(show, tmp_path, report)
    table = table_with(page, "largest loss")
    assert list(table["form"])[2] == "▸ scale 0.5"
    assert [None if value != value else value for value in table["kept"]] == [
        row.kept_report for row in sweep.candidates
    ]
    assert "the disk is full" in set(table["note"])
    assert metrics(page)["Form to take"] == "scale 0\\.5"
    assert ",margin 5.0%" in charts(page)[1]
    assert ",▸ scale 0.5," in charts(page)[1]


def test_every_task_of_every_form(show: Show, tmp_path: Path) -> None:
    """With the difference of both halves of the documents, as the report has them."""
    (report,) = forgetting_reports.weaker()
    sweep = found_in(report).sweep
    assert sweep is not None
    table = table_with(page_of(show, tmp_path, report), "with the form")
    expected = [(row.name, task.task, task.difference) for row in sweep.candidates for task in row.tasks]
    names = {"the base": "base", "the whole adapter": "adapter"}
    told = [(names.get(row.form, row.form), row.task, row.difference) for row in table.itertuples()]
    assert told == expected


def test_without_a_sweep_the_page_says_how(show: Show, tmp_path: Path) -> None:
    """With the command that makes one."""
    page = page_of(show, tmp_path, forgetting_reports.plain()[0])
    assert any("--sweep" in element.value for element in page.code)


def test_memorisation(show: Show, tmp_path: Path) -> None:
    """What came out verbatim, beside held-out documents; an adapter that recites is no success."""
    page = page_of(show, tmp_path, forgetting_reports.remembered()[0])
    assert metrics(page)["Recited, trained on"] == "12"
    assert metrics(page)["Recited, held out"] == "0"
    assert "It recites training data" in page.error[0].value
    assert any("Dear Mr. Smith" in element.value for element in page.code)


def test_an_interrupted_run_names_what_is_missing(show: Show, tmp_path: Path) -> None:
    """And how it was run stands below."""
    page = page_of(show, tmp_path, forgetting_reports.interrupted()[0])
    assert any("gsm8k, hellaswag, sweep" in box.value for box in page.warning)
    assert "batches of 16" in said(page)
    assert "the run was interrupted before the weaker forms were asked" in said(page)


def test_parts_of_groups_and_other_metrics_are_folded(show: Show, tmp_path: Path) -> None:
    """57 subjects and a smaller group, of which one was lost; the learned domain is told and not judged."""
    page = page_of(show, tmp_path, forgetting_reports.grouped()[0])
    labels = [expander.label for expander in page.expander]
    assert any(label.startswith("58 parts of groups: 1 forgot") for label in labels)
    assert "Other metrics (1)" in labels
    assert metrics(page)["On its own domain"] == "17.7"


@pytest.mark.parametrize("place", range(5))
def test_odd_reports_are_drawn(show: Show, tmp_path: Path, place: int) -> None:
    """What is missing is missing, what is far off stays in the drawing; nothing breaks."""
    report = forgetting_reports.odd()[place]
    page = page_of(show, tmp_path, report)
    found = found_in(report)
    assert len(page.success) + len(page.warning) + len(page.error) >= 1
    for element in page.get("vega_lite_chart"):
        assert not {"NaN", "Infinity"} & set(specification(element).replace(",", " ").split())
    if found.tasks:
        assert set(table_with(page, "kind")["task"]) >= {score.task for score in found.tasks}


def test_many_tasks(show: Show, tmp_path: Path) -> None:
    """Two hundred tasks: the worst are drawn, and the table has all."""
    (report,) = forgetting_reports.long()
    page = page_of(show, tmp_path, report)
    assert len(drawn(page)) == 80
    assert len(table_with(page, "p (Holm)")) == 200
    assert "The 80 worst of 200 are drawn" in said(page)


def test_texts_of_strangers_stay_text(show: Show, tmp_path: Path) -> None:
    """Names, prompts, answers, reasons and files are shown as they are, whatever is in them."""
    (report,) = forgetting_reports.hostile(HOSTILE)
    found = found_in(report)
    tasks = [msgspec.structs.replace(score, interval=None, test=None) for score in found.tasks]
    groups = [msgspec.structs.replace(score, interval=None, test=None) for score in found.groups]
    measured = msgspec.structs.replace(
        report.measurements, forgetting=msgspec.structs.replace(found, tasks=tasks, groups=groups)
    )
    page = page_of(show, tmp_path, msgspec.structs.replace(report, measurements=measured))
    assert len(page.text) >= 3
    assert_harmless(page)


def test_nothing_yet(show: Show, tmp_path: Path) -> None:
    """A folder without such reports says what to run."""
    page = page_of(show, tmp_path, healthy()[0])
    assert "loradiag forgetting" in page.code[0].value


@pytest.mark.models
def test_on_the_demonstration(show: Show, made: Path) -> None:
    """An adapter that was scaled too far: a fact is forgotten along one route, and a weaker form is to be taken."""
    from loradiag_dashboard.source import overview

    show("fleet", reports=made / "reports")
    row = next(row for row in overview().rows if row.name == "over_scaled")
    page = show("forgetting", reports=made / "reports", adapter=row.key)
    assert metrics(page)["Forgotten"] == "1 of 10"
    assert metrics(page)["Form to take"] == "scale 0\\.8"
    assert len(page.get("vega_lite_chart")) == 2

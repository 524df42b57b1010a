"""The page that compares."""

from __future__ import annotations

import math
import shlex
from pathlib import Path

import msgspec
import pytest
from loradiag_dashboard.parts.plain import label
from loradiag_dashboard.views.sidebyside.meeting import overlaps_frame
from loradiag_dashboard.views.sidebyside.together import matrix_frame, pairs_frame
from streamlit.testing.v1 import AppTest

import loradiag
from loradiag.api import open_overview
from loradiag.core.measurements import Measurements
from loradiag.core.report import Report
from tests.conftest import FIXTURES
from tests.dashboards.conftest import Show
from tests.dashboards.putting import assert_harmless, charts, put, said, table_with
from tests.outputs import forgetting_reports, merge_reports, samples
from tests.outputs.building import finding, grid, measured, report
from tests.outputs.test_comparing import strange
from tests.outputs.test_learning import hostile as run_of

ADAPTERS = FIXTURES / "adapters"


def keys(folder: Path) -> dict[str, str]:
    """Keys of adapters by their names."""
    return {row.name: row.key for row in open_overview(folder).rows}


def two(folder: Path, a: Report, b: Report) -> dict[str, str]:
    """Reports about two adapters, and the part of the address that names them."""
    put(folder, a, "runs/one", sha256="1" * 64)
    put(folder, b, "runs/other", sha256="2" * 64)
    found = keys(folder)
    return {"a": found["one"], "b": found["other"]}


def compared(show: Show, folder: Path, a: Report, b: Report, **parameters: str) -> AppTest:
    """The page about two reports of two adapters."""
    address = two(folder, a, b)
    return show("compare", reports=folder, **address, **parameters)


@pytest.mark.models
def test_the_demonstration_can_be_compared(show: Show, made: Path) -> None:
    """Every way of comparing has something to show, and two reports of every kind."""
    folder = made / "reports"
    found = keys(folder)
    for kind in ("inspect", "merge-drift", "forgetting", "drift"):
        page = show("compare", reports=folder, a=found["ledger"], b=found["chant"], kind=kind)
        assert len(table_with(page, "number")) > 3
    page = show("compare", reports=folder, of="overlap")
    assert len(table_with(page, "pair")) == 1
    page = show("compare", reports=folder, of="run")
    steps = table_with(page, "checkpoint")
    assert list(steps["step"]) == sorted(steps["step"])


def test_modules_of_two_adapters(show: Show, tmp_path: Path) -> None:
    """A and B are the values of the reports; what spans decades is told in doublings."""
    page = compared(
        show, tmp_path, report(measured(grid(3))), report(measured(grid(2, size=4.0))), measure="frobenius_norm"
    )
    table = table_with(page, "doublings from A to B")
    assert len(table) == 14
    assert set(table["A"]) == {1.25, 2.5}
    assert list(table["doublings from A to B"]) == pytest.approx([math.log2(4)] * 14)
    numbers = table_with(page, "number").set_index("number")
    assert numbers.loc["modules", "B − A"] == -7


def test_findings_are_told_apart(show: Show, tmp_path: Path) -> None:
    """What one alone has is named as such."""
    a = report(measured(grid(2)), [finding(message="dead ones")])
    b = report(measured(grid(2)), [finding("LD203", "over-provisioned-rank", message="much rank")])
    words = said(compared(show, tmp_path, a, b))
    assert "Only in A: 1" in words
    assert "In both: 0" in words
    assert words.index("dead ones") < words.index("much rank")


def test_one_adapter_at_two_times(show: Show, tmp_path: Path) -> None:
    """The earlier report is A, so that differences are what came since."""
    for day, layers in ((1, 2), (2, 3)):
        put(tmp_path, report(measured(grid(layers))), created=f"2025-01-0{day}T00:00:00Z", sha256=f"{day}" * 64)
    page = show("compare", reports=tmp_path)
    assert page.query_params["ra"] == "0.json#0"
    assert page.query_params["rb"] == "1.json#0"
    assert table_with(page, "number").set_index("number").loc["modules", "B − A"] == 7
    page.selectbox(key="kept-ra").set_value("1.json#0").run()
    assert "same report" in page.info[0].value


def test_the_exact_overlap_needs_the_adapters(show: Show, tmp_path: Path) -> None:
    """The command has both paths as a shell takes them; where it was run already there is a way to what it found."""
    put(tmp_path, report(measured(grid(2))), "runs/my one\x1b[2J", sha256="1" * 64)
    put(tmp_path, report(measured(grid(3))), "runs/other", sha256="2" * 64)
    (command,) = show("compare", reports=tmp_path).code
    words = shlex.split(command.value)
    assert words[:2] == ["loradiag", "compare"]
    assert set(words[2:4]) == {"runs/my one\\x1b[2J", "runs/other"}
    (made,) = loradiag.compare([ADAPTERS / "healthy", ADAPTERS / "rslora"])
    put(tmp_path, made, "runs/other, runs/my one\x1b[2J", sha256="3" * 64)
    assert not show("compare", reports=tmp_path).code


@pytest.mark.parametrize(
    "made", [forgetting_reports.CASES["plain"]()[0], merge_reports.by_outputs()[0]], ids=["forgetting", "merge"]
)
def test_numbers_of_one_report_twice(show: Show, tmp_path: Path, made: Report) -> None:
    """Nothing differs, and all numbers are there when asked for."""
    page = compared(show, tmp_path, made, made)
    assert "the same in both" in said(page)
    page.toggle(key="differing").set_value(False).run()
    table = table_with(page, "B − A")
    assert set(table["B − A"].dropna()) == {0.0}


def test_further_adapters_stand_in_the_overview(show: Show, tmp_path: Path) -> None:
    """A line for each, with medians."""
    address = two(tmp_path, report(measured(grid(2))), report(measured(grid(3))))
    put(tmp_path, report(measured(grid(5, size=2.0))), "runs/third", sha256="3" * 64)
    page = show("compare", reports=tmp_path, **address, beside="third")
    table = table_with(page, "adapter")
    assert [name.split()[-1] for name in table["adapter"]] == ["one", "other", "third"]
    assert table["‖ΔW‖F"].iloc[2] == pytest.approx(1.25 * 2 * 3)


def test_several_side_by_side(show: Show, tmp_path: Path) -> None:
    """Every table has a column for each; A is drawn beside the one that is chosen; the command has all of them."""
    much = finding("LD203", "over-provisioned-rank", message="much rank")
    address = two(tmp_path, report(measured(grid(2))), report(measured(grid(3)), [much]))
    put(
        tmp_path,
        report(measured(grid(2, size=2.0)), [finding(message="dead ones"), much]),
        "runs/third",
        sha256="3" * 64,
    )
    put(tmp_path, report(measured(grid(4))), "runs/fourth", sha256="4" * 64)
    page = show("compare", reports=tmp_path, **address, beside=["third", "fourth"], **{"with": "C"})
    names = ["A · one", "B · other", "C · third", "D · fourth"]
    modules = table_with(page, "number").set_index("number").loc["modules", names]
    assert list(modules) == ["14", "21", "14", "28"]
    found = table_with(page, "says").set_index("rule")
    assert {rule[:5]: where for rule, where in found["in"].items()} == {"LD107": "C", "LD203": "B C"}
    assert list(table_with(page, "fact").columns) == ["fact", "differs", *names]
    assert set(table_with(page, "C − A")["C"] / table_with(page, "C − A")["A"]) == {1.0}
    (command,) = page.code
    assert shlex.split(command.value)[2:6] == ["runs/one", "runs/other", "runs/third", "runs/fourth"]
    spectra = [told for told in charts(page) if "index of the singular value" in told]
    assert all(name in spectra[0] for name in ("A · one", "B · other", "C · third"))


def test_several_reports_of_forgetting(show: Show, tmp_path: Path) -> None:
    """A question that one of them was not asked has a dash there."""
    (plain,) = forgetting_reports.CASES["plain"]()
    found = plain.measurements.forgetting
    assert found is not None
    fewer = msgspec.structs.replace(found, tasks=found.tasks[:1])
    short = msgspec.structs.replace(plain, measurements=msgspec.structs.replace(plain.measurements, forgetting=fewer))
    address = two(tmp_path, plain, plain)
    put(tmp_path, short, "runs/third", sha256="3" * 64)
    page = show("compare", reports=tmp_path, **address, beside="third")
    table = table_with(page, "C · third")
    assert set(table["C · third"]) == {"–"}, "what A and B share and C has as well does not differ"
    assert found.tasks[0].task not in set(table["about"])
    assert found.tasks[1].task in " ".join(table["about"])


def test_several_of_strangers(show: Show, tmp_path: Path) -> None:
    """Names of all stay text."""
    for number in range(3):
        put(tmp_path, samples.hostile()[0], f"{number}{samples.HOSTILE}", sha256=str(number) * 64)
    rows = list(keys(tmp_path))
    page = show("compare", reports=tmp_path, beside=[label(row, 60) for row in rows])
    assert_harmless(page)


@pytest.fixture(scope="module")
def together() -> Report:
    """Three adapters beside each other, one of which is a bfloat16 copy of another."""
    (made,) = loradiag.compare([ADAPTERS / name for name in ("healthy", "rslora", "partly_dead")])
    return made


def test_all_with_all(show: Show, tmp_path: Path, together: Report) -> None:
    """Every pair is twice in the matrix and once in the table, with the report's numbers."""
    put(tmp_path, together, "several")
    found = together.measurements.comparison
    assert found is not None
    frame, names, look = matrix_frame(found, "cosine")
    assert (len(frame), len(names), look.diverging) == (6, 3, True)
    assert sorted(frame["value"]) == pytest.approx(sorted([pair.cosine for pair in found.pairs if pair.cosine] * 2))
    table = pairs_frame(found)
    most = max(found.pairs, key=lambda pair: pair.interference or 0.0)
    assert table["interference"].iloc[0] == pytest.approx(most.interference)
    page = show("compare", reports=tmp_path, of="overlap")
    assert len(table_with(page, "relation").dropna()) >= 3
    page.selectbox(key="kept-by").set_value("cosine").run()
    assert page.query_params["by"] == "cosine"
    assert any("Cosine, all with all" in text.value for text in page.markdown)


def test_overlaps_stand_beside_chance(together: Report) -> None:
    """Each module has the overlap and what chance gives on the side that is chosen."""
    found = together.measurements.comparison
    assert found is not None
    rows = {row.name: row for row in found.pairs[0].modules}
    frame = overlaps_frame(found.pairs[0].modules, "right")
    assert len(frame) == len(rows)
    for line in frame.itertuples():
        assert (line.overlap, line.chance) == (rows[str(line.module)].right, rows[str(line.module)].right_expected)


@pytest.mark.parametrize("way", ["reports", "overlap", "run"])
def test_nothing_to_compare(show: Show, tmp_path: Path, way: str) -> None:
    """Every way says what to run."""
    page = show("compare", reports=tmp_path, of=way)
    assert page.code[0].value.startswith("loradiag ")


def test_text_of_strangers_stays_text(show: Show, tmp_path: Path) -> None:
    """Names, modules and messages of both reports."""
    (made,) = samples.hostile()
    put(tmp_path, made, f"runs/{samples.HOSTILE}", sha256="1" * 64)
    put(tmp_path, made, f"runs/other{samples.HOSTILE}", sha256="2" * 64)
    page = show("compare", reports=tmp_path)
    assert "alert" in said(page)
    assert_harmless(page)


@pytest.mark.parametrize("way", ["overlap", "run"])
def test_names_of_strangers_stay_text(show: Show, tmp_path: Path, way: str) -> None:
    """Names of adapters, of modules and of sets of held-out text."""
    made = run_of(samples.HOSTILE) if way == "run" else report(Measurements(comparison=strange()))
    put(tmp_path, made, samples.HOSTILE)
    page = show("compare", reports=tmp_path, of=way)
    assert "alert" in said(page) + "".join(frame.value.to_csv() for frame in page.dataframe) + "".join(charts(page))
    assert_harmless(page)


def test_the_checkpoints_of_a_run(show: Show, tmp_path: Path) -> None:
    """The checkpoint to take is marked, and the numbers are the report's."""
    (made,) = loradiag.compare([ADAPTERS / "series"])
    series = made.measurements.trajectory
    assert series is not None
    put(tmp_path, made, "runs/r")
    page = show("compare", reports=tmp_path, of="run")
    table = table_with(page, "checkpoint")
    assert list(table["step"]) == [row.step for row in series.steps]
    assert list(table["‖ΔW‖F"]) == pytest.approx([row.frobenius_norm for row in series.steps])
    assert sum(mark.startswith("★") for mark in table[""]) == 1

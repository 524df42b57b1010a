"""The page of the fleet."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from streamlit.testing.v1 import AppTest

import loradiag
from loradiag.core.report import encode
from tests.conftest import FIXTURES
from tests.dashboards.conftest import Show
from tests.dashboards.putting import assert_harmless
from tests.outputs.samples import HOSTILE


@pytest.mark.models
def test_the_worst_comes_first(show: Show, made: Path) -> None:
    """An open alarm, then what fails; the metrics count all rows."""
    page = show("fleet", reports=made / "reports", traffic=made / "lake")
    table = page.dataframe[0].value
    order = [row[0].split()[-1] for row in table["state"]]
    assert order[0] == "alarm"
    assert order == sorted(order, key=["alarm", "fail", "undecided", "look", "sound", "unknown"].index)
    counted = {metric.label.split()[-1]: metric.value for metric in page.metric}
    assert counted["Failing"] == str(order.count("fail"))


def test_filters_and_search(show: Show, tmp_path: Path) -> None:
    """What is asked for in the address is what is shown; states are counted over all."""
    folder = of_three(tmp_path)
    assert names(show("fleet", reports=folder)) == ["partly_dead", "over_scaled", "healthy"]
    assert names(show("fleet", reports=folder, q="LD107")) == ["partly_dead"]
    assert names(show("fleet", reports=folder, state="✓ sound")) == ["healthy"]
    nobody = show("fleet", reports=folder, q="nobody is called so")
    assert not nobody.dataframe
    assert any("No adapter is left" in text.value for text in nobody.markdown)
    assert [metric.value for metric in nobody.metric if "Failing" in metric.label] == ["1"]


def test_nothing_yet(show: Show, tmp_path: Path) -> None:
    """An empty folder says what to run."""
    page = show("fleet", reports=tmp_path)
    assert any("loradiag inspect" in code.value for code in page.code)
    assert not page.dataframe


def test_what_cannot_be_read_is_said(show: Show, tmp_path: Path) -> None:
    """A torn report is named above the page; the others stay."""
    folder = of_three(tmp_path)
    (folder / "torn_[x](y).json").write_text('{"schema_version": "1.7", "reports": [')
    page = show("fleet", reports=folder)
    assert len(names(page)) == 3
    assert any("1 thing could not be read" in one.label for one in page.expander)
    assert any("torn\\_\\[x\\]\\(y\\)" in text.value for text in page.markdown)


def test_names_of_strangers_stay_text(show: Show, tmp_path: Path) -> None:
    """In lines that Markdown reads they are escaped; in cells they are printable, and no formulas."""
    report = loradiag.inspect(FIXTURES / "adapters" / "partly_dead")
    for number, name in enumerate((HOSTILE, "=1+1", "![x](http://a.example/x.png)")):
        subject = msgspec.structs.replace(report.subject, path=name, sha256=f"{number}" * 64, base=HOSTILE)
        (tmp_path / f"{number}.json").write_bytes(encode(msgspec.structs.replace(report, subject=subject)))
    page = show("fleet", reports=tmp_path)
    assert_harmless(page)
    assert "'=1+1" in names(page)


def names(page: AppTest) -> list[str]:
    """The adapters in the table."""
    return list(page.dataframe[0].value["adapter"])


def of_three(folder: Path) -> Path:
    """A folder with the reports of three adapters: one fails, one has warnings, one is sound."""
    found = folder / "reports"
    found.mkdir()
    for name in ("healthy", "over_scaled", "partly_dead"):
        (found / f"{name}.json").write_bytes(encode(loradiag.inspect(FIXTURES / "adapters" / name)))
    return found

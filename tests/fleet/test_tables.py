"""The table of the fleet in its formats, read back by others' readers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from loradiag.core.errors import UsageError
from loradiag.fleet.tables import check_table, write_table
from tests.outputs.samples import HOSTILE
from tests.rules.fleet import adapter, fleet

FOUND = fleet(
    adapter("a", codes=["LD107", "LD206"], outlying={"kurtosis": 7.5}), adapter("b", owner="=cmd()", rank=None)
)


def test_parquet_is_read_back(tmp_path: Path) -> None:
    """By pandas, with lists and scores."""
    pandas = pytest.importorskip("pandas")
    write_table(FOUND, tmp_path / "t.parquet")
    table = pandas.read_parquet(tmp_path / "t.parquet")
    assert table["path"].tolist() == ["adapters/a", "adapters/b"]
    assert list(table["codes"][0]) == ["LD107", "LD206"]
    assert table["outlying"][0] == [("kurtosis", 7.5)]
    assert table["frobenius_norm"].tolist() == [3.0, 3.0]
    assert table["rank"].isna().tolist() == [False, True]
    assert table["stamped"].dtype == bool


def test_csv_defuses_formulas(tmp_path: Path) -> None:
    """Whatever a stamp says runs in no spreadsheet, and control characters are escaped."""
    write_table(fleet(*FOUND.adapters, adapter(HOSTILE)), tmp_path / "t.csv")
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert (rows[0]["codes"], rows[0]["outlying"]) == ("LD107 LD206", "kurtosis=+7.5")
    assert rows[1]["owner"] == "'=cmd()"
    assert len(rows) == 3
    assert "\x1b" not in (tmp_path / "t.csv").read_text()


def test_json_has_a_row_each(tmp_path: Path) -> None:
    """Under ``adapters``."""
    write_table(FOUND, tmp_path / "t.json")
    assert [row["path"] for row in json.loads((tmp_path / "t.json").read_text())["adapters"]] == [
        "adapters/a",
        "adapters/b",
    ]


@pytest.mark.parametrize(("name", "said"), [("t.xlsx", "end it in"), ("none/t.csv", "no such folder")])
def test_where_it_cannot_be_written_is_said_first(name: str, said: str, tmp_path: Path) -> None:
    """Before any work is done."""
    with pytest.raises(UsageError, match=said):
        check_table(str(tmp_path / name))

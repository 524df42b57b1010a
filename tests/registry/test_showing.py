"""What is shown and exported: nothing of it can fool a terminal or a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from loradiag.outputs.style import Style
from loradiag.outputs.terminal.portrait import detail_text
from loradiag.outputs.terminal.registry import best_text, list_text
from loradiag.registry.best import Asked, best
from loradiag.registry.exporting import TABLES, as_csv, as_json, as_parquet, columns_of, flat, rows_of
from loradiag.registry.lifecycle import Change, Result, change
from loradiag.registry.lookup import find
from loradiag.registry.queries import detail, listed
from loradiag.registry.recording import record
from loradiag.registry.store import Store, open_store
from tests.outputs.test_contract import RAW
from tests.registry.building import evaluated, inspection, score, sha

NASTY = "=cmd|'/c calc'!A1\x1b[31m\u202e\x9b"


@pytest.fixture
def nasty(tmp_path: Path) -> Any:
    """An adapter of which every text is hostile."""
    with open_store(tmp_path / "r.sqlite") as store:
        record(store, inspection("a", path=f"/fleet/{NASTY}", base=NASTY, revision=NASTY, method=NASTY, failing=True))
        record(store, evaluated("a", score(NASTY, metric=NASTY, route=NASTY), score()))
        said = Change(
            owner=NASTY, label=NASTY, notes=NASTY, tags=(NASTY,), stage="live", results=(Result(NASTY, 0.5, NASTY),)
        )
        with store.writing() as session:
            change(session, find(session, sha("a")), said, who=NASTY, why=NASTY)
        yield store


def test_reports_are_told_of_without_being_fetched(store: Store) -> None:
    """Of an adapter with many reports their documents would be most of the registry."""
    for day in (1, 2):
        record(store, inspection("a", created=f"2026-08-0{day}T00:00:00Z", revision=f"{day}"))
    asked: list[str] = []
    with store.reading() as session:
        event.listen(session.connection(), "before_cursor_execute", lambda *told: asked.append(told[2]))
        found = detail(session, find(session, sha("a")))
    assert [(row.created[:10], row.confirmed[:10], row.verdict) for row in found.reports] == [
        ("2026-08-01", "2026-08-01", "pass"),
        ("2026-08-02", "2026-08-02", "pass"),
    ]
    assert any("loradiag_reports" in query for query in asked)
    assert not any("document" in query for query in asked)


def test_nothing_raw_reaches_a_terminal(nasty: Store) -> None:
    """Lists, portraits, rankings, JSON and CSV."""
    with nasty.reading() as session:
        texts = [
            as_json(session, documents=True),
            *(as_csv(rows_of(session, table), columns_of(table)) for table in TABLES),
        ]
        for width in (60, 100, 200):
            style = Style(width=width, verbose=True)
            texts.append(list_text(listed(session), style))
            texts.append(detail_text(detail(session, find(session, sha("a"))), style))
            texts.append(best_text(best(session, Asked(task=NASTY)), style))
            assert all(len(line) <= width for text in texts[-3:] for line in text.splitlines())
    for text in texts:
        assert RAW.search(text) is None


def test_no_cell_is_a_formula(nasty: Store) -> None:
    """A quote goes before what a spreadsheet would run."""
    with nasty.reading() as session:
        for table in TABLES:
            for row in csv.reader(io.StringIO(as_csv(rows_of(session, table), columns_of(table)))):
                assert not any(cell.startswith(("=", "@", "\t")) for cell in row)


def test_lists_fit_narrow_terminals(tmp_path: Path) -> None:
    """What tells least goes first; hash and name stay."""
    with open_store(tmp_path / "r.sqlite") as store:
        for number in range(3):
            record(store, inspection(f"an-adapter-with-a-long-name-{number}"))
        with store.reading() as session:
            rows = listed(session)
    for width in (40, 60, 80, 120):
        text = list_text(rows, Style(width=width))
        assert all(len(line) <= width for line in text.splitlines()), text
        assert rows[0].sha256[:12] in text
    assert "stage" in list_text(rows, Style(width=60))
    assert "seen" in list_text(rows, Style(width=160))
    assert list_text([], Style()) == "no adapters\n"


def test_a_portrait(tmp_path: Path) -> None:
    """Facts, last verdicts, results over time with a curve, and the history in words."""
    with open_store(tmp_path / "r.sqlite") as store:
        record(store, inspection("a"))
        for month, value in enumerate((0.5, 0.6, 0.7), 6):
            record(store, evaluated("a", score(value=value), created=f"2026-0{month}-01T00:00:00Z"))
        with store.writing() as session:
            change(session, find(session, "a"), Change(stage="live"), who="ann", why="good enough")
        with store.reading() as session:
            text = detail_text(detail(session, find(session, "a")), Style())
    for part in ("forgetting", "▁", "█", "0.7", "stage: live (good enough)", "ann", "first seen at /fleet/a", "nobody"):
        assert part in text, part


def test_bounds_beyond_all_numbers_are_none(tmp_path: Path) -> None:
    """A score may be as large as a number gets, and its standard error too; JSON has no infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    with open_store(tmp_path / "r.sqlite") as store:
        record(store, inspection("a"))
        with store.writing() as session:
            said = Change(results=(Result("perplexity", 1e308, standard_error=1e308),))
            change(session, find(session, "a"), said, who="ann")
        with store.reading() as session:
            text = as_json(session)
    (row,) = json.loads(text, parse_constant=refuse)["adapters"][0]["detail"]["evaluations"]
    assert (row["value"], row["low"], row["high"]) == (1e308, None, None)


def test_exports_have_everything(tmp_path: Path) -> None:
    """JSON nests it; tables have a row each; Parquet reads back as CSV does."""
    pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    import pyarrow.parquet as parquet

    with open_store(tmp_path / "r.sqlite") as store:
        for name in ("a", "b"):
            record(store, inspection(name))
            record(store, evaluated(name, score(), score("other", 0.4)))
        with store.reading() as session:
            found = json.loads(as_json(session))["adapters"]
            whole = json.loads(as_json(session, documents=True))["adapters"]
            counts = {table: len(rows_of(session, table)) for table in TABLES}
            rows = rows_of(session, "evaluations")
            content = as_parquet(rows, columns_of("evaluations"))
            lines = listed(session)
    assert counts == {"adapters": 2, "evaluations": 4, "reports": 4, "events": 2, "sightings": 2}
    assert [len(one["detail"]["evaluations"]) for one in found] == [2, 2]
    assert "documents" not in found[0]
    assert {doc["subject"]["sha256"] for one in whole for doc in one["documents"].values()} == {sha("a"), sha("b")}
    table = parquet.read_table(io.BytesIO(content)).to_pylist()
    assert [(row["task"], row["value"], row["sha256"]) for row in table] == [
        (row["task"], row["value"], row["sha256"]) for row in rows
    ]
    assert set(columns_of("adapters")) == set(flat(lines[0]))

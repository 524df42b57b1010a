"""A folder of reports: each file is read once, what is no report is passed over, and what is broken is named."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from pathlib import Path

import pytest

import loradiag
from loradiag.core.errors import InputError
from loradiag.core.report import Report, Reports, encode
from loradiag.overview import shelf as room
from loradiag.overview.shelf import Shelf
from tests.conftest import FIXTURES


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    """Of two adapters, one of them dead in part."""
    return [loradiag.inspect(FIXTURES / "adapters" / name) for name in ("healthy", "partly_dead")]


@pytest.fixture
def folder(tmp_path: Path, reports: list[Report]) -> Path:
    """Two reports in folders, one file of both, and JSON of others."""
    found = tmp_path / "reports"
    (found / "deep" / "er").mkdir(parents=True)
    (found / "one.json").write_bytes(encode(reports[0]))
    (found / "deep" / "er" / "both.json").write_bytes(encode(Reports(reports=reports)))
    (found / "adapter_config.json").write_text(json.dumps({"r": 8, "peft_type": "LORA"}))
    (found / ".half.json").write_bytes(encode(reports[1]))
    return found


def test_every_report_has_a_card(folder: Path, reports: list[Report]) -> None:
    """Cards say what the reports say; other JSON and hidden files have none and are no flaw."""
    shelf = Shelf(folder)
    assert shelf.refresh()
    assert sorted(card.key for card in shelf.cards) == ["deep/er/both.json#0", "deep/er/both.json#1", "one.json#0"]
    assert shelf.flawed == {}
    card = next(card for card in shelf.cards if card.key == "deep/er/both.json#1")
    assert (card.name, card.verdict, card.kind) == ("partly_dead", "fail", "inspect")
    assert card.errors == sum(finding.severity == "error" for finding in reports[1].findings)
    assert "LD107" in card.codes
    assert card.sha256 == reports[1].subject.sha256
    assert shelf.report(card) == reports[1]


def test_a_file_is_read_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a second look nor the next process opens a file that did not change; what changed is read again."""
    opened: list[str] = []
    real = room._shelved
    monkeypatch.setattr(room, "_shelved", lambda path, name, state: (opened.append(name), real(path, name, state))[1])
    memory = tmp_path / "memory.sqlite"
    Shelf(folder, memory).refresh()
    assert len(opened) == 3
    later = Shelf(folder, memory)
    assert not later.refresh()
    assert len(later.cards) == 3
    assert len(opened) == 3
    path = folder / "one.json"
    path.write_bytes(path.read_bytes() + b"\n")
    assert later.refresh()
    assert opened[3:] == ["one.json"]
    path.unlink()
    assert later.refresh()
    assert len(later.cards) == 2
    assert len(Shelf(folder, memory)._files) == 2


def test_what_is_broken_is_named_and_costs_nothing_else(folder: Path, reports: list[Report]) -> None:
    """A report cut in half, one of another schema and one with a strange name are named; the others stay."""
    whole = encode(reports[0])
    (folder / "half.json").write_bytes(whole[: len(whole) // 2])
    (folder / "old.json").write_bytes(whole.replace(b'"schema_version": "', b'"schema_version": "9', 1))
    (folder / "\x1b[31mred.json").write_bytes(b'{"schema_version": 1}')
    shelf = Shelf(folder)
    shelf.refresh()
    assert len(shelf.cards) == 3
    assert set(shelf.flawed) == {"half.json", "old.json", "\\x1b[31mred.json"}
    assert "schema" in shelf.flawed["old.json"]
    (folder / "half.json").write_bytes(whole)
    shelf.refresh()
    assert "half.json" not in shelf.flawed
    assert len(shelf.cards) == 4


def test_a_name_that_is_not_utf_8_is_named(folder: Path, tmp_path: Path, reports: list[Report]) -> None:
    """It cannot be remembered or shown; it is named in a form that can."""
    with open(os.fsencode(folder) + b"/caf\xe9.json", "wb") as file:
        file.write(encode(reports[0]))
    shelf = Shelf(folder, tmp_path / "memory.sqlite")
    shelf.refresh()
    assert len(shelf.cards) == 3
    assert list(shelf.flawed.values()) == ["has a name that is not UTF-8; rename it"]
    assert not shelf.refresh()


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be taken for one" * 40])
def test_a_damaged_memory_is_no_error(folder: Path, tmp_path: Path, content: bytes) -> None:
    """Cards are made again."""
    memory = tmp_path / "memory.sqlite"
    memory.write_bytes(content)
    shelf = Shelf(folder, memory)
    shelf.refresh()
    assert len(shelf.cards) == 3


def test_cards_of_another_version_are_made_again(folder: Path, tmp_path: Path) -> None:
    """What an older loradiag remembered is not believed."""
    memory = tmp_path / "memory.sqlite"
    Shelf(folder, memory).refresh()
    with sqlite3.connect(memory) as database:
        database.execute("UPDATE files SET form = 'of old', cards = x'90'")
    shelf = Shelf(folder, memory)
    assert shelf.refresh()
    assert len(shelf.cards) == 3


def test_many_threads_share_a_shelf(folder: Path, reports: list[Report]) -> None:
    """Refreshing and reading at once neither fails nor shows half of anything."""
    shelf = Shelf(folder)
    shelf.refresh()
    seen: list[int] = []
    errors: list[BaseException] = []

    def look() -> None:
        try:
            for _ in range(20):
                shelf.refresh()
                seen.append(len(shelf.cards))
        except BaseException as error:  # a thread's failure is no failure of the test by itself
            errors.append(error)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(20):
        (folder / f"more-{number}.json").write_bytes(encode(reports[0]))
    for thread in threads:
        thread.join()
    shelf.refresh()
    assert errors == []
    assert len(shelf.cards) == 23
    assert set(seen) <= set(range(3, 24))


def test_a_missing_folder_and_a_missing_report_are_errors(folder: Path, tmp_path: Path) -> None:
    """Both name the file."""
    with pytest.raises(InputError, match="no folder of reports"):
        Shelf(tmp_path / "nowhere")
    shelf = Shelf(folder)
    shelf.refresh()
    card = next(card for card in shelf.cards if card.file == "one.json")
    (folder / "one.json").unlink()
    with pytest.raises(InputError, match=r"one\.json"):
        shelf.report(card)


def test_a_fleet_gives_a_card_for_each_adapter(tmp_path: Path) -> None:
    """With its own path, verdict and hash."""
    [report] = [loradiag.scan_fleet([str(FIXTURES / "adapters" / name) for name in ("healthy", "untrained")])]
    (tmp_path / "fleet.json").write_bytes(encode(report))
    shelf = Shelf(tmp_path)
    shelf.refresh()
    rows = {card.name: card for card in shelf.cards if card.kind == "fleet-row"}
    assert {name: row.verdict for name, row in rows.items()} == {"healthy": "pass", "untrained": "fail"}
    assert {row.key for row in rows.values()} == {"fleet.json#0.0", "fleet.json#0.1"}


def test_one_report_of_many_is_read_alone(folder: Path, reports: list[Report], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its own bytes are decoded; where another file lies there by now, that one's report of the same place."""
    shelf = Shelf(folder)
    shelf.refresh()
    card = next(card for card in shelf.cards if card.key == "deep/er/both.json#1")
    path = folder / card.file
    data = path.read_bytes()
    assert json.loads(data[card.start : card.end]) == json.loads(data)["reports"][1]
    sizes: list[int] = []
    real = room.decode
    monkeypatch.setattr(room, "decode", lambda data, name: (sizes.append(len(data)), real(data, name))[1])
    assert shelf.report(card) == reports[1]
    assert sizes == [card.end - card.start]
    path.write_bytes(encode(Reports(reports=[reports[1], reports[0]])))
    assert shelf.report(card) == reports[0]
    path.write_bytes(encode(Reports(reports=reports[:1])))
    with pytest.raises(InputError, match="fewer reports"):
        shelf.report(card)


def test_a_folder_that_is_gone_for_a_moment_loses_nothing(folder: Path, tmp_path: Path) -> None:
    """A refresh says so, cards stay, and the next one goes on."""
    shelf = Shelf(folder, tmp_path / "memory.sqlite")
    shelf.refresh()
    folder.rename(tmp_path / "away")
    with pytest.raises(InputError, match="no folder of reports"):
        shelf.refresh()
    assert len(shelf.cards) == 3
    (tmp_path / "away").rename(folder)
    assert not shelf.refresh()
    assert len(shelf.cards) == 3

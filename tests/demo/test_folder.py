"""Whose a folder is, and what becomes of a demonstration that was interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from loradiag.cli.demo import demo
from loradiag.core.errors import EXIT_USAGE, UsageError
from loradiag.demo.building import COMPARED, INSPECTED, make_demo
from loradiag.demo.folder import begin, finish, finished


def refused(*arguments: str) -> str:
    """What the command says of a wrong use."""
    error = CliRunner().invoke(demo, list(arguments)).exception
    assert isinstance(error, UsageError)
    assert error.exit_code == EXIT_USAGE
    return str(error)


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    """It is named, and left as it is."""
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "reports").mkdir()
    assert str(tmp_path) in refused("--folder", str(tmp_path), "--only-data")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reports", "thesis.tex"]


def test_a_damaged_mark_is_no_mark(tmp_path: Path) -> None:
    """A file of that name which says something else makes no demonstration."""
    (tmp_path / "demo.json").write_text("[]")
    assert "not empty" in refused("--folder", str(tmp_path), "--only-data")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """It is refused as every command refuses one."""
    file = tmp_path / "file"
    file.write_text("")
    assert CliRunner().invoke(demo, ["--folder", str(file)]).exit_code == EXIT_USAGE


def test_only_data_goes_somewhere() -> None:
    """A temporary folder would be gone at once."""
    assert "--folder" in refused("--only-data")


def test_begun_and_finished(tmp_path: Path) -> None:
    """Only a finished one is one; what is no part of it stays when it is begun anew."""
    folder = tmp_path / "deep" / "demo"
    assert finished(folder) is None
    begin(folder)
    assert finished(folder) is None
    (folder / "lake").mkdir()
    (folder / "notes.txt").write_text("mine")
    begin(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["demo.json", "notes.txt"]
    finish(folder)
    mark = finished(folder)
    assert mark is not None
    assert mark.finished


def stop_at(title: str, seen: list[str]) -> object:
    """Progress that interrupts when a part begins."""

    def told(part: str, done: int, total: int) -> None:
        seen.append(part)
        if part == title:
            raise KeyboardInterrupt

    return told


def test_an_interrupted_one_is_begun_anew(tmp_path: Path) -> None:
    """What was half made is gone the next time, and everything is made from its beginning."""
    folder, where = tmp_path / "demo", Path.cwd()
    with pytest.raises(KeyboardInterrupt):
        make_demo(folder, stop_at(INSPECTED.title, []))  # type: ignore[arg-type]
    assert Path.cwd() == where
    half = folder / "adapters" / "ledger" / "half"
    half.write_text("")
    seen: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        make_demo(folder, stop_at(COMPARED.title, seen))  # type: ignore[arg-type]
    assert seen[1:] == [INSPECTED.title, COMPARED.title]
    assert not half.exists()
    assert len(list((folder / "reports").iterdir())) > 20
    assert finished(folder) is None

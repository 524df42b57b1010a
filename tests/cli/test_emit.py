"""What commands print and write, by itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest

from loradiag.api import default_policy
from loradiag.cli.emit import Output, echo_json
from loradiag.core.errors import UsageError


class Told(msgspec.Struct):
    """What a command found."""

    path: str
    size: float


def test_json_is_fit_for_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Controls are escapes that say the same; NaN is null; bytes of a path that are no UTF-8 can be read."""
    echo_json({"rows": [Told("\x1b[31m\x9b\u202eé", float("nan"))], "\x7f": 1})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"rows": [{"path": "\x1b[31m\x9b\u202eé", "size": None}], "\x7f": 1}
    assert all(character.isprintable() or character == "\n" for character in shown)
    echo_json([Told(os.fsdecode(b"a\xffb"), 0.5)])
    assert json.loads(capsys.readouterr().out) == [{"path": "a\\xffb", "size": 0.5}]


def into(*files: Path | None) -> Output:
    """An output of which each part goes there."""
    targets = [("json", None if file is None else str(file)) for file in files]
    return Output(policy=default_policy(), targets=targets, asked=True, quiet=False, color="never")


def test_files_without_a_folder_are_refused_early(tmp_path: Path) -> None:
    """Unless the command makes the folder; standard output needs none."""
    into(None, tmp_path / "report.json").check_places()
    lost = into(None, tmp_path / "new" / "deep" / "report.json")
    with pytest.raises(UsageError, match=r"--output .*report\.json: there is no such folder"):
        lost.check_places()
    lost.check_places(made=str(tmp_path / "new"))
    with pytest.raises(UsageError, match="no such folder"):
        lost.check_places(made=str(tmp_path / "ne"))


def test_streams_need_no_folder_that_may_be_written(tmp_path: Path) -> None:
    """Nobody may make files in /proc, and /dev/stdout lies there."""
    with (tmp_path / "out").open("wb") as file:
        place = Path(f"/proc/self/fd/{file.fileno()}")
        into(place).check_places()
        into(place).emit([])
    assert json.loads((tmp_path / "out").read_bytes())["reports"] == []

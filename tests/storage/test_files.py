"""Files that are read at given positions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loradiag.core.errors import InputError
from loradiag.storage.files import PositionedFile

LATE = """
import sys
from pathlib import Path
from loradiag.storage import files
kept = files.PositionedFile(Path(sys.argv[1]))
files.os = None
del kept
"""


def test_a_file_that_is_dropped_last_is_closed_in_silence(tmp_path: Path) -> None:
    """As at the end of the interpreter, when the module's names are gone."""
    (tmp_path / "a").write_bytes(b"1")
    done = subprocess.run([sys.executable, "-c", LATE, str(tmp_path / "a")], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_what_is_closed_cannot_be_read(tmp_path: Path) -> None:
    """And may be closed again."""
    (tmp_path / "a").write_bytes(b"123")
    file = PositionedFile(tmp_path / "a")
    assert (file.bytes_at(1, 10), file.bytes_at(5, 10)) == (b"23", b"")
    file.close()
    file.close()
    with pytest.raises(InputError, match="cannot be read"):
        file.bytes_at(0, 1)

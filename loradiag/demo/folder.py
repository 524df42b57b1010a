"""The folder of a demonstration: begun, finished, or somebody else's."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.core.times import now
from loradiag.storage.writing import write_whole

MARK = "demo.json"
PARTS = (
    "adapters",
    "base",
    "baselines",
    "cache",
    "data",
    "encoder",
    "incoming",
    "lake",
    "logs",
    "registry",
    "reports",
    "tasks",
)
"""What a demonstration makes; of an interrupted one nothing else is removed."""


class Mark(msgspec.Struct, frozen=True):
    """What lies in the folder beside the data: when it was begun, and whether it was finished."""

    began: str
    finished: bool


def finished(folder: Path) -> Mark | None:
    """The mark of a demonstration that was finished; None where one is to be made.

    Raises:
        UsageError: The folder holds other things.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    try:
        mark = msgspec.json.decode((folder / MARK).read_bytes(), type=Mark)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"{printable(str(folder))}: is no demonstration, and not empty; name a folder that is empty or not there"
        ) from error
    return mark if mark.finished else None


def begin(folder: Path) -> None:
    """Make an empty folder that says that it is not finished; what an interrupted demonstration left is removed.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in PARTS:
            if (folder / name).exists():
                shutil.rmtree(folder / name)
    except OSError as error:
        raise UsageError(f"{printable(str(folder))}: cannot be written ({error.strerror})") from error
    _write(folder, Mark(began=now(), finished=False))


def finish(folder: Path) -> None:
    """Say that it is finished."""
    began = msgspec.json.decode((folder / MARK).read_bytes(), type=Mark).began
    _write(folder, Mark(began=began, finished=True))


def _write(folder: Path, mark: Mark) -> None:
    write_whole(folder / MARK, msgspec.json.format(msgspec.json.encode(mark), indent=1) + b"\n")

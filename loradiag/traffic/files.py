"""Which files a lake has, and which of them can be read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from loradiag.core.drift import FlawedFile
from loradiag.core.errors import InputError
from loradiag.core.lazy import require
from loradiag.core.text import printable, shorten
from loradiag.traffic.schema import MARK, MERGES, UNDATED, VERSION, date_of, schema
from loradiag.traffic.taking import is_whole

OWN = ("_rejected", "_state")
"""Folders of a lake that hold no requests."""


class LakeFile(msgspec.Struct, frozen=True):
    """One file of requests: its partition's ``date`` (or ``undated``) and ``bucket``, and how many ``rows`` it has.

    ``merges`` names files of its partition that it was made of.
    """

    path: Path
    date: str
    bucket: str
    rows: int
    merges: tuple[str, ...] = ()


def find_files(lake: Path) -> tuple[list[LakeFile], list[FlawedFile]]:
    """Return the files of a lake by date and name, and those that are left out, with the reason.

    Files that are being written have names with a dot before them, and are not looked at; those that were merged into another
    are passed over.

    Raises:
        InputError: There is no such folder, or it holds other things.
    """
    check_lake(lake)
    found: list[LakeFile] = []
    flawed: list[FlawedFile] = []
    for folder in sorted(lake.glob("date=*/bucket=*")):
        live, _, torn = files_of(folder)
        found += live
        flawed += torn
    return found, flawed


def check_lake(lake: Path) -> None:
    """Look whether a folder is a lake; an empty one may become one.

    Raises:
        InputError: There is no such folder, it holds other things, or may not be looked into.
    """
    if not os.path.isdir(lake):
        raise InputError(lake, "is no lake: there is no such folder", "make one: loradiag traffic ingest", "missing")
    try:
        names = os.listdir(lake)
    except OSError as error:
        raise InputError(lake, f"cannot be read ({error.strerror})", "check its permissions") from error
    if names and not any(name.startswith("date=") or name in OWN for name in names):
        raise InputError(lake, "is no lake: it holds other things", "name the folder that traffic ingest wrote")


def files_of(folder: Path) -> tuple[list[LakeFile], list[LakeFile], list[FlawedFile]]:
    """Return the files of a partition: those to read, those that were merged into one of these, and those left out."""
    found: list[LakeFile] = []
    flawed: list[FlawedFile] = []
    for path in sorted(folder.glob("[!._]*")):
        try:
            found.append(look_at(path))
        except InputError as error:
            if not os.path.lexists(path):
                return files_of(folder)  # it was merged and removed between two calls
            flawed.append(FlawedFile(file=printable(str(path)), problem=error.problem))
    merged = {name for file in found for name in file.merges}
    live = [file for file in found if file.path.name not in merged]
    return live, [file for file in found if file.path.name in merged], flawed


def look_again(files: Sequence[LakeFile]) -> tuple[list[LakeFile], set[Path], list[FlawedFile]]:
    """Return what can be read in place of files that could not: those that are whole, and what others were merged into.

    Returns:
        The files, the paths that are gone or damaged, and of the damaged ones the reason.
    """
    missing = {file.path for file in files if not file.path.exists()}
    found = {file.path: file for file in files if file.path not in missing}
    for folder in sorted({path.parent for path in missing}):
        for file in files_of(folder)[0]:
            found.setdefault(file.path, file)
    damaged = {path for path in found if not is_whole(path)}
    if not all(path.exists() for path in damaged):
        return look_again(files)  # one was merged and removed between two calls
    flawed = [FlawedFile(file=printable(str(path)), problem="is damaged") for path in sorted(damaged)]
    whole = sorted((file for path, file in found.items() if path not in damaged), key=lambda file: file.path)
    return whole, missing | damaged, flawed


def look_at(path: Path) -> LakeFile:
    """Return what a file's footer says.

    Raises:
        InputError: It is none of the lake's, or torn.
    """
    parquet = require("pyarrow.parquet", "drift")
    if path.suffix != ".parquet":
        raise InputError(path, "is no Parquet file")
    try:
        footer = parquet.read_metadata(path)
        columns = footer.schema.to_arrow_schema()
    except Exception as error:  # pyarrow raises its own errors and those of the system
        reason = shorten(printable(str(error).partition("\n")[0]), 120)
        raise InputError(path, f"is torn or no Parquet ({reason})") from error
    told = (footer.metadata or {}).get(MARK)
    if told != VERSION:
        problem = "was not written by loradiag" if told is None else "was written by another version of loradiag"
        raise InputError(path, problem)
    _check_columns(path, columns)
    date, bucket = (part.name.partition("=")[2] for part in (path.parent.parent, path.parent))
    merges = (footer.metadata or {}).get(MERGES, b"").decode("utf-8", "replace").split()
    return LakeFile(path, date, bucket, footer.num_rows, tuple(merges))


def _check_columns(path: Path, columns: Any) -> None:
    """Look whether all columns are there, once each and of their types: queries and merges go over many files at once."""
    kinds = {field.name: field.type for field in columns}
    for field in schema():
        if field.name not in kinds:
            raise InputError(path, f"lacks the column {field.name}")
        if kinds[field.name] != field.type or columns.names.count(field.name) > 1:
            raise InputError(path, f"has the column {field.name} twice or of another type")


def dated(files: Iterable[LakeFile], since: int | None, until: int | None) -> list[LakeFile]:
    """Files that may hold requests from ``since`` to before ``until``, in microseconds; undated ones only without bounds."""
    first = "" if since is None else date_of(since)
    last = "9999" if until is None else date_of(until)
    bounded = since is not None or until is not None
    return [file for file in files if (first <= file.date <= last if file.date != UNDATED else not bounded)]

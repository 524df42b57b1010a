"""What has come into a lake since it was last looked at: new files, and of these the rows that were never counted."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.core.errors import InputError
from loradiag.core.lazy import require
from loradiag.traffic.files import LakeFile, look_at
from loradiag.traffic.schema import DAY
from loradiag.traffic.taking import opened, vectors_in
from loradiag.watching.answers import WATCHED

UNDATED = -1
"""The day of requests without a time."""

_SETTLED = 5.0
"""Seconds after which a file that cannot be read will not become readable: it is torn, and named."""

_AGAIN, _LONGEST = 60.0, 3600.0
"""Seconds until a file that could not be read to its end is tried again; each time twice as many, up to an hour."""

_TICK = 2.0
"""Seconds for which a folder may change again without another time of change."""

Indexes = npt.NDArray[np.int64]
Halves = npt.NDArray[np.float16]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one file that are taken together; arrays [n].

    ``adapter`` and ``encoder`` are numbers of ``adapters`` and ``encoders``, -1 for none; ``day`` is -1 without a time.
    ``based``: whether a request names a base model.
    """

    key: npt.NDArray[np.uint64]
    adapter: Indexes
    adapters: list[str]
    encoder: Indexes
    encoders: list[str]
    time: Indexes
    day: Indexes
    conversation: npt.NDArray[np.uint64]
    text_hash: npt.NDArray[np.uint64]
    failed: npt.NDArray[np.bool_]
    based: npt.NDArray[np.bool_]
    table: Any

    def vectors(self, rows: Indexes) -> Halves:
        """Return the embeddings of some rows [k, d].

        Raises:
            InputError: They are of different lengths.
        """
        return vectors_in(self.table, rows)

    def values(self, name: str, rows: Indexes) -> npt.NDArray[np.float64]:
        """Return a numeric column of some rows [k], NaN where it is unknown."""
        arrow = require("pyarrow", "drift")
        column = self.table[name].combine_chunks().take(arrow.array(rows))
        found: npt.NDArray[np.float64] = column.cast(arrow.float64(), safe=False).to_numpy(zero_copy_only=False)
        return found


class Arrivals:
    """Files of a lake that were not counted yet, the oldest days first.

    Args:
        lake: The folder.
        counted: Names of files that were counted, within the lake.
    """

    def __init__(self, lake: Path, counted: Iterable[str]) -> None:
        self._lake = lake
        self._counted: dict[str, set[str]] = {}
        self.count(counted)
        self._unchanged: dict[str, int] = {}
        self._put_off: dict[str, tuple[float, float]] = {}
        self.flawed: dict[str, str] = {}

    def count(self, names: Iterable[str]) -> None:
        """Remember files that were counted."""
        for name in names:
            folder, _, file = name.rpartition("/")
            self._counted.setdefault(folder, set()).add(file)

    def put_off(self, file: LakeFile, problem: str) -> None:
        """Name a file that cannot be read, and look at it again later: a disk, or a limit of open files, may recover."""
        name = self.name_of(file.path)
        self.flawed[name] = problem
        wait = min(2 * self._put_off.get(name, (0.0, _AGAIN / 2))[1], _LONGEST)
        self._put_off[name] = (time.monotonic() + wait, wait)

    def name_of(self, path: Path) -> str:
        """The name of a file within the lake."""
        return path.relative_to(self._lake).as_posix()

    def files(self) -> tuple[list[LakeFile], list[str]]:
        """Return new files, and the names of counted ones that are gone.

        A folder is looked into only where it has changed. Of merged files those are passed over that are made of nothing but
        counted ones: their names are given with the new ones' as files without rows.

        Raises:
            InputError: The lake cannot be read.
        """
        new: list[LakeFile] = []
        gone: list[str] = []
        for folder in self._folders():
            name = self.name_of(folder)
            try:
                changed = folder.stat().st_mtime_ns
                if self._unchanged.get(name) == changed:
                    continue
                found, missing, settled = self._in(folder)
            except (FileNotFoundError, NotADirectoryError):
                continue  # it was removed a moment ago, or is no folder
            new += found
            gone += missing
            if settled and time.time() - changed / 1e9 > _TICK:
                self._unchanged[name] = changed
        return new, gone

    def _folders(self) -> list[Path]:
        try:
            return sorted(self._lake.glob("date=*/bucket=*"))
        except OSError as error:
            raise InputError(self._lake, f"cannot be read ({error.strerror})") from error

    def _in(self, folder: Path) -> tuple[list[LakeFile], list[str], bool]:
        """New files of a folder, names that are gone, and whether there is nothing left to wait for."""
        there = {entry.name: entry for entry in os.scandir(folder) if not entry.name.startswith((".", "_"))}
        known = self._counted.setdefault(self.name_of(folder), set())
        prefix = self.name_of(folder) + "/"
        found: list[LakeFile] = []
        settled = True
        for name in [name for name in self.flawed if name.startswith(prefix) and name[len(prefix) :] not in there]:
            del self.flawed[name]  # somebody has removed it
        for name in sorted(there.keys() - known):
            if time.monotonic() < self._put_off.get(prefix + name, (0.0, 0.0))[0]:
                settled = False
                continue
            path = folder / name
            try:
                file = look_at(path)
            except InputError as error:
                settled = self._torn(path, error) and settled
                continue
            self.flawed.pop(prefix + name, None)
            merged = bool(file.merges) and all(part in known for part in file.merges)
            found.append(msgspec.structs.replace(file, rows=0) if merged else file)
            settled = False  # until it has been counted
        superseded = {name for file in found for name in file.merges}
        found = [file for file in found if file.path.name not in superseded]
        missing = known - there.keys()
        known -= missing
        return found, [prefix + name for name in sorted(missing)], settled

    def _torn(self, path: Path, error: InputError) -> bool:
        """Name a file that cannot be read; say whether that is for good."""
        try:
            age = max(0.0, time.time() - path.stat().st_mtime)
        except OSError:
            return True  # it was merged and removed between two calls
        self.flawed[self.name_of(path)] = error.problem
        return age > _SETTLED


_COLUMNS = ("key", "adapter", "base", "time", "conversation", "text_hash", "failed", "encoder", "embedding")


def parts_of(file: LakeFile) -> Iterator[Part]:
    """Yield the rows of a file, some ten thousand at a time.

    Raises:
        InputError: It is gone, or damaged.
    """
    columns = [*_COLUMNS, *sorted({metric.column for metric in WATCHED.values()})]
    with opened(file.path) as stream:
        for group in range(stream.num_row_groups):
            yield _part(stream.read_row_group(group, columns=columns))


def _part(table: Any) -> Part:
    arrow = require("pyarrow", "drift")
    times = table["time"].combine_chunks().cast(arrow.int64()).fill_null(-1).to_numpy()
    adapter, adapters = _coded(table["adapter"])
    encoder, encoders = _coded(table["encoder"])
    return Part(
        key=_whole(table["key"]),
        adapter=adapter,
        adapters=adapters,
        encoder=encoder,
        encoders=encoders,
        time=times,
        day=np.where(times >= 0, times // DAY, UNDATED),
        conversation=_whole(table["conversation"]),
        text_hash=_whole(table["text_hash"]),
        failed=table["failed"].combine_chunks().to_numpy(zero_copy_only=False),
        based=table["base"].combine_chunks().is_valid().to_numpy(zero_copy_only=False),
        table=table,
    )


def _whole(column: Any) -> npt.NDArray[np.uint64]:
    found: npt.NDArray[np.uint64] = column.combine_chunks().fill_null(0).to_numpy()
    return found


def _coded(column: Any) -> tuple[Indexes, list[str]]:
    coded = column.combine_chunks().dictionary_encode()
    return coded.indices.fill_null(-1).to_numpy().astype(np.int64), coded.dictionary.to_pylist()


def split_by(codes: Indexes, rows: Indexes) -> Iterator[tuple[int, Indexes]]:
    """Yield each code of some rows with its rows, in their order."""
    order = rows[np.argsort(codes[rows], kind="stable")]
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    for part in np.split(order, edges):
        if part.size:
            yield int(codes[part[0]]), part


def names_in(folder: Path, files: Sequence[LakeFile]) -> list[str]:
    """Return names of files within a lake, with those that they were made of."""
    names = []
    for file in files:
        prefix = file.path.parent.relative_to(folder).as_posix()
        names += [f"{prefix}/{name}" for name in (file.path.name, *file.merges)]
    return names


def written_at(file: LakeFile) -> float:
    """Return when a file came into the lake, in seconds since 1970; now of one that was merged with others meanwhile."""
    try:
        return file.path.stat().st_mtime
    except OSError:
        return time.time()

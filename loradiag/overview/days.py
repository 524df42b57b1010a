"""A lake's requests by adapter and day: counted once in DuckDB, remembered, and counted again only where files have come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from loradiag.core.drift import FlawedFile
from loradiag.core.errors import InputError
from loradiag.core.lazy import require
from loradiag.core.text import printable
from loradiag.overview import kept
from loradiag.overview.folders import RESTLESS, Known, State, listing, states
from loradiag.overview.tallies import count_days, count_hours, hours_schema, schema
from loradiag.traffic.engine import Engine
from loradiag.traffic.files import LakeFile, check_lake, files_of, look_again
from loradiag.traffic.schema import bucket_of, date_of

Progress = Callable[[int, int], None]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_ROWS = 400_000
"""Rows that are counted together: many small folders cost one query, and memory has a bound."""

_AGAIN = 60.0
"""Seconds after which a file that could not be read is looked at again: a disk, or a limit of open files, may recover."""


class TrafficReader:
    """What is known of a lake by adapter and day, as of the last refresh. Many threads may use one reader.

    Others may write and merge files meanwhile, as with :class:`loradiag.traffic.reading.Lake`.

    Args:
        lake: What ``traffic ingest`` wrote.
        name: What it is called; its path if None.
        cache: The folder in which counts are remembered from one process to the next; loradiag's own if None.
    """

    def __init__(self, lake: Path, name: str | None = None, cache: Path | None = None) -> None:
        self.path = lake
        self.name = name or printable(str(lake))
        self._place = kept.place_of(lake, cache)
        self._known: dict[str, Known] = {}
        self._flawed: dict[str, tuple[float, list[FlawedFile]]] = {}
        self._rows: Any = None
        self._table: Any = None
        self._stands = False
        self._refreshing, self._asking = threading.Lock(), threading.Lock()

    def refresh(self, progress: Progress | None = None) -> bool:
        """Count what has come or gone since, and say whether anything changed. What was counted before a stop is kept.

        Args:
            progress: Told how many folders are counted of those that changed.

        Raises:
            InputError: There is no such lake, or it cannot be read.
            MissingExtraError: duckdb or pyarrow is not installed.
        """
        with self._refreshing:
            check_lake(self.path)
            try:
                return self._refreshed(progress or (lambda *_: None))
            except OSError as error:
                raise InputError(self.path, f"cannot be read ({error.strerror})", "look at the folder") from error

    def table(self) -> Any:
        """The days, as an Arrow table of :func:`loradiag.overview.tallies.schema` without ``part``, by adapter and date."""
        table = schema().empty_table() if self._table is None else self._table
        return table.drop_columns("part")

    @property
    def newest(self) -> datetime | None:
        """The time of the last request, in UTC."""
        found: datetime | None = require("pyarrow.compute", "drift").max(self.table()["last"]).as_py()
        return found

    @property
    def flawed(self) -> list[FlawedFile]:
        """Files that were left out, with the reason."""
        return [file for _, (_, files) in sorted(self._flawed.items()) for file in files]

    def by_hour(self, adapter: str | None, since: datetime, until: datetime) -> Any:
        """Count an adapter's requests by hour; None those without an adapter. Only files of its bucket are read.

        Args:
            adapter: Its name in the traffic.
            since: A time with its zone.
            until: Before it.

        Returns:
            An Arrow table of ``hour``, ``requests`` and ``failed``, of the hours that have any.

        Raises:
            InputError: A file cannot be read.
        """
        bounds = [(moment - _EPOCH) // timedelta(microseconds=1) for moment in (since, until)]
        first, last = (f"date={date_of(moment)}" for moment in bounds)
        folders = [
            path for path in self.path.glob(f"date=*/bucket={bucket_of(adapter)}") if first <= path.parent.name <= last
        ]
        files = [file for folder in sorted(folders) for file in files_of(folder)[0]]
        found, _ = self._asked(lambda files: count_hours(self._engine, files, adapter, bounds), files)
        return hours_schema().empty_table() if found is None else found

    def _refreshed(self, progress: Progress) -> bool:
        if self._rows is None:
            self._known, self._rows = kept.read(self._place)
        there, torn = states(self.path), self.flawed
        gone = self._known.keys() - there.keys()
        self._known = {name: folder for name, folder in self._known.items() if name in there}
        self._flawed = {name: files for name, files in self._flawed.items() if name in there}
        stale = dict(self._stale(there))
        if gone or stale:
            self._stands = False  # until all is counted: what is shown is of one moment
            self._rows = _without(self._rows, [*gone, *stale])
            try:
                self._count(stale, progress)
            finally:
                self._remember()
        shown = not self._stands and self._show()
        return shown or torn != self.flawed

    def _stale(self, there: Mapping[str, State]) -> Iterator[tuple[str, Known]]:
        """Yield folders whose files are others than when they were counted, as they are now."""
        for name, state in there.items():
            before = self._known.get(name)
            torn = self._flawed.get(name)
            if before and before.state == state != RESTLESS and not torn:
                continue
            try:
                now = Known(state, listing(self.path / name))
            except FileNotFoundError:
                continue  # it was removed a moment ago
            if before and before.listing == now.listing and not (torn and time.monotonic() - torn[0] > _AGAIN):
                self._known[name] = now
            else:
                self._known.pop(name, None)
                yield name, now

    def _count(self, stale: Mapping[str, Known], progress: Progress) -> None:
        pa = require("pyarrow", "drift")
        done = 0
        for batch in self._batches(stale):
            self._rows = pa.concat_tables([self._rows, *self._counted(batch)]).combine_chunks()
            for name in batch:
                self._known[name] = stale[name]
            done += len(batch)
            progress(done, len(stale))

    def _batches(self, names: Iterable[str]) -> Iterator[dict[str, list[LakeFile]]]:
        """The files of some folders, as many as are counted together; which are torn is noted."""
        batch: dict[str, list[LakeFile]] = {}
        for name in names:
            live, _, torn = files_of(self.path / name)
            self._note(name, torn)
            rows = sum(file.rows for files in [live, *batch.values()] for file in files)
            if batch and rows > _ROWS:
                yield batch
                batch = {}
            batch[name] = live
        if batch:
            yield batch

    def _counted(self, batch: Mapping[str, list[LakeFile]]) -> list[Any]:
        """Rows of some folders: of all together or, if a file cannot be read, of each alone."""
        files = [file for own in batch.values() for file in own]
        try:
            with self._asking:
                return [count_days(self._engine, files)] if files else []
        except InputError:
            tables = []
            for name, own in batch.items():
                table, torn = self._asked(lambda files: count_days(self._engine, files), own)
                self._note(name, [*self._flawed.get(name, (0.0, []))[1], *torn])
                tables += [] if table is None else [table]
            return tables

    def _asked(self, ask: Callable[[list[LakeFile]], Any], files: list[LakeFile]) -> tuple[Any, list[FlawedFile]]:
        """Ask once more where files are gone or damaged, and return the answer, None of no files, and the damaged ones."""
        torn: list[FlawedFile] = []
        while files:
            try:
                with self._asking:
                    return ask(files), torn
            except InputError:
                files, gone, flawed = look_again(files)
                if not gone:
                    raise
                torn += flawed
        return None, torn

    def _note(self, name: str, torn: list[FlawedFile]) -> None:
        self._flawed.pop(name, None)
        if torn:
            self._flawed[name] = (time.monotonic(), torn)

    def _remember(self) -> None:
        """Keep what was counted for other processes, but for folders with files that may be readable later."""
        known = {name: folder for name, folder in self._known.items() if name not in self._flawed}
        kept.write(self._place, known, _without(self._rows, list(self._flawed)))

    def _show(self) -> bool:
        """Show what was counted, and say whether it is anything else than before."""
        before = self._table
        self._stands = True
        self._table = self._rows.sort_by([("adapter", "ascending"), ("date", "ascending"), ("part", "ascending")])
        return self._table.num_rows > 0 if before is None else not self._table.equals(before)

    @cached_property
    def _engine(self) -> Engine:
        return Engine(self.path)


def _without(table: Any, parts: list[str]) -> Any:
    pa, compute = require("pyarrow", "drift"), require("pyarrow.compute", "drift")
    return table.filter(compute.invert(compute.is_in(table["part"], pa.array(parts, pa.string()))))

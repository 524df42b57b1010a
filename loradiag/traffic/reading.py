"""The lake, read: requests of an adapter as arrays, their embeddings as they are needed, and what can be counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.core.drift import Attribution, FlawedFile
from loradiag.core.errors import InputError
from loradiag.core.text import printable
from loradiag.traffic import taking
from loradiag.traffic.engine import Engine
from loradiag.traffic.files import LakeFile, dated, find_files, look_again
from loradiag.traffic.schema import bucket_of

Indexes = npt.NDArray[np.int64]
Halves = npt.NDArray[np.float16]
Singles = npt.NDArray[np.float32]

_COLUMNS = (
    "key",
    "coalesce(epoch_us(time), -1) AS time",
    "coalesce(conversation, 0::UBIGINT) AS conversation",
    "coalesce(text_hash, 0::UBIGINT) AS text_hash",
    "(encoder IS NOT DISTINCT FROM ?) AS embedded",
    "filename",
    "file_row_number::INTEGER AS row",
)
_DETAILS = ("request_id", "key", "prompt", "response")
_ROWS = (
    f"SELECT {', '.join(_COLUMNS)} FROM requests WHERE adapter = ? AND (NOT failed OR ?) "  # noqa: S608 - of constants
    "AND coalesce(epoch_us(time) >= ?, ? IS NULL) AND coalesce(epoch_us(time) < ?, ? IS NULL)"
)


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one adapter in the order of time, those without a time last; all arrays [n].

    Attributes:
        key: Identifies the record.
        time: Microseconds since 1970; -1 where there is none.
        conversation: 0 where there is none.
        text_hash: 0 where there was no text.
        embedded: Whether there is a vector by the encoder that was asked for.
        file: The number of the file among the lake's.
        row: The number of the row in it.
    """

    key: npt.NDArray[np.uint64]
    time: Indexes
    conversation: npt.NDArray[np.uint64]
    text_hash: npt.NDArray[np.uint64]
    embedded: npt.NDArray[np.bool_]
    file: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]


class Detail(msgspec.Struct, frozen=True):
    """What is shown of a request: the source's id, and its texts where the lake keeps them."""

    request_id: str
    prompt: str | None
    response: str | None


class Lake:
    """A folder of requests. Files that cannot be read are named in ``flawed`` and left out.

    Others may write and merge files meanwhile: where one is gone, what it was merged into takes its place. The numbers of
    files stay, so that what was read of them can be found again.

    Args:
        path: What ``traffic ingest`` wrote.
        name: What it is called in reports; its path if None.

    Raises:
        InputError: There is no such folder, or it is no lake.
        MissingExtraError: duckdb or pyarrow is not installed.
    """

    def __init__(self, path: str | Path, name: str | None = None) -> None:
        self.path = Path(path)
        self.name = name or printable(str(path))
        self.files: list[LakeFile]
        self.flawed: list[FlawedFile]
        self.files, self.flawed = find_files(self.path)
        self._gone: set[Path] = set()

    def adapters(self, since: int | None = None, until: int | None = None) -> dict[str, int]:
        """Return how many requests each adapter has, most first."""
        query = (
            "SELECT adapter, sum(n)::BIGINT AS n FROM (SELECT adapter, date, count(DISTINCT key) AS n FROM requests "
            "WHERE adapter IS NOT NULL AND coalesce(epoch_us(time) >= ?, true) AND coalesce(epoch_us(time) < ?, true) "
            "GROUP BY adapter, date) GROUP BY adapter ORDER BY n DESC, adapter"
        )
        return dict(self.ask(query, dated(self.files, since, until), [since, until]))

    def names(self) -> list[str]:
        """Return the adapters that have requests, by name."""
        return [
            row[0]
            for row in self.ask(
                "SELECT DISTINCT adapter FROM requests WHERE adapter IS NOT NULL ORDER BY 1", self.files
            )
        ]

    def newest(self, adapter: str) -> int | None:
        """Return the time of an adapter's last request, in microseconds."""
        found = self.ask(
            "SELECT epoch_us(max(time)) FROM requests WHERE adapter = ?", self._of(adapter, self.files), [adapter]
        )
        return int(found[0][0]) if found and found[0][0] is not None else None

    def attribution(
        self, adapter: str, encoder: str, since: int | None = None, until: int | None = None
    ) -> Attribution:
        """Count what is known of an adapter's requests, and of how many nobody knows whose they are.

        Args:
            adapter: Its name in the traffic.
            encoder: The SHA-256 of the encoder whose vectors are wanted.
            since: Microseconds; whole days are counted.
            until: Microseconds.
        """
        files = dated(self.files, since, until)
        own = self.ask(
            "SELECT count(*), sum(embedded), sum(other), sum(undated), sum(logprobs), sum(prompt_logprobs), sum(responses) "
            "FROM (SELECT max((encoder IS NOT DISTINCT FROM ?)::INT) AS embedded, "
            "max((encoder IS NOT NULL)::INT) - max((encoder IS NOT DISTINCT FROM ?)::INT) AS other, "
            "max((time IS NULL)::INT) AS undated, max((nll IS NOT NULL)::INT) AS logprobs, "
            "max((prompt_nll IS NOT NULL)::INT) AS prompt_logprobs, max((response_hash IS NOT NULL)::INT) AS responses "
            "FROM requests WHERE adapter = ? AND NOT failed GROUP BY key, date)",
            self._of(adapter, files),
            [encoder, encoder, adapter],
        )
        numbers = [int(value or 0) for value in own[0]] if own else [0] * 7
        total = self.ask(
            "SELECT sum(n)::BIGINT, sum(n) FILTER (nobody)::BIGINT FROM (SELECT count(DISTINCT key) AS n, "
            "adapter IS NULL AND base IS NULL AS nobody FROM requests WHERE NOT failed GROUP BY date, bucket, nobody)",
            files,
        )
        every, nobody = (int(value or 0) for value in total[0]) if total else (0, 0)
        return Attribution(
            requests=numbers[0],
            embedded=numbers[1],
            other_encoder=numbers[2],
            undated=numbers[3],
            logprobs=numbers[4],
            prompt_logprobs=numbers[5],
            responses=numbers[6],
            unattributed=nobody,
            lake_requests=every,
        )

    def rows(
        self, adapter: str, encoder: str, since: int | None = None, until: int | None = None, *, failed: bool = False
    ) -> Rows:
        """Return an adapter's requests from ``since`` to before ``until``, a record once.

        Args:
            adapter: Its name in the traffic.
            encoder: The SHA-256 of the encoder whose vectors are wanted.
            since: Microseconds; undated requests are given only where there are no bounds.
            until: Microseconds.
            failed: Whether failed ones are given too.
        """
        files = self._of(adapter, dated(self.files, since, until))
        days = [
            self._day(list(group), [encoder, adapter, failed, since, since, until, until])
            for _, group in groupby(files, key=lambda file: file.date)
        ]
        columns: dict[str, Any] = {}
        for name in Rows.__struct_fields__:  # column by column, so that no two copies of all are in memory
            parts = [day.pop(name) for day in days]
            columns[name] = np.concatenate(parts) if parts else _EMPTY[name]
        return Rows(**columns)

    def embeddings(self, rows: Rows, wanted: Indexes) -> Iterator[tuple[Indexes, Halves]]:
        """Yield vectors of the requests at ``wanted``: their positions [k] and unit vectors [k, d], some thousand at a time.

        Raises:
            InputError: A file changed while it was read, or holds vectors of another length.
        """
        order = wanted[np.lexsort((rows.row[wanted], rows.file[wanted]))]
        for number, group in runs(rows.file[order]):
            file = self.files[number]
            places = order[group]
            for inside, vectors in taking.vectors(file.path, rows.row[places].astype(np.int64)):
                yield places[inside], vectors

    def measure(self, rows: Rows, name: str, positions: Indexes) -> Singles:
        """Return one column of some requests [k], in the order of ``positions``; NaN where it is unknown, and 0 or 1 of shares.

        Args:
            rows: All requests.
            name: A numeric column of :func:`loradiag.traffic.schema.schema`.
            positions: Which of them.
        """
        order = np.lexsort((rows.row[positions], rows.file[positions]))
        found = np.empty(positions.size, dtype=np.float32)
        for number, group in runs(rows.file[positions[order]]):
            places = order[group]
            found[places] = taking.numbers(self.files[number].path, name, rows.row[positions[places]].astype(np.int64))
        return found

    def details(self, rows: Rows, positions: Indexes) -> list[Detail]:
        """Return what can be shown of some requests, in the order of ``positions``."""
        found: dict[int, Detail] = {}
        order = positions[np.lexsort((rows.row[positions], rows.file[positions]))]
        for number, group in runs(rows.file[order]):
            places = order[group]
            wanted = rows.row[places].astype(np.int64)
            for inside, table in taking.tables(self.files[number].path, _DETAILS, wanted):
                for place, row in zip(places[inside], table.to_pylist(), strict=True):
                    name = row["request_id"] or f"{row['key']:016x}"
                    found[int(place)] = Detail(name, row["prompt"], row["response"])
        return [found[int(place)] for place in positions]

    def ask(self, query: str, files: Sequence[LakeFile], values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query over ``requests``, all rows of some files with their ``date`` and ``bucket``.

        Raises:
            InputError: A file cannot be read after all.
        """
        found: list[tuple[Any, ...]] = self._asked(lambda files: self._engine.fetch(query, files, values), files, [])
        return found

    def _asked(self, ask: Callable[[Sequence[LakeFile]], Any], files: Sequence[LakeFile], nothing: Any) -> Any:
        """Ask once more where files are gone or damaged."""
        there = [file for file in files if file.path not in self._gone]
        if not there:
            return nothing
        try:
            return ask(there)
        except InputError:
            found, gone, flawed = look_again(there)
            if not gone:
                raise
        self._gone |= gone
        self.flawed += flawed
        self.files += [file for file in found if file not in self.files]
        return self._asked(ask, found, nothing)

    @cached_property
    def _engine(self) -> Engine:
        return Engine(self.path)

    def _of(self, adapter: str, files: Sequence[LakeFile]) -> list[LakeFile]:
        bucket = bucket_of(adapter)
        return [file for file in files if file.bucket == bucket]

    def _day(self, files: Sequence[LakeFile], values: Sequence[Any]) -> dict[str, Any]:
        """The requests of one day as columns, a record once: the one that has a vector, if one has."""
        found = self._asked(lambda files: self._engine.table(_ROWS, files, values), files, None)
        if found is None:
            return dict(_EMPTY)
        columns = {name: found[name].to_numpy() for name in found.column_names if name != "filename"}
        columns["file"] = self._numbers(found["filename"])
        keep = np.lexsort((~columns["embedded"], columns["key"]))
        keep = keep[np.unique(columns["key"][keep], return_index=True)[1]]
        keep = keep[np.lexsort((columns["key"][keep], columns["time"][keep]))]
        return {name: column[keep] for name, column in columns.items()}

    def _numbers(self, names: Any) -> npt.NDArray[np.int32]:
        """File names as numbers of the lake's files."""
        places = {str(file.path): number for number, file in enumerate(self.files)}
        coded = names.combine_chunks().dictionary_encode()
        table = np.array([places[name] for name in coded.dictionary.to_pylist()], dtype=np.int32)
        numbers: npt.NDArray[np.int32] = table[coded.indices.to_numpy()] if len(table) else np.zeros(0, dtype=np.int32)
        return numbers


_EMPTY: dict[str, Any] = {
    "key": np.zeros(0, dtype=np.uint64),
    "time": np.zeros(0, dtype=np.int64),
    "conversation": np.zeros(0, dtype=np.uint64),
    "text_hash": np.zeros(0, dtype=np.uint64),
    "embedded": np.zeros(0, dtype=np.bool_),
    "file": np.zeros(0, dtype=np.int32),
    "row": np.zeros(0, dtype=np.int32),
}


def runs(numbers: npt.NDArray[np.int32]) -> Iterator[tuple[int, slice]]:
    """Yield stretches of equal numbers: the number, and where they stand."""
    edges = np.flatnonzero(np.diff(numbers, prepend=-1, append=-1))
    for start, end in pairwise(edges):
        yield int(numbers[start]), slice(int(start), int(end))

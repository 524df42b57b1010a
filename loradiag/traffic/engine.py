"""DuckDB in memory over the lake's files; nothing of it is shared between processes, so that none locks another out."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from loradiag.core.errors import InputError
from loradiag.core.lazy import require
from loradiag.core.text import printable, shorten
from loradiag.traffic.files import LakeFile

MEMORY = "1GB"
THREADS = 2

_GLOB = re.compile(r"[*?\[]")


class Engine:
    """Runs queries. What does not fit into its memory goes to a temporary folder of its own.

    Args:
        lake: The lake, for messages.
    """

    def __init__(self, lake: Path) -> None:
        duckdb = require("duckdb", "drift")
        self._lake = lake
        spill = tempfile.mkdtemp(prefix="loradiag-duckdb-")
        weakref.finalize(self, shutil.rmtree, spill, ignore_errors=True)
        self._error = duckdb.Error
        config = {
            "memory_limit": MEMORY,
            "threads": THREADS,
            "temp_directory": spill,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self._connection = duckdb.connect(":memory:", config=config)

    def fetch(self, query: str, files: Sequence[LakeFile], values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query over ``requests``: all rows of some files, with ``date``, ``bucket``, ``filename``, ``file_row_number``.

        Args:
            query: The query; what comes from outside stands in ``values``.
            files: At least one.
            values: Of its placeholders.

        Raises:
            InputError: A file cannot be read.
        """
        return list(self._asked(query, files, values, lambda answer: answer.fetchall()))

    def table(self, query: str, files: Sequence[LakeFile], values: Sequence[Any] = ()) -> Any:
        """Run a query as :meth:`fetch` does, and give an Arrow table.

        Raises:
            InputError: A file cannot be read.
        """
        return self._asked(query, files, values, lambda answer: answer.to_arrow_table())

    def _asked(self, query: str, files: Sequence[LakeFile], values: Sequence[Any], take: Callable[[Any], Any]) -> Any:
        try:
            return take(self._connection.sql(f"WITH requests AS ({_relation(files)}) {query}", params=[*values]))
        except self._error as error:
            reason = shorten(printable(str(error).partition("\n")[0]), 160)
            raise InputError(self._lake, f"cannot be read ({reason})", "ingest the logs again") from error


def _relation(files: Sequence[LakeFile]) -> str:
    """The rows of some files. Paths are quoted, and what would match other files in them is written so that it does not."""
    plain = [_GLOB.sub(_plain, str(file.path)).replace("'", "''") for file in files]
    paths = ", ".join(f"'{path}'" for path in plain)
    options = "filename = true, file_row_number = true, hive_partitioning = true, hive_types_autocast = false"
    return f"SELECT * FROM read_parquet([{paths}], {options})"  # noqa: S608 - of the lake's own files, quoted


def _plain(match: re.Match[str]) -> str:
    return f"[{match.group()}]"

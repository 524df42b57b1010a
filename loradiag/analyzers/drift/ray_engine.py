"""Requests scored by Ray Data: files of the lake are handed out to actors that have opened the baseline once.

Workers read the lake and the baseline by path, so both must lie where every worker sees them: in a shared folder, or behind a
URL, of which each machine then copies what its workers need. Only numbers come back, and they are put where the local engine
puts them, in whatever order files are done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from loradiag.analyzers.drift.scoring import Scores, nothing
from loradiag.baselines.reading import Baseline, open_baseline
from loradiag.baselines.topics import assign
from loradiag.core.errors import InputError, LoradiagError
from loradiag.core.lazy import require
from loradiag.statistics.checks import Indexes
from loradiag.storage.cache import folder
from loradiag.storage.cluster import begin
from loradiag.storage.remote import RemoteFolder
from loradiag.traffic import taking
from loradiag.traffic.reading import Lake, Rows, runs

_ROWS = 50_000
"""Requests of one work item at most, so that many workers share a large file."""


class RayEngine:
    """Scores on a Ray cluster.

    Args:
        address: Of a cluster: ``auto``, ``ray://host:10001``; None for a local one, which ends with the engine.
        workers: Actors; as many as the cluster has CPUs if None.
        origins: URLs by the folders here that are copies of them.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: The cluster cannot be reached.
    """

    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        origins: Mapping[str, str] | None = None,
        **_: Any,
    ) -> None:
        self._ray = require("ray", "fleet")
        require("ray.data", "fleet")
        self._own = not self._ray.is_initialized()
        if self._own:
            begin(self._ray, address, workers)
        self._origins = {os.path.realpath(copy): url for copy, url in (origins or {}).items()}
        self._workers = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def __enter__(self) -> RayEngine:
        return self

    def __exit__(self, *_: object) -> None:
        """A cluster that was begun here ends here; another one goes on."""
        if self._own and self._ray.is_initialized():
            self._ray.shutdown()

    def score(
        self, lake: Lake, rows: Rows, positions: Indexes, baseline: Baseline, progress: Callable[[int, int], None]
    ) -> Scores:
        """Score the requests at ``positions`` beside a baseline.

        Raises:
            InputError: A file is damaged, or workers cannot find it.
        """
        found = nothing(rows.key.size)
        places = dict(enumerate(_parts(rows, positions)))
        items = [
            {"number": number, "file": str(lake.files[file].path.resolve()), "rows": rows.row[part].tobytes()}
            for number, (file, part) in places.items()
        ]
        done = 0
        for answer in self._answers(items, baseline):
            if answer["error"]:
                raise InputError(
                    answer["file"], answer["error"], "see that every worker finds the lake and the baseline"
                )
            part = places[int(answer["number"])][1]
            found.cosine[part] = np.frombuffer(answer["cosine"], dtype=np.float32)
            found.neighbour[part] = np.frombuffer(answer["neighbour"], dtype=np.int32)
            found.topic[part] = np.frombuffer(answer["topic"], dtype=np.int16)
            done += part.size
            progress(done, positions.size)
        return found

    def _answers(self, items: list[dict[str, Any]], baseline: Baseline) -> Iterator[dict[str, Any]]:
        if not items:
            return
        data = self._ray.data
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        made = data.from_items(items, override_num_blocks=len(items)).map_batches(
            Scorer,
            fn_constructor_args=(str(baseline.path.resolve()), self._origins),
            batch_size=1,
            compute=data.ActorPoolStrategy(min_size=1, max_size=min(self._workers, len(items))),
            num_cpus=1,
        )
        yield from made.iter_rows()


class Scorer:
    """One worker: it opens the baseline once, and answers with numbers alone.

    Args:
        baseline: The directory.
        origins: URLs by the folders that are copies of them where the work was handed out.
    """

    def __init__(self, baseline: str, origins: Mapping[str, str] | None = None) -> None:
        self._path, self._baseline = baseline, None
        self._origins = origins or {}

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Score the rows of some files; what goes wrong with one is told, and the others are done."""
        names = ("number", "file", "cosine", "neighbour", "topic", "error")
        found: dict[str, list[Any]] = {name: [] for name in names}
        for number, file, rows in zip(batch["number"], batch["file"], batch["rows"], strict=True):
            numbers: tuple[bytes, bytes, bytes] = (b"", b"", b"")
            trouble = ""
            try:
                numbers = self._scored(self._here(str(file)), np.frombuffer(rows, dtype=np.int32).astype(np.int64))
            except LoradiagError as error:
                trouble = error.problem if isinstance(error, InputError) else str(error)
            for name, value in zip(names, (int(number), str(file), *numbers, trouble), strict=True):
                found[name].append(value)
        return found

    def _here(self, path: str) -> Path:
        """The path on this machine, to which it is brought if it lies behind a URL."""
        for copy, url in self._origins.items():
            inside = os.path.relpath(path, copy)
            if inside != ".." and not inside.startswith("../"):
                return RemoteFolder(url, folder()).bring("" if inside == "." else inside)
        return Path(path)

    def _scored(self, file: Path, rows: Indexes) -> tuple[bytes, bytes, bytes]:
        baseline: Baseline = self._baseline or open_baseline(self._here(self._path))
        self._baseline = baseline  # type: ignore[assignment]
        cosine, neighbour = np.empty(rows.size, np.float32), np.empty(rows.size, np.int32)
        topic = np.empty(rows.size, np.int16)
        for inside, vectors in taking.vectors(file, rows):
            cosine[inside], neighbour[inside] = baseline.search.nearest(vectors)
            topic[inside] = assign(vectors, baseline.centres)
        return cosine.tobytes(), neighbour.tobytes(), topic.tobytes()


def _parts(rows: Rows, positions: Indexes) -> Iterator[tuple[int, Indexes]]:
    """The requests of each file, by the order of its rows, some ten thousand at a time."""
    order = positions[np.lexsort((rows.row[positions], rows.file[positions]))]
    for number, group in runs(rows.file[order]):
        own = order[group]
        for start in range(0, own.size, _ROWS):
            yield number, own[start : start + _ROWS]

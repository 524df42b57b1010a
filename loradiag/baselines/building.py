"""Making a baseline: references embedded, split, clustered and calibrated, in a directory that appears when it is whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag._about import __version__
from loradiag.baselines import manifest as parts
from loradiag.baselines.gathering import Gathered, gather
from loradiag.baselines.manifest import AdapterPart, Calibrated, DataPart, File, Manifest, encode
from loradiag.baselines.splitting import LEAST, Split, split
from loradiag.baselines.topics import MOST, assign, find_centres, nearest_to
from loradiag.core.errors import InputError, UsageError
from loradiag.core.lazy import require
from loradiag.core.text import plural, printable
from loradiag.core.times import now
from loradiag.embeddings.encoder import Encoder
from loradiag.linalg.nearest import search_over
from loradiag.statistics.mmd import closeness, scale_of
from loradiag.statistics.tails import rank_of
from loradiag.storage.directories import Kind, check_output, installed
from loradiag.storage.hashing import file_sha256
from loradiag.texts.requests import RequestFile, open_requests

KIND = Kind("baseline", parts.NAME)
Stages = Callable[[str, int, int], None]

_ROWS = 65_536
_SAMPLE = 1500
"""Held-out requests that the kernel's width and the closeness of topics are measured on."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How to make a baseline.

    Attributes:
        name: The adapter's name in the traffic.
        adapter: Where it lies.
        adapter_sha256: The hash of its weights.
        novel_rate: The share of held-out requests that count as novel.
        topics: Clusters at most.
        seed: Of the split, the clusters and the samples.
        keep_text: Whether texts of references are kept, for neighbours and topics in reports.
    """

    name: str
    adapter: str
    adapter_sha256: str
    novel_rate: float = 0.05
    topics: int = MOST
    seed: int = 0
    keep_text: bool = False


def build_baseline(
    data: str | Path,
    output: str | Path,
    encoder: Encoder,
    recipe: Recipe,
    *,
    field: str | None = None,
    force: bool = False,
    progress: Stages,
) -> Manifest:
    """Make a baseline out of training data.

    Args:
        data: A file in any format of :func:`loradiag.texts.requests.open_requests`.
        output: The directory to write.
        encoder: What embeds requests, here and in the traffic.
        recipe: How to make it.
        field: Where in a record of the data the request is.
        force: Whether a baseline that lies there is replaced.
        progress: Told the stage, the parts of it that are done, and their number (0 if unknown).

    Raises:
        InputError: The data cannot be read, or have too few distinct requests.
        MissingExtraError: A package of the drift extra is not installed.
        UsageError: The directory may not be written.
    """
    _make_parent(Path(output))
    place = check_output(Path(output), {"data": Path(data), "adapter": Path(recipe.adapter)}, KIND, force=force)
    with installed(place, KIND if force else None) as folder, open_requests(data, field) as (told, asked):
        scratch = folder / ".gathered"
        gathered = gather(
            asked, encoder, scratch, keep=recipe.keep_text, progress=lambda read: progress("embedding", read, 0)
        )
        divided = _divided(told, gathered, recipe)
        calibrated = _Writer(folder, gathered, divided, recipe, progress).write()
        if isinstance(gathered.vectors, np.memmap):  # a network file system keeps what is removed while it is mapped
            gathered.vectors._mmap.close()  # type: ignore[attr-defined]
        scratch.unlink()
        manifest = Manifest(
            version=parts.VERSION,
            tool=f"loradiag {__version__}",
            created=now(),
            adapter=AdapterPart(name=recipe.name, path=os.path.abspath(recipe.adapter), sha256=recipe.adapter_sha256),
            encoder=encoder.identity,
            data=_data(data, told, gathered),
            calibrated=calibrated,
            files={path.name: _file(path) for path in sorted(folder.iterdir())},
        )
        (folder / parts.NAME).write_bytes(encode(manifest))
    return manifest


def _make_parent(output: Path) -> None:
    """Baselines lie together in a folder, which the first of them makes."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{printable(str(output))}: cannot be written ({error.strerror})") from error


def _data(data: str | Path, told: RequestFile, gathered: Gathered) -> DataPart:
    return DataPart(
        path="" if str(data) == "-" else os.path.abspath(data),
        sha256=told.sha256,
        field=told.field,
        records=told.records,
        requests=gathered.records.size,
        repeated=gathered.repeated,
        unencodable=gathered.unencodable,
    )


def _divided(told: RequestFile, gathered: Gathered, recipe: Recipe) -> Split:
    conversations = np.unique(gathered.records).size
    if conversations < LEAST:
        problem = (
            f"has {plural(conversations, 'distinct request')}; a baseline needs {LEAST} at least, and 1,000 to be good"
        )
        raise InputError(told.path, problem, "give more of the training data", "small")
    return split(gathered.records, recipe.seed)


def _file(path: Path) -> File:
    return File(path.stat().st_size, file_sha256(path))


class _Writer:
    """Writes the arrays of a baseline and measures what is calibrated."""

    def __init__(self, folder: Path, gathered: Gathered, divided: Split, recipe: Recipe, progress: Stages) -> None:
        self._folder = folder
        self._gathered = gathered
        self._split = divided
        self._recipe = recipe
        self._progress = progress

    def write(self) -> Calibrated:
        index = self._index()
        held = np.asarray(self._gathered.vectors[self._split.calibration])
        self._save(parts.CALIBRATION, held)
        self._save(parts.INDEX_RECORDS, self._gathered.records[self._split.index])
        self._progress("clusters", 0, 1)
        centres = find_centres(index, self._recipe.topics, self._recipe.seed)
        topics = assign(held, centres)
        self._save(parts.CENTRES, centres)
        self._save(parts.EXAMPLES, nearest_to(centres, index))
        self._save(parts.TOPICS, topics)
        self._progress("clusters", 1, 1)
        scores = self._scores(index, held)
        self._save(parts.SCORES, scores)
        self._texts()
        return self._calibrated(held, scores, topics, len(centres))

    def _index(self) -> npt.NDArray[np.float16]:
        rows = self._split.index
        shape = (rows.size, self._gathered.vectors.shape[1])
        index = np.lib.format.open_memmap(self._folder / parts.INDEX, "w+", np.dtype(np.float16), shape)
        for start in range(0, rows.size, _ROWS):
            part = rows[start : start + _ROWS]
            index[start : start + part.size] = self._gathered.vectors[part]
            self._progress("index", start + part.size, rows.size)
        index.flush()
        return index

    def _scores(self, index: npt.NDArray[np.float16], held: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
        search = search_over(index)
        scores = np.empty(len(held), dtype=np.float32)
        step = 2500  # every reference is read once for so many
        for start in range(0, len(held), step):
            scores[start : start + step] = search.nearest(held[start : start + step])[0]
            self._progress("calibration", min(start + step, len(held)), len(held))
        return scores

    def _texts(self) -> None:
        if not self._recipe.keep_text:
            return
        arrow, parquet = require("pyarrow", "drift"), require("pyarrow.parquet", "drift")
        texts = [self._gathered.texts[row] for row in self._split.index]
        parquet.write_table(arrow.table({"text": texts}), self._folder / parts.TEXTS, compression="zstd")

    def _calibrated(
        self, held: npt.NDArray[np.float16], scores: npt.NDArray[np.float32], topics: npt.NDArray[Any], count: int
    ) -> Calibrated:
        rank = rank_of(self._recipe.novel_rate, scores.size)
        threshold = float(np.sort(scores)[rank - 1])
        known = np.flatnonzero(scores >= threshold)
        sample = np.random.default_rng(self._recipe.seed).permutation(known)[:_SAMPLE]
        vectors = np.asarray(held[sample], dtype=np.float32)
        gamma = scale_of(vectors)
        return Calibrated(
            references=self._split.index.size,
            calibration=scores.size,
            conversations=int(np.unique(self._gathered.records).size),
            topics=count,
            rank=rank,
            novel_rate=rank / (scores.size + 1),
            threshold=threshold,
            mean_nn_cosine=float(scores.mean(dtype=np.float64)),
            gamma=gamma,
            closeness=closeness(vectors, topics[sample], count, gamma),
            seed=self._recipe.seed,
        )

    def _save(self, name: str, array: npt.NDArray[Any]) -> None:
        np.save(self._folder / name, array, allow_pickle=False)

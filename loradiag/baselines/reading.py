"""A baseline that lies on disk, opened: arrays are memory maps, and what was calibrated is checked against its hash."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.baselines import manifest as parts
from loradiag.baselines.manifest import File, Manifest, moment, read_manifest
from loradiag.core.errors import InputError, LoradiagError
from loradiag.core.lazy import require
from loradiag.core.text import printable
from loradiag.embeddings.encoder import Halves
from loradiag.linalg.nearest import Search, search_over
from loradiag.storage.hashing import content_sha256, file_sha256

Singles = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]

_HASHED = 64 << 20
"""Bytes of a file up to which its hash is compared when a baseline is opened; of larger ones only the size."""


class Baseline(msgspec.Struct, frozen=True, dict=True):
    """What the traffic of an adapter should look like.

    Attributes:
        path: The directory.
        manifest: What it is of.
        index: Unit vectors of references [n, d], float16.
        index_records: The record of the data that each came from [n].
        calibration: Unit vectors of held-out requests [m, d], float16.
        scores: Their cosines to the nearest reference [m].
        topics: Their topics [m].
        centres: Unit vectors of topics [k, d].
        examples: The reference nearest to each centre [k], a row of the index.
        device: Where nearest references are searched.
    """

    path: Path
    manifest: Manifest
    index: Halves
    index_records: Indexes
    calibration: Halves
    scores: Singles
    topics: npt.NDArray[np.int16]
    centres: Singles
    examples: Indexes
    device: str | None = None

    @property
    def name(self) -> str:
        """The adapter's name in the traffic."""
        return self.manifest.adapter.name

    @property
    def age_days(self) -> float:
        """Days since it was made."""
        return max(0.0, (datetime.now(UTC) - moment(self.manifest)).total_seconds() / 86_400)

    @cached_property
    def search(self) -> Search:
        """Finds nearest references."""
        return search_over(self.index, self.device)

    def texts(self, rows: Indexes) -> list[str | None]:
        """Return the texts of references, None where the baseline keeps none."""
        file = self.path / parts.TEXTS
        if not file.is_file() or not len(rows):
            return [None] * len(rows)
        parquet = require("pyarrow.parquet", "drift")
        column = parquet.read_table(file, columns=["text"], memory_map=True)["text"]
        return [column[int(row)].as_py() for row in rows]


def open_baseline(path: str | Path, device: str | None = None) -> Baseline:
    """Open a baseline.

    Args:
        path: The directory.
        device: Where nearest references are searched: a GPU for large ones if there is one, where None.

    Raises:
        InputError: There is none, or a file of it is missing, damaged or of another baseline.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    count, dimension = manifest.calibrated.references, manifest.encoder.dimension
    held, topics = manifest.calibrated.calibration, manifest.calibrated.topics

    def array(name: str, shape: tuple[int, ...], kind: Any) -> Any:
        return _array(folder / name, manifest.files.get(name), shape, kind)

    baseline = Baseline(
        path=folder,
        manifest=manifest,
        index=array(parts.INDEX, (count, dimension), np.float16),
        index_records=array(parts.INDEX_RECORDS, (count,), np.int64),
        calibration=array(parts.CALIBRATION, (held, dimension), np.float16),
        scores=array(parts.SCORES, (held,), np.float32),
        topics=array(parts.TOPICS, (held,), np.int16),
        centres=array(parts.CENTRES, (topics, dimension), np.float32),
        examples=array(parts.EXAMPLES, (topics,), np.int64),
        device=device,
    )
    for name, numbers, end in ((parts.TOPICS, baseline.topics, topics), (parts.EXAMPLES, baseline.examples, count)):
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < end:
            raise InputError(folder / name, "names what the baseline does not have", "make the baseline again")
    return baseline


def open_baselines(path: str | Path, device: str | None = None) -> list[Baseline]:
    """Open the baseline at ``path``, or every one that lies directly in it, by the names of directories.

    Args:
        path: The directory.
        device: As of :func:`open_baseline`.

    Raises:
        InputError: There is none.
    """
    folder = Path(path)
    if os.path.isfile(folder / parts.NAME) or not os.path.isdir(folder):
        return [open_baseline(folder, device)]
    found = sorted(entry.parent for entry in folder.glob(f"*/{parts.NAME}") if not entry.parent.name.startswith("."))
    if not found:
        remedy = "make one with 'loradiag drift baseline'"
        raise InputError(folder, "holds no baseline", remedy, "missing")
    return [open_baseline(entry, device) for entry in found]


def expired(baseline: Baseline) -> list[str]:
    """Say what has changed since a baseline was made: the adapter or the data, where they still lie where they lay."""
    told = baseline.manifest
    reasons = []
    for what, path, sha256, digest in (
        ("adapter", told.adapter.path, told.adapter.sha256, _of_adapter),
        ("data", told.data.path, told.data.sha256, _of_file),
    ):
        if sha256 and path and os.path.exists(path):
            try:
                changed = digest(path) != sha256
            except (LoradiagError, OSError):
                continue  # what cannot be read is no evidence of a change
            if changed:
                reasons.append(f"the {what} at {printable(path)} is not what it was")
    return reasons


def _of_adapter(path: str) -> str:
    from loradiag.adapters.opening import locate_one

    return content_sha256(locate_one(path).weights)


def _of_file(path: str) -> str:
    if not os.path.isfile(path):  # a manifest that names /dev/zero must not be followed there
        raise InputError(path, "is no regular file")
    return content_sha256([Path(path)])


def _array(path: Path, told: File | None, shape: tuple[int, ...], kind: Any) -> Any:
    try:
        # Not np.load, which takes an archive too, and leaves it open when it is broken.
        array = np.lib.format.open_memmap(path, mode="r")
        sound = array.shape == shape and array.dtype == kind and _is_as_written(path, told)
    except Exception as error:  # numpy raises what its parser of headers does
        raise InputError(path, f"cannot be read ({printable(str(error))})", "make the baseline again") from error
    if not sound:
        raise InputError(path, "is not what the baseline's manifest describes", "make the baseline again")
    return array


def _is_as_written(path: Path, told: File | None) -> bool:
    size = path.stat().st_size
    if told is None or told.bytes != size:
        return False
    return size > _HASHED or file_sha256(path) == told.sha256

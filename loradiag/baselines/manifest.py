"""What a baseline is of: the hashes that it is bound to, and the numbers that were calibrated."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from loradiag.core.decoding import UNDECODABLE
from loradiag.core.errors import InputError
from loradiag.core.text import printable
from loradiag.core.times import own_moment
from loradiag.embeddings.encoder import Identity
from loradiag.statistics.mmd import Closeness
from loradiag.storage.files import read_document

NAME = "baseline.json"
VERSION = 1

INDEX, INDEX_RECORDS = "index.npy", "index_records.npy"
CALIBRATION, SCORES, TOPICS = "calibration.npy", "calibration_scores.npy", "calibration_topics.npy"
CENTRES, EXAMPLES = "centres.npy", "centre_examples.npy"
TEXTS = "texts.parquet"


class File(msgspec.Struct, frozen=True):
    """One file of the baseline as it was written."""

    bytes: int
    sha256: str


class AdapterPart(msgspec.Struct, frozen=True, kw_only=True):
    """The adapter: under which name it is served, where it lay, and the hash of its weights."""

    name: str
    path: str
    sha256: str


class DataPart(msgspec.Struct, frozen=True, kw_only=True):
    """The reference requests.

    ``repeated``: requests left out since another says the same; ``unencodable``: of which the encoder makes nothing.
    """

    path: str
    sha256: str
    field: str
    records: int
    requests: int
    repeated: int
    unencodable: int


class Calibrated(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured on the held-out part.

    ``threshold``: the ``rank``-th smallest cosine of ``calibration`` held-out requests to their nearest reference; a further
    request lies below it with a chance of ``novel_rate``. ``gamma`` is of the kernel of MMD, ``closeness`` says how it sees
    topics.
    """

    references: int
    calibration: int
    conversations: int
    topics: int
    rank: int
    novel_rate: float
    threshold: float
    mean_nn_cosine: float
    gamma: float
    closeness: Closeness
    seed: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``baseline.json``."""

    version: int
    tool: str
    created: str
    adapter: AdapterPart
    encoder: Identity
    data: DataPart
    calibrated: Calibrated
    files: dict[str, File]


def encode(manifest: Manifest) -> bytes:
    """Write a manifest as JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def moment(manifest: Manifest) -> datetime:
    """When the baseline was made.

    Raises:
        ValueError: It says so in no way that is understood.
    """
    return own_moment(manifest.created)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a baseline.

    Raises:
        InputError: It is missing, damaged, or of a version that this one cannot read.
    """
    path = folder / NAME
    try:
        data = read_document(path, "a baseline's manifest", "make the baseline again")
    except OSError as error:
        remedy = "give a directory that 'loradiag drift baseline' wrote"
        raise InputError(folder, f"holds no baseline ({NAME}: {error.strerror})", remedy, "missing") from error
    try:
        version = msgspec.json.decode(data, type=_Versioned).version
        if version != VERSION:
            raise InputError(path, f"is of version {version}; this loradiag reads {VERSION}", "make the baseline again")
        manifest = msgspec.json.decode(data, type=Manifest)
        moment(manifest)
        return manifest
    except (*UNDECODABLE, ValueError) as error:
        raise InputError(path, f"is damaged ({printable(str(error))})", "make the baseline again") from error


class _Versioned(msgspec.Struct, frozen=True):
    version: int

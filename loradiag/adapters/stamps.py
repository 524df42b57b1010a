"""Stamps: a JSON file beside an adapter that says what it was made from, bound to the weights by their hash.

``loradiag-stamp.json`` lies beside weights that have one of the usual names, or several shards. A weight file of any other
name has a stamp of its own, ``<its name without the ending>.loradiag-stamp.json``, since others may lie beside it. The name
follows from the weights alone, so that naming the directory and naming the file lead to the same stamp. What a stamp says
is the text of whoever wrote it.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Annotated

import msgspec

from loradiag.core.errors import InputError
from loradiag.core.report import Tool
from loradiag.core.text import printable, shorten
from loradiag.storage import strict_json
from loradiag.storage.files import unreadable
from loradiag.storage.writing import write_whole

STAMP_VERSION = "1.0"
"""Raised in its first part by a change that breaks a reader, in its second by one that adds to it."""

MAX_STAMP = 4_000_000
"""Bytes. The parts of a base are its largest content: some 50 bytes for each layer."""

MAX_TEXT = 20_000
"""Characters of one text. Notes are notes, not logs."""

_SHA256 = r"^[0-9a-f]{64}\Z"
Sha256 = Annotated[str, msgspec.Meta(pattern=_SHA256)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]


class StampedAdapter(msgspec.Struct, frozen=True):
    """The weights that the stamp is about: their hash as :func:`loradiag.storage.hashing.content_sha256` has it."""

    sha256: Sha256
    files: list[Text]


class StampedBase(msgspec.Struct, frozen=True):
    """The base that the adapter was trained on. See :class:`loradiag.bases.fingerprint.Fingerprint`."""

    name: Text
    revision: Text | None
    fingerprint: Sha256
    fingerprint_full: Sha256 | None
    parts: dict[Text, Text]
    tensors: int


class StampedData(msgspec.Struct, frozen=True):
    """The training data: its hash, and the name of the file or directory where one was hashed."""

    sha256: Sha256
    file: Text | None = None


class Stamp(msgspec.Struct, kw_only=True, frozen=True):
    """What an adapter was made from.

    Attributes:
        created: When it was first written, in UTC.
        updated: When it was last added to.
        tool: The program that wrote it.
        adapter: The weights that it is about.
        base: What they were trained on.
        data: What they were trained with; None if it was not said.
        hyperparameters: How they were trained, as text.
        evaluation: Results by task.
        owner: Whom to ask.
        notes: Anything else.
    """

    stamp_version: Text = STAMP_VERSION
    created: Text
    updated: Text | None = None
    tool: Tool
    adapter: StampedAdapter
    base: StampedBase
    data: StampedData | None = None
    hyperparameters: dict[Text, Text] = {}
    evaluation: dict[Text, float] = {}
    owner: Text | None = None
    notes: Text | None = None


def read_stamp(path: Path) -> Stamp:
    """Read a stamp. Keys that this version does not know are left out.

    Raises:
        InputError: It cannot be read, is no stamp, or one of a version that cannot be read.
    """
    document = _document(path)
    version = document.get("stamp_version") if isinstance(document, dict) else None
    if not isinstance(version, str):
        raise _refused(path, "is no stamp: it has no stamp_version")
    if version.partition(".")[0] != STAMP_VERSION.partition(".")[0]:
        shown = shorten(printable(version), 20)
        raise _refused(path, f"is a stamp of version {shown}; this loradiag reads {STAMP_VERSION}")
    try:
        stamp = msgspec.convert(document, Stamp)
        msgspec.json.encode(stamp)  # half a surrogate pair is valid JSON, and no text
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        said = "text that is no Unicode" if isinstance(error, UnicodeEncodeError) else _plainly(error)
        raise _refused(path, f"is no valid stamp: {said}") from error
    if not all(map(math.isfinite, stamp.evaluation.values())):
        raise _refused(path, "is no valid stamp: a result of the evaluation is infinite")
    return stamp


def write_stamp(path: Path, stamp: Stamp) -> None:
    """Write a stamp, whole or not at all.

    Raises:
        UsageError: The directory cannot be written.
    """
    write_whole(path, json.dumps(msgspec.to_builtins(stamp), indent=2) + "\n")


def _document(path: Path) -> object:
    try:
        if not path.is_file():
            raise _refused(path, "is no regular file")
        with path.open("rb") as file:
            data = file.read(MAX_STAMP + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > MAX_STAMP:
        raise _refused(path, f"is larger than {MAX_STAMP:,} bytes: no stamp is")
    try:
        return strict_json.loads(data)
    except strict_json.RepeatedKeyError as error:
        raise _refused(path, f"is no valid stamp: it has two entries called {error}") from error
    except ValueError as error:
        raise _refused(path, "is not JSON") from error


def _plainly(error: msgspec.ValidationError) -> str:
    """``Expected `float`, got `str` - at `$.evaluation[...]``` in words; the pattern of hashes tells a reader nothing."""
    problem, _, place = printable(str(error)).partition(" - at ")
    problem = "expected 64 hexadecimal digits" if "matching regex" in problem else problem
    problem = re.sub("^Expected", "expected", problem).replace("`", "")
    return f"{problem} at {place.strip('`').removeprefix('$.')}" if place else problem


def _refused(path: Path, problem: str) -> InputError:
    return InputError(path, problem, "write it anew: loradiag stamp --force", kind="stamp")

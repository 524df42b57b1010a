"""Writing a stamp: everything is read and checked first, then one file is written whole."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from loradiag.adapters.locate import stamp_path
from loradiag.adapters.model import Adapter
from loradiag.adapters.opening import open_adapter
from loradiag.adapters.stamps import (
    MAX_TEXT,
    Stamp,
    StampedAdapter,
    StampedBase,
    StampedData,
    read_stamp,
    write_stamp,
)
from loradiag.core.errors import InputError, UsageError
from loradiag.core.report import Tool
from loradiag.core.text import listed, printable, quoted
from loradiag.core.times import now
from loradiag.stamping.base import stamped_base
from loradiag.stamping.sources import hyperparameters as hyperparameters_of
from loradiag.stamping.sources import stamped_data, text
from loradiag.storage.hashing import content_sha256

Progress = Callable[[int, int], None]

# What says nothing of the adapter: two stamps that differ in these alone say the same.
_CIRCUMSTANCES = ("stamp_version", "created", "updated", "tool")


class Said(msgspec.Struct, kw_only=True, frozen=True):
    """What only the user can tell. What is empty was not said."""

    data: Path | None = None
    data_hash: str | None = None
    owner: str | None = None
    hyperparameters: Mapping[str, str] = {}
    evaluation: Mapping[str, float] = {}
    notes: str | None = None


class Stamped(msgspec.Struct, kw_only=True, frozen=True):
    """What came of it.

    Attributes:
        path: The stamp's file.
        stamp: What it says now.
        written: Whether the file was written; it is left alone if it said the same already.
        warnings: What the user should know, a line each.
    """

    path: str
    stamp: Stamp
    written: bool
    warnings: list[str]


def stamp(
    adapter: str | Path,
    base: str | Path | None = None,
    *,
    revision: str | None = None,
    data: str | Path | None = None,
    data_hash: str | None = None,
    owner: str | None = None,
    hyperparameters: Mapping[str, str] | None = None,
    evaluation: Mapping[str, float] | None = None,
    notes: str | None = None,
    fast: bool = False,
    update: bool = False,
    force: bool = False,
    allow_pickle: bool = False,
    progress: Progress | None = None,
) -> Stamped:
    """Write beside an adapter what it was made from, bound to its weights by their hash.

    Args:
        adapter: A directory or a weight file.
        base: What it was trained on; may be left out with ``update``.
        revision: Commit, branch or tag of a base on the hub.
        data: Training data to hash: a file, or a directory.
        data_hash: The SHA-256 of the training data, in place of ``data``.
        owner: Whom to ask about the adapter.
        hyperparameters: What to add to, or put in the place of, what the files beside the adapter tell.
        evaluation: Results by task.
        notes: Anything else.
        fast: Identify the base by samples only.
        update: Add to the stamp that is there, for the same weights.
        force: Replace a stamp that says something else.
        allow_pickle: Whether ``.bin`` and ``.pt`` files may be read, by torch's weights-only loader.
        progress: Called with bytes done and their number.

    Raises:
        InputError: Adapter, base, data or the stamp that is there cannot be read, or no module fits the base.
        MissingExtraError: Reading the adapter or fetching the base needs a package that is not installed.
        UsageError: Something that was said makes no sense, or a stamp that says something else is there.
    """
    said = Said(
        data=Path(data) if data is not None else None,
        data_hash=data_hash,
        owner=owner,
        hyperparameters=hyperparameters or {},
        evaluation=evaluation or {},
        notes=notes,
    )
    _check(said, base, update=update)
    opened = open_adapter(adapter, allow_pickle=allow_pickle)
    path = stamp_path(opened.weights)
    before = _before(path, update=update, force=force)
    content = StampedAdapter(sha256=content_sha256(opened.weights), files=[text(file.name) for file in opened.weights])
    if update and before is not None and before.adapter.sha256 != content.sha256:
        raise UsageError(f"{printable(str(path))}: is of other weights; stamp these anew, with --base and --force")
    its_base: StampedBase | None = None
    warnings: list[str] = []
    if base is not None:
        its_base, warnings = stamped_base(opened, base, revision, fast=fast, progress=progress)
    if before is not None and update:
        if its_base is not None and not force and _differ(before.base, its_base):
            raise UsageError(f"{printable(str(path))}: names another base; --force puts the new one in its place")
        made = _added(before, said, its_base, progress)
    else:
        assert its_base is not None, "_check has asked for a base"
        made = _new(opened, content, _merged(before.base if before else None, its_base), said, progress)
    changed = _differing(before, made) if before is not None else []
    if changed and not (force or update):
        raise UsageError(
            f"{printable(str(path))}: is there and says something else ({listed(changed)}); "
            "--update adds to it, --force replaces it"
        )
    if before is not None and not changed:
        return Stamped(path=text(str(path)), stamp=before, written=False, warnings=warnings)
    write_stamp(path, made)
    return Stamped(path=text(str(path)), stamp=made, written=True, warnings=warnings)


def _check(said: Said, base: str | Path | None, *, update: bool) -> None:
    if base is None and not update:
        raise UsageError("a stamp names the base: --base")
    if said.data is not None and said.data_hash is not None:
        raise UsageError("--data hashes the data itself: leave one of --data and --data-hash out")
    if said.data_hash is not None and not re.fullmatch("[0-9a-f]{64}", said.data_hash.lower()):
        raise UsageError("--data-hash is no SHA-256: 64 hexadecimal digits")
    for task, result in said.evaluation.items():
        if not math.isfinite(result):
            raise UsageError(f"--evaluation {printable(task)}: {result} is no finite number")
    said_texts = (said.owner, said.notes, *said.hyperparameters, *said.hyperparameters.values(), *said.evaluation)
    for value in filter(None, said_texts):
        if len(value) > MAX_TEXT:
            raise UsageError(f"a text of {len(value):,} characters is too long for a stamp: {MAX_TEXT:,} at most")
        if text(value) != value:
            raise UsageError(f"{quoted(value)} is no valid Unicode")


def _before(path: Path, *, update: bool, force: bool) -> Stamp | None:
    """The stamp that is there.

    Raises:
        InputError: It cannot be read, and is not to be replaced unread.
        UsageError: There is none to add to.
    """
    if not os.path.lexists(path):
        if update:
            raise UsageError(f"{printable(str(path))}: is not there, so there is nothing to add to; leave --update out")
        return None
    try:
        return read_stamp(path)
    except InputError:
        if force and not update:
            return None
        raise


def _data(said: Said, progress: Progress | None) -> StampedData | None:
    if said.data is not None:
        return stamped_data(said.data, progress)
    return StampedData(sha256=said.data_hash.lower()) if said.data_hash is not None else None


def _new(adapter: Adapter, content: StampedAdapter, base: StampedBase, said: Said, progress: Progress | None) -> Stamp:
    return Stamp(
        created=now(),
        tool=Tool(),
        adapter=content,
        base=base,
        data=_data(said, progress),
        hyperparameters={**hyperparameters_of(adapter), **said.hyperparameters},
        evaluation={task: float(result) for task, result in said.evaluation.items()},
        owner=said.owner,
        notes=said.notes,
    )


def _added(before: Stamp, said: Said, base: StampedBase | None, progress: Progress | None) -> Stamp:
    """The stamp that was there, with what has been said since."""
    return msgspec.structs.replace(
        before,
        updated=now(),
        tool=Tool(),
        base=_merged(before.base, base or before.base),
        data=_data(said, progress) or before.data,
        hyperparameters={**before.hyperparameters, **said.hyperparameters},
        evaluation={**before.evaluation, **said.evaluation},
        owner=before.owner if said.owner is None else said.owner,
        notes=before.notes if said.notes is None else said.notes,
    )


def _merged(before: StampedBase | None, base: StampedBase) -> StampedBase:
    """The base said anew; a full fingerprint that is known already is not forgotten for a fast one of the same base."""
    if before is not None and base.fingerprint_full is None and base.fingerprint == before.fingerprint:
        return msgspec.structs.replace(base, fingerprint_full=before.fingerprint_full)
    return base


def _differ(first: StampedBase, second: StampedBase) -> bool:
    if first.fingerprint_full and second.fingerprint_full:
        return first.fingerprint_full != second.fingerprint_full
    return first.fingerprint != second.fingerprint


def _differing(first: Stamp, second: Stamp) -> list[str]:
    """The fields in which two stamps say something else."""
    return [
        name
        for name in Stamp.__struct_fields__
        if name not in _CIRCUMSTANCES and getattr(first, name) != getattr(second, name)
    ]

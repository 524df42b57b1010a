"""Directories that are written whole or not at all: under another name beside their place, and renamed when complete."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.storage.syncing import sync, sync_below
from loradiag.storage.writing import TOKEN, name_beside


class Kind(msgspec.Struct, frozen=True):
    """What a directory holds: by its name in messages, and the file that tells one.

    Attributes:
        name: ``adapter``, ``checkpoint``.
        mark: The file that only a directory of this kind has.
    """

    name: str
    mark: str


_LEFT = 86_400.0
"""Seconds after which a directory that nobody holds is what a killed run left. Machines may not see each other's locks."""

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


def check_output(output: Path, sources: Mapping[str, Path], kind: Kind, *, force: bool) -> Path:
    """Return the resolved directory, if it may be written.

    Args:
        output: What the user named.
        sources: What must not be overwritten, by what it is.
        kind: What will be written, and what alone may be replaced.
        force: Whether a directory that is not empty may be replaced.

    Raises:
        UsageError: It is or holds a source, is a file, is not empty, or its parent is missing.
    """
    try:
        place, shown = output.resolve(), printable(str(output))
        for name, source in sources.items():
            origin = source.resolve()
            home = origin if origin.is_dir() else origin.parent
            if place == home or place in home.parents:
                raise UsageError(f"{shown}: is, or holds, the {name} itself; name another directory")
        if not place.parent.is_dir():
            raise UsageError(f"{shown}: cannot be written (its parent directory does not exist)")
        if place.exists() and not place.is_dir():
            raise UsageError(f"{shown}: is no directory")
        if place.is_dir() and any(place.iterdir()):
            _check_replaceable(place, shown, kind, force=force)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a link that leads back to itself
        reason = getattr(error, "strerror", None) or "no usable path"
        raise UsageError(f"{printable(str(output))}: cannot be written ({reason})") from error
    return place


def _check_replaceable(place: Path, shown: str, kind: Kind, *, force: bool) -> None:
    if not force:
        raise UsageError(f"{shown}: exists and is not empty; --force replaces it")
    if not (place / kind.mark).is_file():  # a slip of the keyboard must not cost a home directory
        raise UsageError(f"{shown}: is not empty and no {kind.name}'s directory; --force replaces only those")


@contextmanager
def installed(place: Path, replaced: Kind | None = None) -> Iterator[Path]:
    """Give a new directory beside ``place``, and rename it to ``place`` at the end. After an error nothing is left of it.

    What was written into it is on the disk before it gets its name, and what it replaces is removed after that.

    Args:
        place: As :func:`check_output` returned it.
        replaced: The kind of directory that may be replaced; None where nothing may. What another put there meanwhile stays.

    Raises:
        UsageError: The system does not let us write there; or something is there by now, and the new directory lies beside it.
    """
    try:
        _sweep(place)
        temporary = name_beside(place)
        temporary.mkdir()
        try:
            with _held(temporary):
                yield temporary
                sync_below(temporary)
                _move(temporary, place, replaced)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    except OSError as error:
        reason = printable(error.strerror or str(error))  # numpy's has no more than a text
        raise UsageError(f"{printable(str(place))}: cannot be written ({reason})") from error


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold the lock of a directory, if nobody does; it goes with the process, however that ends. Yield whether it is held."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody does, or the file system has no locks
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _sweep(place: Path) -> None:
    """Remove what runs into the same place left that were killed: as large as a model, and hidden."""
    ours = re.compile(re.escape(name_beside(place).name[:-TOKEN]) + f"[0-9a-f]{{{TOKEN}}}")
    with suppress(OSError):  # a folder may be written and not listed
        for path in place.parent.iterdir():
            if ours.fullmatch(path.name) and path.is_dir() and time.time() - path.stat().st_mtime > _LEFT:
                with _held(path) as is_nobodys:
                    if is_nobodys:
                        shutil.rmtree(path, ignore_errors=True)


def _move(temporary: Path, place: Path, replaced: Kind | None) -> None:
    try:
        os.replace(temporary, place)  # also over a directory in which nothing is
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        if replaced is None or not (place / replaced.mark).is_file():
            beside = place.with_name(temporary.name.lstrip("."))
            os.replace(temporary, beside)
            said = f"something was put there meanwhile, and stays; the new one is {printable(str(beside))}"
            raise UsageError(f"{printable(str(place))}: {said}") from error
        aside = name_beside(place, "old.")
        os.replace(place, aside)
        try:
            os.replace(temporary, place)
        except BaseException:
            os.replace(aside, place)
            raise
        sync(place.parent)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        sync(place.parent)

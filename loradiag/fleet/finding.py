"""Where the adapters of a fleet lie: in directories and patterns of this machine, or behind URLs. None of them is opened."""

from __future__ import annotations

import glob
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from loradiag.adapters.locate import CHECKPOINT, CONFIG_NAME, STAMP_NAME, Located, locate, may_be_weights, stamp_path
from loradiag.core.errors import InputError
from loradiag.storage.remote import RemoteFolder
from loradiag.storage.urls import is_remote, shown

_BESIDE = (CONFIG_NAME, "adapter_config.yaml", "trainer_state.json")
_SKIPPED = {".git", "__pycache__", "__MACOSX", "node_modules", ".venv"}


class Found(msgspec.Struct, frozen=True):
    """An adapter that lies somewhere.

    Attributes:
        path: What it is called: a path, or a URL without credentials.
        key: Stands for the state of its files: another one, and it has changed.
        url: Of the folder behind a URL that it lies in; empty on this machine.
        name: Of its directory below that.
        problem: Why it is none after all.
    """

    path: str
    key: str = ""
    url: str = ""
    name: str = ""
    problem: str | None = None


def find(paths: Sequence[str], cache: Path, *, checkpoints: bool = False) -> Iterator[Found]:
    """Find adapters, in the order of paths and names, each once.

    Args:
        paths: Directories (searched through), adapters, patterns, and URLs that fsspec opens.
        cache: Where copies of what lies behind URLs are kept.
        checkpoints: Whether every checkpoint of a run counts, and not its last one alone.

    Raises:
        InputError: A path names nothing, or a URL cannot be read.
        MissingExtraError: A URL needs a package that is not installed.
        UsageError: Nothing here can open a URL.
    """
    seen: set[str] = set()
    for path in paths:
        for found in _behind(path, cache) if is_remote(path) else _here(path, checkpoints):
            if found.path not in seen:
                seen.add(found.path)
                yield found


def _here(path: str, checkpoints: bool) -> Iterator[Found]:
    names = [path] if os.path.lexists(path) else sorted(glob.glob(path, recursive=True))
    if not names:
        raise InputError(path, "names nothing", "give a directory, an adapter, a pattern or a URL", "missing")
    for name in names:
        yield from _below(Path(name), checkpoints, named=name == path)


def _below(folder: Path, checkpoints: bool, *, named: bool = False) -> Iterator[Found]:
    """The adapter in a folder, or those in the folders below it."""
    children = _children(folder)
    if folder.is_file() or (children is not None and any(_is_weights(entry) for entry in children)):
        yield from _of(folder, checkpoints)
        return
    runs = [entry for entry in children or () if entry.is_dir() and CHECKPOINT.fullmatch(entry.name)]
    if runs:
        yield from _of(folder, checkpoints)
    inside = [entry for entry in children or () if entry.is_dir() and entry not in runs and entry.name not in _SKIPPED]
    for entry in inside:
        if not entry.name.startswith(".") and not entry.is_symlink():
            yield from _below(Path(entry.path), checkpoints)
    if named and not runs and not inside:
        yield Found(str(folder), problem="holds no adapter")


def _children(folder: Path) -> list[os.DirEntry[str]] | None:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return None


def _is_weights(entry: os.DirEntry[str]) -> bool:
    return may_be_weights(entry.name) and entry.is_file()


def _of(path: Path, checkpoints: bool) -> Iterator[Found]:
    """What lies at one place: an adapter, a run of checkpoints, or something else that is passed over."""
    try:
        found = locate(path)
    except InputError as error:
        if error.kind != "no-adapter":
            yield Found(str(path), problem=error.problem)
        return
    if not checkpoints and len(found) > 1:
        whole = [one for one in found if isinstance(one, Located)]
        found = [*whole[-1:]] or found[-1:]
    for one in found:
        if isinstance(one, InputError):
            yield Found(one.path, problem=one.problem)
        else:
            yield Found(str(one.path), key=_state(one))


def _state(located: Located) -> str:
    """The state of an adapter's files: paths, sizes, inodes and times of change."""
    files = [*located.weights, stamp_path(located.weights)]
    files += [located.config] if located.config else []
    files += [located.weights[0].parent / name for name in _BESIDE]
    lines = []
    for file in dict.fromkeys(files):
        try:
            status = os.stat(file)
        except OSError:
            continue
        parts = (
            os.path.abspath(file),
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )
        lines.append("\t".join(map(str, parts)))
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _behind(url: str, cache: Path) -> Iterator[Found]:
    """Adapters behind a URL: every folder that has a configuration or a file of weights with an adapter's name."""
    folder = RemoteFolder(url, cache)
    files = folder.listing()
    by_folder: dict[str, dict[str, str]] = {}
    for name, version in files.items():
        head, _, tail = name.rpartition("/")
        by_folder.setdefault(head, {})[tail] = version
    found = False
    for head, names in sorted(by_folder.items()):
        if CONFIG_NAME in names or any("adapter" in name or "lora" in name for name in filter(may_be_weights, names)):
            found = True
            kept = {name: version for name, version in names.items() if _belongs(name)}
            lines = [f"{folder.url}/{head}/{name}\t{version}" for name, version in sorted(kept.items())]
            key = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
            yield Found(shown(f"{folder.url}/{head}".rstrip("/")), key=key, url=folder.url, name=head)
    if not found:
        raise InputError(shown(url), "holds no adapter", "check the URL and the credentials", "missing")


def _belongs(name: str) -> bool:
    """Whether a file is part of an adapter, and not a trainer's state beside it."""
    return may_be_weights(name) or name in (*_BESIDE, STAMP_NAME)


@contextmanager
def brought(found: Found) -> Iterator[Path]:
    """The adapter on this machine: where it lies, or a copy of its files for as long as they are read.

    Raises:
        InputError: They cannot be read.
    """
    if not found.url:
        yield Path(found.path)
        return

    def wanted(name: str) -> bool:
        head, _, tail = name.rpartition("/")
        return head == found.name and _belongs(tail)

    with tempfile.TemporaryDirectory(prefix="loradiag-") as temporary:
        yield RemoteFolder(found.url, Path(temporary)).bring(found.name, wanted)

"""Where lakes, baselines and logs lie: on this machine, or behind a URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from loradiag.api.beside import Stages, silent
from loradiag.core.errors import InputError
from loradiag.storage.urls import fetch_file, is_remote, shown

if TYPE_CHECKING:
    from loradiag.storage.remote import RemoteFolder


class Send(Protocol):
    """Sends what is new in the copy of a folder to its URL."""

    def __call__(self, removed: Sequence[Path] = ()) -> None:
        """Send; ``removed``: files that were removed on purpose, and are to be removed there."""


def folder_of(path: str | Path) -> RemoteFolder | None:
    """Return the folder behind a URL; None of a path of this machine.

    Raises:
        MissingExtraError: fsspec is not installed.
        UsageError: Nothing here can open such a URL.
    """
    if not is_remote(path):
        return None
    from loradiag.storage.cache import folder
    from loradiag.storage.remote import RemoteFolder

    return RemoteFolder(str(path), folder())


def here(path: str | Path, progress: Stages | None = None) -> Path:
    """Return a folder of this machine: the path itself, or a copy of what lies behind a URL, brought up to date.

    Raises:
        InputError: The URL cannot be read, or holds nothing.
        MissingExtraError: fsspec is not installed.
        UsageError: Nothing here can open such a URL.
    """
    found = folder_of(path)
    if found is None:
        return Path(path)
    stages = progress or silent
    copy = found.fetch(lambda done, total: stages(f"fetching {shown(path)}", done, total))
    if not found.has_any():
        raise InputError(shown(path), "holds nothing", "check the URL", "missing")
    return copy


def all_here(paths: Sequence[str | Path], progress: Stages | None = None) -> list[Path]:
    """Do so with several."""
    return [here(path, progress) for path in paths]


def origins(paths: Sequence[str | Path]) -> dict[str, str]:
    """Return the URLs of those that are URLs, by the folder of their copy: for workers on other machines."""
    return {str(found.local): found.url for path in paths if (found := folder_of(path)) is not None}


@contextmanager
def sent_back(
    path: str | Path, progress: Stages | None = None, *, replaced: bool = False
) -> Iterator[tuple[Path, Send]]:
    """A folder to write into, and a function that sends what is new to the URL; it is called in the end, also after an error.

    Args:
        path: The folder, or its URL.
        progress: Told what is fetched and sent.
        replaced: Whether the folder is written anew as a whole: what it held before and holds no more is removed there.

    Raises:
        InputError: The URL cannot be read.
        MissingExtraError: fsspec is not installed.
        UsageError: Nothing here can open such a URL, or it cannot be written; what was not sent waits for the next time.
    """
    found = folder_of(path)
    if found is None:
        yield Path(path), _nothing
        return
    stages = progress or silent

    def send(removed: Sequence[Path] = ()) -> None:
        found.send(lambda done, total: stages(f"sending {shown(path)}", done, total), removed)

    found.fetch(lambda done, total: stages(f"fetching {shown(path)}", done, total))
    before = [*found.local.rglob("*")] if replaced else []
    finished = False
    try:
        yield found.local, send
        finished = True
    finally:
        send(before if finished else ())


@contextmanager
def file_here(path: str) -> Iterator[str]:
    """A file of this machine: the path itself, or a copy of what lies behind a URL, for as long as it is read.

    Raises:
        InputError: The URL cannot be read.
        MissingExtraError: fsspec is not installed.
        UsageError: Nothing here can open such a URL.
    """
    if not is_remote(path):
        yield path
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="loradiag-") as folder:
        yield str(fetch_file(path, Path(folder)))


def named(path: str, urls: Mapping[str, str]) -> str:
    """What a folder is called in reports: by its URL, if it lies in the copy of one (:func:`origins`)."""
    for copy, url in urls.items():
        if path == copy or path.startswith(f"{copy}/"):
            return shown(url) + path[len(copy) :]
    return path


def _nothing(removed: Sequence[Path] = ()) -> None:
    """Nothing waits to be sent."""

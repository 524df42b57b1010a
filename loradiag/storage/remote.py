"""Folders behind a URL (``s3://``, ``gs://``, ``memory://`` …), by fsspec: copied here for reading, sent back when written.

Of each file that was fetched or sent it is remembered, beside the copy, which version of it is there and which is here. So only
what is new is fetched; what was written here and never sent waits, also after a kill; what was removed there goes here. It is a
cache: whoever empties it loses nothing there, so only what is said to have been removed here goes there. Files are renamed into
place when they are whole, here and there.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from loradiag.core.errors import InputError, LoradiagError, UsageError
from loradiag.core.text import printable
from loradiag.storage.copies import PART, Copy
from loradiag.storage.syncing import sync
from loradiag.storage.urls import opened, told
from loradiag.storage.versions import Known, below, is_as, is_plain, version

Progress = Callable[[int, int], None]

_STORES = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory"))
"""Where a file appears only when it is whole, so that none needs to be renamed."""

_KEPT = 100
"""Files after which it is remembered what was sent."""

_AT_ONCE = 8
"""Files that are under way at once: what takes time is mostly waiting for each."""


class RemoteFolder:
    """A folder behind a URL, and its copy on this machine. Many processes may use one copy.

    Args:
        url: The folder.
        cache: Where copies lie.

    Raises:
        MissingExtraError: fsspec is not installed.
        UsageError: Nothing here can open such a URL, or the cache cannot be written.
    """

    def __init__(self, url: str, cache: Path) -> None:
        self.url = url.rstrip("/")
        self._system, self._root = opened(self.url)
        names = self._system.protocol
        self._is_store = bool(_STORES & {names} if isinstance(names, str) else _STORES.intersection(names))
        self.local = cache / "remote" / hashlib.sha256(self.url.encode()).hexdigest()[:24]
        self._copy = Copy(self.local)
        try:
            self.local.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{printable(str(self.local))}: cannot be written ({error.strerror})") from error

    def fetch(self, progress: Progress | None = None) -> Path:
        """Bring the copy up to date, and return it.

        Args:
            progress: Told the files that were fetched, and their number.

        Raises:
            InputError: The folder cannot be read.
            UsageError: There is no room for the copy.
        """
        with self._copy.alone():
            there, known = self.listing(), self._copy.known()
            for name in known.keys() - there.keys():
                if self._copy.is_as(name, known[name]):  # what was changed here since waits to be sent
                    (self.local / name).unlink(missing_ok=True)
                del known[name]
            self._fetch(there, known, progress)
        return self.local

    def listing(self, inside: str = "") -> dict[str, str]:
        """Return the names of files there, each with what tells its versions apart.

        Args:
            inside: Only those below this folder, or the file of this name.

        Raises:
            InputError: They cannot be listed.
        """
        start = f"{self._root}/{inside}" if inside else self._root
        with self._told("read", InputError):
            self._system.invalidate_cache()
            try:
                found = self._system.find(start, detail=True)
            except FileNotFoundError:
                return {}
            root = PurePosixPath(self._system._strip_protocol(self._root))
            names = {below(root, path): version(facts) for path, facts in found.items()}
        return {name: mark for name, mark in names.items() if is_plain(name)}

    def bring(self, name: str, wanted: Callable[[str], bool] | None = None) -> Path:
        """Return the copy of one file, or of those below one folder; what was brought before is not looked at again.

        Args:
            name: Below the folder.
            wanted: Which names are brought; all if None.

        Raises:
            InputError: It cannot be read.
        """
        place = self.local / name
        if not (name in self._copy.known() and place.is_file()):
            with self._copy.alone():
                there = self.listing(name)
                chosen = {file: mark for file, mark in there.items() if wanted is None or wanted(file)}
                self._fetch(chosen, self._copy.known(), None)
        return place

    def send(self, progress: Progress | None = None, removed: Collection[Path] = ()) -> int:
        """Send what is new or changed in the copy, and remove there what was removed from it on purpose.

        What was written last, such as the list of what belongs together, is sent when all else is there. Other files that
        the copy lacks were lost with a part of the cache, and stay there.

        Args:
            progress: Told the files that were sent, and their number.
            removed: Files of the copy that were removed on purpose.

        Returns:
            How many were sent.

        Raises:
            UsageError: The folder cannot be written; what was not sent waits.
        """
        with self._copy.alone():
            known = self._copy.known()
            here = self._copy.here()
            waiting = [name for name, (size, changed) in here.items() if not is_as(known.get(name), size, changed)]
            try:
                for number, _ in enumerate(self._sent(waiting, here, known), 1):
                    if progress:
                        progress(number, len(waiting))
                    if number % _KEPT == 0:
                        self._copy.remember(known)
                gone = {path.relative_to(self.local).as_posix() for path in removed}
                for name in known.keys() - here.keys():
                    if name in gone:
                        self._remove(name)
                    del known[name]
            finally:
                self._copy.remember(known)
        return len(waiting)

    def _sent(self, names: list[str], here: Mapping[str, tuple[int, int]], known: dict[str, Known]) -> Iterator[str]:
        """Send files, and yield the name of each when it is there."""

        def send(name: str) -> tuple[str, Known]:
            return name, self._send_one(name, *here[name])

        for part in (names[:-1], names[-1:]):
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                under_way = [pool.submit(send, name) for name in part]
                try:
                    for done in as_completed(under_way):
                        name, known[name] = done.result()
                        yield name
                finally:
                    pool.shutdown(cancel_futures=True)
                    known.update(done.result() for done in under_way if _is_done(done))

    def has_any(self) -> bool:
        """Whether there is any file in the copy."""
        return any(True for _ in self._copy.here())

    def _fetch(self, there: Mapping[str, str], known: dict[str, Known], progress: Progress | None) -> None:
        missing = [name for name in sorted(there) if self._is_missing(name, there[name], known.get(name))]
        with ThreadPoolExecutor(_AT_ONCE) as pool, self._told("read", InputError):
            fetched = pool.map(self._fetch_one, missing)
            try:
                for number, (name, status) in enumerate(zip(missing, fetched, strict=True), 1):
                    if status is not None:
                        known[name] = Known(there[name], status.st_size, status.st_mtime_ns)
                    if progress:
                        progress(number, len(missing))
            finally:
                pool.shutdown(cancel_futures=True)
                self._copy.remember(known)

    def _is_missing(self, name: str, there: str, known: Known | None) -> bool:
        return known is None or known.there != there or not (self.local / name).is_file()

    def _fetch_one(self, name: str) -> os.stat_result | None:
        target = self.local / name
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}{PART}")
        try:
            self._system.get_file(f"{self._root}/{name}", str(part))
        except FileNotFoundError:
            part.unlink(missing_ok=True)
            return None  # it was merged with others meanwhile
        except OSError as error:
            part.unlink(missing_ok=True)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            place = printable(str(self.local))
            remedy = "make room, or name another disk in LORADIAG_CACHE"
            raise UsageError(
                f"{place}: no room for a copy of {printable(name)} ({error.strerror}); {remedy}"
            ) from error
        # A copy that a power cut tore would be taken for one that was changed here, and sent.
        sync(part)
        os.replace(part, target)
        return target.stat()

    def _send_one(self, name: str, size: int, changed: int) -> Known:
        target = f"{self._root}/{name}"
        folder, _, last = target.rpartition("/")
        with self._told("written", _unwritten):
            if self._is_store:
                self._system.put_file(str(self.local / name), target)
            else:
                part = f"{folder}/.{last}{PART}"
                self._system.makedirs(folder, exist_ok=True)
                self._system.put_file(str(self.local / name), part)
                self._system.mv(part, target)
            self._system.invalidate_cache(folder)
            return Known(version(self._system.info(target)), size, changed)

    def _remove(self, name: str) -> None:
        with self._told("written", _unwritten):
            try:
                self._system.rm_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return

    @contextmanager
    def _told(self, done: str, kind: Callable[[str, str, str], LoradiagError]) -> Iterator[None]:
        with told(self.url, done, kind):
            yield


def _unwritten(path: str, problem: str, remedy: str) -> LoradiagError:
    return UsageError(f"{path}: {problem}; {remedy}")


def _is_done(future: Future[tuple[str, Known]]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None

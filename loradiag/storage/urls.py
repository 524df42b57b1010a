"""URLs of files and folders (``s3://``, ``gs://``, ``memory://`` …), by fsspec: named without credentials, listed, fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from loradiag.core.errors import InputError, LoradiagError, UsageError
from loradiag.core.lazy import require
from loradiag.core.text import printable, shorten

_SIGNED = frozenset(("http", "https"))
"""Schemes of which what follows a question mark may be a signature; elsewhere it is a part of a name, or a version."""


def is_remote(path: str | Path) -> bool:
    """Whether this is a URL, and no path of this machine."""
    scheme, separator, _ = str(path).partition("://")
    return bool(separator) and len(scheme) > 1 and scheme.replace("+", "").isalnum()


def shown(url: str | Path) -> str:
    """A URL for messages, without credentials; a path as it is."""
    text = str(url)
    if not is_remote(text):
        return printable(text)
    scheme, _, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    if scheme in _SIGNED:
        path = path.partition("?")[0]  # a signature, or a token
    return printable(f"{scheme}://{host.rpartition('@')[2]}{slash}{path}")


def _secrets(url: str) -> list[str]:
    """What of a URL must not be shown: its user and password, together and each, and what follows a question mark."""
    rest = url.partition("://")[2]
    user, at, _ = rest.partition("/")[0].rpartition("@")
    query = rest.partition("?")[2]
    found = [f"{user}{at}", user.partition(":")[2], query, *(part.partition("=")[2] for part in query.split("&"))]
    return [secret for secret in found if secret]


def _reason(url: str, error: BaseException) -> str:
    """What an error says, in one line, without what the URL keeps secret."""
    lines = (line.strip() for line in str(error).splitlines())
    text = next((line for line in lines if line), type(error).__name__)
    for secret in _secrets(url):
        text = text.replace(secret, "" if secret.endswith("@") else "***")
    return shorten(printable(text), 160)


def remote_files(url: str, wanted: Callable[[str], bool]) -> list[str]:
    """Return the URLs of files: of one, of a pattern's, or of those in a folder whose names are ``wanted``.

    Raises:
        InputError: They cannot be listed.
        MissingExtraError: fsspec is not installed.
        UsageError: Nothing here can open such a URL.
    """
    system, path = opened(url.rstrip("/"))
    with told(url, "read", InputError):
        if any(sign in path for sign in "*?["):
            found = [name for name in system.glob(path) if not system.isdir(name)]
        elif system.isdir(path):
            found = [name for name in system.find(path) if wanted(name.rpartition("/")[2])]
        else:
            found = [path] if system.exists(path) else []
        return sorted(str(system.unstrip_protocol(name)) for name in found)


def fetch_file(url: str, folder: Path) -> Path:
    """Copy one file into a folder, and return it there, under its own name.

    Raises:
        InputError: It cannot be read.
        MissingExtraError: fsspec is not installed.
        UsageError: Nothing here can open such a URL.
    """
    system, path = opened(url)
    target = folder / (PurePosixPath(path).name or "file")
    with told(url, "read", InputError):
        system.get_file(path, str(target))
    return target


@contextmanager
def told(url: str, done: str, kind: Callable[[str, str, str], LoradiagError]) -> Iterator[None]:
    """Turn what an object store or its client raises into a line that names the URL and no credentials.

    Args:
        url: What is read or written.
        done: ``read`` or ``written``.
        kind: Makes the error of a path, a problem and a remedy.
    """
    try:
        yield
    except LoradiagError:
        raise
    except Exception as error:  # each implementation raises errors of its own
        raise kind(
            shown(url), f"cannot be {done} ({_reason(url, error)})", "check the URL and the credentials"
        ) from error


def opened(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path within it.

    Raises:
        MissingExtraError: fsspec is not installed.
        UsageError: Nothing here can open such a URL.
    """
    library = require("fsspec", "remote")
    try:
        system, path = library.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        reason = _reason(url, error)
        raise UsageError(f"{shown(url)}: cannot be opened ({reason}); loradiag[remote] brings s3://") from error
    return system, str(path)

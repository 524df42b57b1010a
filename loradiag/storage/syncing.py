"""What must outlast a power cut: a file's bytes reach the disk before it gets its name, and the name after it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_REFUSED = frozenset(
    (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EPERM, errno.EBADF)
)
"""What file systems say that sync no files or no folders (network shares, FUSE), and folders that may not be listed."""


def sync(path: Path) -> None:
    """Wait until a file's bytes, or the names in a folder, are on the disk. Where a file system refuses, nothing is waited for.

    Raises:
        OSError: The disk is full, or broken.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _REFUSED:
            raise


def sync_below(folder: Path) -> None:
    """Do so for a folder and all that is in it, which may then be renamed.

    Raises:
        OSError: The disk is full, or broken.
    """
    for place, _, files in os.walk(folder):
        for name in files:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                sync(path)
        sync(Path(place))


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in, and wait until their names are on the disk; one that is there is left as it is.

    Raises:
        OSError: It cannot be made.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)

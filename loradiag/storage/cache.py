"""Where loradiag keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """Where the cache lies: ``LORADIAG_CACHE``, else ``loradiag`` in the user's cache directory.

    Raises:
        RuntimeError: The user has no home directory.
    """
    said = os.environ.get("LORADIAG_CACHE")
    if said:
        return Path(said)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "loradiag"

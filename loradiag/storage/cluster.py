"""Connecting to a Ray cluster, quietly."""

from __future__ import annotations

import logging
import os
import socket
from types import ModuleType
from typing import Any

from loradiag.core.errors import UsageError, reason_of
from loradiag.core.text import printable

_PATIENCE = 5.0
"""Seconds in which a cluster must take a connection."""


def begin(ray: ModuleType, address: str | None, workers: int | None) -> None:
    """Connect to a cluster, or begin a local one.

    Args:
        ray: The module.
        address: ``auto``, ``ray://host:10001``; None for a local one.
        workers: CPUs of a local one; all if None.

    Raises:
        UsageError: There is no cluster.
    """
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # actors of Ray Data warn of a fault of their own
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    local = {"num_cpus": workers, "include_dashboard": False} if address is None else {}
    try:
        _knock(address or "")
        ray.init(address=address or "local", **local, **quiet)
    except (RuntimeError, ValueError, OverflowError, OSError) as error:
        where = printable(address or "local")
        raise UsageError(f"--ray-address {where}: no cluster there ({reason_of(error)})") from error
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _knock(address: str) -> None:
    """Look whether anybody is there, which Ray does for many minutes.

    Raises:
        OSError: Nobody is.
    """
    host, _, port = address.removeprefix("ray://").partition("/")[0].rpartition(":")
    if host and port.isascii() and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()

"""Files for Prometheus, Alertmanager and Grafana, as they are shipped."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.storage.writing import write_whole

SHIPPED = {
    "alerts.yml": "Alert rules for Prometheus.",
    "grafana.json": "A dashboard for Grafana: evidence and lines, novel requests, topics, answers, requests, polls.",
    "alertmanager.yml": "An example of a route for Alertmanager.",
}


def content(name: str) -> str:
    """Return a file of :data:`SHIPPED`."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def write_monitoring(folder: Path, *, force: bool = False) -> list[Path]:
    """Write the files into a folder.

    Args:
        folder: Made if there is none.
        force: Whether files of the same names are replaced.

    Returns:
        What was written.

    Raises:
        UsageError: One is there, or the folder cannot be written.
    """
    there = [folder / name for name in SHIPPED if os.path.exists(folder / name)]
    if there and not force:
        raise UsageError(f"{printable(str(there[0]))}: is there; name another folder, or replace it with --force")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{printable(str(folder))}: cannot be made ({error.strerror})") from error
    for name in SHIPPED:
        write_whole(folder / name, content(name))
    return [folder / name for name in SHIPPED]

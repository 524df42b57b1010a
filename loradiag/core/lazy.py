"""The one way in which loradiag imports what is heavy or optional."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, NamedTuple

from loradiag.core.errors import MissingExtraError


class Entry(NamedTuple):
    """A row of a registration table: where an object lives, and the extra that it needs ("" for the plain install)."""

    target: str
    extra: str = ""
    summary: str = ""


def require(module: str, extra: str) -> ModuleType:
    """Import ``module``, or say which extra brings it.

    Raises:
        MissingExtraError: The package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != package:
            raise  # a dependency of the package is broken: hiding that behind "not installed" would mislead
        raise MissingExtraError(package, extra) from error


def load(entry: Entry | str) -> Any:
    """Return the object named ``package.module:attribute`` by a registration table."""
    target = entry.target if isinstance(entry, Entry) else entry
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)

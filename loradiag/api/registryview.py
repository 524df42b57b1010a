"""A registry as somebody looks at it: read again and again, and never a reason for anything else to fail or to wait."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from loradiag.api.registry import open_registry
from loradiag.core.errors import LoradiagError
from loradiag.core.times import now

if TYPE_CHECKING:
    from loradiag.core.answers import Detail as Detail
    from loradiag.core.answers import EvaluationRow
    from loradiag.core.answers import Listed as Listed


class Course(msgspec.Struct, frozen=True):
    """Results of one adapter that can be compared with each other, the oldest first: of which task, and asked how."""

    task: str
    terms: str
    results: list[EvaluationRow]


class RegistryView:
    """What a registry lists. Many threads may look while one reads; the last state that could be read stays.

    Args:
        where: A file, or ``postgresql://user@host/database``. It need not be there yet.

    Attributes:
        name: What it is called in messages: without credentials.
        rows: Its adapters, those seen last first.
        read: When they were read last; None before they could be.
        trouble: Why they could not be read at the last try; safe to show.
        version: Of all this; another one after every change.

    Raises:
        MissingExtraError: SQLAlchemy is not installed.
        UsageError: It is a URL of something else.
    """

    def __init__(self, where: str) -> None:
        from loradiag.registry.places import place_of, shown

        self.name = shown(place_of(where))
        self.rows: list[Listed] = []
        self.read: str | None = None
        self.trouble: str | None = None
        self.version = 0
        self._where = where
        self._tried = threading.Event()
        self._lock = threading.Lock()

    def refresh(self) -> bool:
        """Read what it lists, and say whether anything is new. What goes wrong is kept as ``trouble``."""
        with self._lock:
            try:
                with open_registry(self._where, create=False, read_only=True) as registry:
                    found = registry.ls()
            except LoradiagError as error:
                changed, self.trouble = self.trouble is None, str(error)
            else:
                changed = self.read is None or self.trouble is not None or found != self.rows
                self.rows, self.trouble, self.read = found, None, now()
            self.version += changed
            self._tried.set()
            return changed

    def wait(self, seconds: float) -> bool:
        """Wait until it has been tried to read it once, and say whether it has."""
        return self._tried.wait(seconds)

    def detail(self, sha256: str) -> Detail:
        """Return all that it knows of one adapter.

        Raises:
            InputError: It cannot be read, or knows no such adapter by now.
            UsageError: Somebody else has been writing for too long.
        """
        with open_registry(self._where, create=False, read_only=True) as registry:
            return registry.show(sha256)


def courses(found: Sequence[EvaluationRow]) -> list[Course]:
    """Results by what can be compared, those that judge first."""
    from loradiag.core.answers import over_time

    return [Course(task, terms, rows) for task, terms, rows in over_time(found)]


def happened(found: Detail) -> list[str]:
    """Every event of an adapter in a line, in the order of its history; safe to show."""
    from loradiag.outputs.terminal import portrait

    return [portrait.happened(event) for event in found.history]


def verdict_of(row: Listed) -> str:
    """The verdict of an adapter in a word or two: a newest report of any kind that failed counts; safe to show."""
    from loradiag.outputs.terminal import registry as showing

    return showing.verdict_of(row)[0]

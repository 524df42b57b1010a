"""Where the things of a large team lie."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True)
class Team:
    """A folder of reports, a lake, the state of a watch, and the names of all adapters."""

    folder: Path
    lake: Path
    names: Sequence[str]

    @property
    def reports(self) -> Path:
        """The folder of reports."""
        return self.folder / "reports"

    @property
    def state(self) -> Path:
        """The state of the watch."""
        return self.folder / "watch.sqlite"

    @property
    def registry(self) -> Path:
        """What is known of every adapter, kept."""
        return self.folder / "registry.sqlite"

"""The baselines that adapters are watched by: looked up again at every poll, opened when their adapters have requests."""

from __future__ import annotations

import resource
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from loradiag.baselines.manifest import NAME, Manifest, read_manifest
from loradiag.baselines.reading import Baseline, open_baseline
from loradiag.core.errors import InputError
from loradiag.storage.hashing import content_sha256

_MAPPED = 16
"""Files that are kept free for each baseline that is held open; it maps eight."""

_LEAST = 32


class Known(msgspec.Struct, frozen=True):
    """A baseline that lies there: its folder, when its manifest was written, what that says, and its hash."""

    path: Path
    written: int
    manifest: Manifest
    sha256: str


class Baselines:
    """What lies in some directories.

    Args:
        paths: Directories of baselines, or directories that hold some.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._most = _allowed()
        self._open: OrderedDict[str, tuple[str, Baseline]] = OrderedDict()
        self.known: dict[str, Known] = {}
        self.troubles: dict[str, str] = {}

    def look(self) -> None:
        """Find baselines, by the names of their adapters; of two of one adapter the first by path.

        Damaged ones are named in ``troubles``, and known as they were before.
        """
        by_path = {known.path: known for known in self.known.values()}
        found: dict[str, Known] = {}
        self.troubles = {}
        for manifest in self._manifests():
            known = self._known(manifest, by_path.get(manifest.parent))
            if known is not None:
                found.setdefault(known.manifest.adapter.name, known)
        self.known = found

    def _manifests(self) -> list[Path]:
        found: list[Path] = []
        for path in self._paths:
            own = path / NAME
            found += [own] if own.is_file() else sorted(path.glob(f"[!.]*/{NAME}"))
        return found

    def _known(self, path: Path, before: Known | None) -> Known | None:
        try:
            written = path.stat().st_mtime_ns
            if before is not None and before.written == written:
                return before
            return Known(path.parent, written, read_manifest(path.parent), content_sha256([path]))
        except (InputError, OSError) as error:  # one damaged baseline must not stop the watch of the others
            self.troubles[str(path.parent)] = str(error)
            return before

    def open(self, adapter: str) -> Baseline:
        """Return an adapter's baseline.

        Raises:
            InputError: It is damaged.
        """
        known = self.known[adapter]
        sha256, baseline = self._open.get(adapter, ("", None))
        if baseline is None or sha256 != known.sha256:
            baseline = open_baseline(known.path)
            self._open[adapter] = (known.sha256, baseline)
        self._open.move_to_end(adapter)
        while len(self._open) > self._most:
            self._open.popitem(last=False)
        return baseline

    def encoders(self) -> frozenset[str]:
        """Return the SHA-256 of all encoders."""
        return frozenset(known.manifest.encoder.sha256 for known in self.known.values())


def _allowed() -> int:
    """How many baselines may be held open: a process may often have 1,024 files, and as many more as it asks for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(_LEAST, soft // _MAPPED) if soft != resource.RLIM_INFINITY else 65_536 // _MAPPED

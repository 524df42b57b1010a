"""Finished work of an interrupted run, kept in the cache until the run is complete.

One directory a run, named by everything that decides its numbers: another base, adapter, text, option or version of a
package never finds it. Survivals of modules are lines of one file, routes are files of their own; a line that was cut short
counts as not written.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loradiag.analyzers.merge.measure import Sums
from loradiag.core.decoding import UNDECODABLE
from loradiag.core.errors import UsageError
from loradiag.storage.cache import folder
from loradiag.storage.writing import write_whole

if TYPE_CHECKING:
    from loradiag.analyzers.inspection import Inspection
    from loradiag.analyzers.merge.drift import Wanted

_TOKENIZER = ("token", "tiktoken", "vocab", "merges", "special_tokens", "added_tokens", "chat_", "spiece", "sentence")


class _Line(msgspec.Struct):
    module: str
    routes: dict[str, Sums] = {}
    reason: str | None = None


class Kept:
    """What earlier runs of the same work have finished. What cannot be read or written is done again.

    Args:
        identity: Everything that decides the numbers.
    """

    def __init__(self, identity: Mapping[str, object]) -> None:
        digest = hashlib.sha256(msgspec.json.encode(identity, order="sorted")).hexdigest()
        self._folder: Path | None = None
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: a user without a home directory
            place = folder() / "merge" / digest[:32]
            place.mkdir(parents=True, exist_ok=True)
            self._folder = place

    def survivals(self) -> dict[str, tuple[dict[str, Sums], str | None]]:
        """Sums by module and route, and the reason where there are none."""
        found = {}
        if self._folder is not None:
            with contextlib.suppress(OSError):
                for line in (self._folder / "weights.jsonl").read_bytes().splitlines():
                    with contextlib.suppress(*UNDECODABLE):
                        read = msgspec.json.decode(line, type=_Line)
                        found[read.module] = (read.routes, read.reason)
        return found

    def keep_survival(self, module: str, routes: Mapping[str, Sums], reason: str | None) -> None:
        """Keep what became of a module."""
        if self._folder is not None:
            line = msgspec.json.encode(_Line(module, dict(routes), reason)) + b"\n"
            with contextlib.suppress(OSError), (self._folder / "weights.jsonl").open("ab") as file:
                file.write(line)

    def outputs(self, route: str) -> dict[str, object] | None:
        """What was measured of a route's outputs; None if it was not."""
        if self._folder is None:
            return None
        try:
            return msgspec.json.decode((self._folder / f"{route}.json").read_bytes(), type=dict[str, object])
        except (OSError, *UNDECODABLE):
            return None

    def keep_outputs(self, route: str, found: Mapping[str, object]) -> None:
        """Keep what was measured of a route's outputs."""
        if self._folder is not None:
            with contextlib.suppress(OSError, UsageError):
                write_whole(self._folder / f"{route}.json", msgspec.json.encode(found), lasting=False)

    def forget(self) -> None:
        """The run is complete: its report has everything."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def identity(inspection: Inspection, adapter: str, wanted: Wanted) -> dict[str, object]:
    """Everything that decides the numbers of a run.

    Args:
        inspection: The adapter with its base.
        adapter: SHA-256 of the adapter's content.
        wanted: What to measure.
    """
    base, opened, prompts = inspection.fingerprint, inspection.base, wanted.prompts
    assert base is not None, "asked for without a base"
    assert opened is not None
    return {
        "base": [base.full or base.sampled, opened.config],
        "tokenizer": tokenizer_digests(opened.path) if prompts else None,
        "adapter": adapter,
        "config": inspection.adapter.config,
        "routes": [route.name for route in wanted.plan.routes],
        "settings": wanted.plan.settings,
        "trained_on": wanted.trained_on,
        "prompts": [prompts.sha256, prompts.field, len(prompts.samples)] if prompts else None,
        "run": [wanted.device, wanted.compute, wanted.most_tokens, wanted.batch_tokens],
        "versions": {
            name: _version(name) for name in ("loradiag", "torch", "transformers", "peft", "bitsandbytes", "gguf")
        },
    }


def tokenizer_digests(path: Path) -> dict[str, str]:
    """Digests of the files that a tokenizer is made of, beside a base or in a directory of its own."""
    home, found = path if path.is_dir() else path.parent, {}
    with contextlib.suppress(OSError):
        for path in sorted(home.iterdir()):
            if path.name.startswith(_TOKENIZER) and path.is_file():
                found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None

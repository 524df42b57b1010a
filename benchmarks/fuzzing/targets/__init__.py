"""What is fuzzed, by name: a table, so that listing them imports none."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from benchmarks.fuzzing.mutating import Mutator

MODULES: Mapping[str, tuple[str, ...]] = {
    "weights": ("safetensors", "gguf", "npz", "pickle", "shards"),
    "adapters": ("peft", "layouts"),
    "documents": ("strict-json", "report", "judged", "policy", "shelf"),
    "sidecars": ("stamp", "trainer-state", "baseline"),
    "logs": ("sources", "map", "log-files", "ingest"),
    "lakes": ("lake",),
    "texts": ("jsonl", "json", "csv", "plain"),
}


class Target(msgspec.Struct, frozen=True):
    """A reader under test.

    Attributes:
        run: Reads an input; it may write files into the folder that it is given.
        seeds: Sound inputs, made at run time.
        mutate: Changes one where it has meaning.
        largest: Bytes of an input.
    """

    run: Callable[[bytes, Path], object]
    seeds: Callable[[], list[bytes]]
    mutate: Mutator
    largest: int = 1 << 16


NAMES = tuple(name for names in MODULES.values() for name in names)


def target(name: str) -> Target:
    """The target of a name."""
    module = next(module for module, names in MODULES.items() if name in names)
    found: Target = importlib.import_module(f"benchmarks.fuzzing.targets.{module}").TARGETS[name]
    return found

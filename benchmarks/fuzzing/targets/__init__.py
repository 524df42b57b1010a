"""What is fuzzed, by name: a table, so that listing them imports none."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from benchmarks.fuzzing.mutating import Mutator

MODULES: Mapping[str, tuple[str, ...]] = {
    "weights": ("safetensors", "gguf", "npz", "pickle", "shards"),
    "adapters": ("peft", "layouts", "containers"),
    "together": ("stamped", "compared", "scanned", "resized"),
    "bases": ("base", "beside", "folded", "tokenizer"),
    "documents": ("strict-json", "report", "policy", "models-list"),
    "shown": ("judged", "named", "shelf", "recorded"),
    "sidecars": ("stamp", "trainer-state", "baseline", "baseline-arrays"),
    "logs": ("sources", "map", "log-files", "ingest"),
    "lakes": ("lake", "counted", "drift"),
    "texts": ("jsonl", "json", "csv", "plain"),
    "stored": ("watch-state", "registry-file", "fleet-memory"),
    "caches": ("caches",),
    "answers": ("served", "wire"),
    "listening": ("listener",),
    "tracking": ("mlflow",),
    "remotes": ("listing", "urls", "environment"),
}


class Target(msgspec.Struct, frozen=True):
    """A reader under test.

    Attributes:
        run: Reads an input; it may write files into the folder that it is given.
        seeds: Sound inputs, made at run time.
        mutate: Changes one where it has meaning.
        largest: Bytes of an input.
        framed: Whether an input holds several files, which only ``mutate`` keeps apart.
    """

    run: Callable[[bytes, Path], object]
    seeds: Callable[[], list[bytes]]
    mutate: Mutator
    largest: int = 1 << 16
    framed: bool = False


NAMES = tuple(name for names in MODULES.values() for name in names)


def target(name: str) -> Target:
    """The target of a name."""
    module = next(module for module, names in MODULES.items() if name in names)
    found: Target = importlib.import_module(f"benchmarks.fuzzing.targets.{module}").TARGETS[name]
    return found

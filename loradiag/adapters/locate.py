"""From a path to the files that make up one adapter, or to a series of checkpoints."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable
from pathlib import Path

from loradiag.core.errors import InputError
from loradiag.core.text import listed, printable

CONFIG_NAMES = ("adapter_config.json",)

_PREFERRED = (
    "adapter_model.safetensors",
    "adapter_model.safetensors.index.json",
    "adapters.safetensors",
    "pytorch_lora_weights.safetensors",
    "adapters.npz",
    "adapter_model.bin",
    "adapter_model.bin.index.json",
    "pytorch_lora_weights.bin",
)
_SUFFIXES = (".safetensors", ".npz", ".bin", ".pt", ".pth", ".ckpt", ".gguf")
# What a trainer or a full model leaves beside an adapter. None of it is one.
_NOT_ADAPTERS = re.compile(
    r"optimizer.*|scheduler.*|scaler.*|rng_state.*|training_args.*|random_states.*|embeddings?\.pt|"
    r"(pytorch_)?model(-\d+-of-\d+)?\.(bin|safetensors|pth?)|.*_optim_states\.pt|global_step.*"
)
_CHECKPOINT = re.compile(r"(?:checkpoint|step|epoch|iter|ckpt)[-_]?(\d+)")
_SHARD = re.compile(r".+-\d{5}-of-\d{5}\.(safetensors|bin)")


@dataclasses.dataclass(frozen=True, slots=True)
class Located:
    """The files of one adapter.

    Attributes:
        path: What the user named.
        weights: The files to read: one, or all shards of an index.
        others: Weight files beside them that are not read.
        config: The configuration, where there is one.
        step: Training step, for a checkpoint of a series.
    """

    path: Path
    weights: tuple[Path, ...]
    others: tuple[Path, ...] = ()
    config: Path | None = None
    step: int | None = None


def locate(path: Path) -> list[Located | InputError]:
    """Find the adapter at ``path``, or the checkpoints of a series in the order of their steps.

    A checkpoint of a series that cannot be located is returned as its error, so that the others are still read.

    Raises:
        InputError: Nothing is there, it cannot be read, or it holds no adapter.
    """
    try:
        if path.is_dir():
            return _in_directory(path)
        if not path.exists():
            raise InputError(path, "does not exist", "check the path", kind="missing")
        config = _config_beside(path)
        return [Located(path, (path,), config=config)]
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(path, f"cannot be read ({reason})", "check its permissions", kind="permission") from error


def _in_directory(path: Path) -> list[Located | InputError]:
    candidates = _weight_files(path)
    if candidates:
        return [_choose(path, candidates)]
    checkpoints = _checkpoints(path)
    if checkpoints:
        return [_checkpoint(folder, step) for step, folder in checkpoints]
    raise _nothing_in(path)


def _weight_files(path: Path) -> list[Path]:
    return sorted(
        child
        for child in path.iterdir()
        if _is_weight_name(child.name) and child.is_file() and not _NOT_ADAPTERS.fullmatch(child.name)
    )


def _is_weight_name(name: str) -> bool:
    # "._name" are AppleDouble companions that macOS archives leave behind: 212 bytes that are no weights.
    return not name.startswith(".") and (
        name.endswith(_SUFFIXES) or name.endswith((".safetensors.index.json", ".bin.index.json"))
    )


def _choose(path: Path, candidates: list[Path]) -> Located:
    config = _config_in(path)
    by_name = {candidate.name: candidate for candidate in candidates}
    chosen = next((by_name[name] for name in _PREFERRED if name in by_name), None)
    if chosen is None:
        singles = [candidate for candidate in candidates if not _SHARD.fullmatch(candidate.name)]
        safe = [candidate for candidate in singles if candidate.suffix in (".safetensors", ".npz")]
        pool = safe or singles or candidates
        if len(pool) > 1:
            names = listed([printable(candidate.name) for candidate in pool])
            raise InputError(path, f"holds several weight files ({names})", "name one of them", kind="ambiguous")
        chosen = pool[0]
    weights = _shards(chosen) if chosen.name.endswith(".index.json") else (chosen,)
    others = tuple(candidate for candidate in candidates if candidate not in weights and candidate != chosen)
    return Located(path, weights, others, config)


def _shards(index: Path) -> tuple[Path, ...]:
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        inside = all(isinstance(name, str) and Path(name).name == name for name in names)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(index, "is not a readable shard index", "save the adapter again", kind="header") from error
    if not names or not inside:
        raise InputError(index, "names shards outside its own directory, or none", "save it again", kind="header")
    shards = tuple(index.parent / name for name in names)
    missing = [printable(shard.name) for shard in shards if not shard.is_file()]
    if missing:
        raise InputError(index, f"lists shards that are not there: {listed(missing)}", "fetch them", kind="missing-shard")
    return shards


def _config_in(folder: Path) -> Path | None:
    return next((folder / name for name in CONFIG_NAMES if (folder / name).is_file()), None)


def _config_beside(file: Path) -> Path | None:
    """The configuration of a file named by itself: its directory's, if the file is the only adapter there."""
    return _config_in(file.parent) if [child for child in _weight_files(file.parent) if child != file] == [] else (
        _config_in(file.parent) if file.name in _PREFERRED else None
    )


def _checkpoints(path: Path) -> list[tuple[int, Path]]:
    found = []
    for child in path.iterdir():
        match = _CHECKPOINT.fullmatch(child.name)
        if match and child.is_dir():
            found.append((int(match[1]), child))
    return sorted(found)


def _checkpoint(folder: Path, step: int) -> Located | InputError:
    try:
        candidates = _weight_files(folder)
        if not candidates:
            return _nothing_in(folder)
        return dataclasses.replace(_choose(folder, candidates), step=step)
    except InputError as error:
        return error
    except OSError as error:
        return InputError(folder, f"cannot be read ({error.strerror})", "check its permissions", kind="permission")


def _nothing_in(path: Path) -> InputError:
    inside = sorted(_adapters_below(path))
    if inside:
        names = listed([printable(name) for name in inside])
        return InputError(path, f"holds no adapter itself, but some lie in {names}", "name those", kind="no-adapter")
    children = sorted(child.name for child in path.iterdir())
    if not children:
        return InputError(path, "is an empty directory", "name a directory that holds an adapter", kind="no-adapter")
    if any(_NOT_ADAPTERS.fullmatch(name) for name in children):
        return InputError(
            path, "holds a model or a trainer's state, but no adapter", "name the adapter's directory", kind="no-adapter"
        )
    if "adapter_config.json" in children:
        return InputError(
            path, "has an adapter_config.json and no weights", "fetch adapter_model.safetensors too", kind="no-weights"
        )
    return InputError(path, "holds no adapter weights", f"looked for {', '.join(_SUFFIXES)}", kind="no-adapter")


def _adapters_below(path: Path) -> Iterable[str]:
    for child in path.iterdir():
        try:
            if child.is_dir() and child.name != "__MACOSX" and _weight_files(child):
                yield child.name
        except OSError:
            continue

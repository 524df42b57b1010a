"""From a path to the files that make up one adapter, or to a series of checkpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from loradiag.core.errors import InputError
from loradiag.core.text import listed, printable, shorten
from loradiag.storage.files import unreadable
from loradiag.storage.shards import INDEX_SUFFIXES, shards_of

CONFIG_NAME = "adapter_config.json"
STAMP_NAME = "loradiag-stamp.json"

# What is taken when several weight files lie in one directory: the first of these that is there.
PREFERRED = (
    "adapter_model.safetensors",
    "adapter_model.safetensors.index.json",
    "adapters.safetensors",
    "pytorch_lora_weights.safetensors",
    "adapters.npz",
    "adapter_model.bin",
    "adapter_model.bin.index.json",
    "pytorch_lora_weights.bin",
)
_SAFE_SUFFIXES = (".safetensors", ".npz")
_SUFFIXES = (*_SAFE_SUFFIXES, ".bin", ".pt", ".pth", ".ckpt", ".gguf")
# What a trainer or a full model leaves beside an adapter. None of it is one.
_NOT_ADAPTERS = re.compile(
    r"optimizer.*|scheduler.*|scaler.*|rng_state.*|training_args.*|random_states.*|embeddings?\.pt|"
    r"(pytorch_)?model(-\d+-of-\d+)?\.(bin|safetensors|pth?)(\.index\.json)?|.*_optim_states\.pt|global_step.*"
)
CHECKPOINT = re.compile(r"(?:checkpoint|step|epoch|iter|ckpt)[-_]?(\d{1,18})", re.ASCII)
# mlx-lm keeps a copy of the adapter every so many steps, numbered, in the directory of the final one.
SNAPSHOT = re.compile(r"(\d{1,18})_adapters\.(?:safetensors|npz)", re.ASCII)
_SHARD = re.compile(r".+-\d{5}-of-\d{5}\.(safetensors|bin)", re.ASCII)


class Located(msgspec.Struct, frozen=True):
    """The files of one adapter.

    Attributes:
        path: What the user named, or the file or directory of one checkpoint of it.
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

    In a directory, a weight file by one of the usual names is the adapter; else its only weight file; else its numbered
    snapshots are a series; else its ``checkpoint-…`` directories are. A checkpoint of a series that cannot be located is
    returned as its error, so that the others are still read.

    Raises:
        InputError: Nothing is there, it cannot be read, or it holds no adapter.
    """
    try:
        if path.is_dir():
            return _in_directory(path)
        if path.is_file():
            return [_named_file(path)]
        if path.exists():
            raise InputError(path, "is no regular file", "name a directory or a file of weights", kind="no-adapter")
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError:
        pass  # a null byte in the path: no file can be called so
    raise InputError(path, "does not exist", "check the path", kind="missing")


def stamp_path(weights: Sequence[Path]) -> Path:
    """Where the stamp of an adapter with these weight files lies, or would."""
    first = weights[0]
    if len(weights) > 1 or first.name in PREFERRED:
        return first.parent / STAMP_NAME
    return first.parent / f"{first.stem}.{STAMP_NAME}"


def _in_directory(path: Path) -> list[Located | InputError]:
    candidates = _weight_files(path)
    snapshots = [candidate for candidate in candidates if SNAPSHOT.fullmatch(candidate.name)]
    if len(snapshots) == len(candidates) > 1:
        return [*_snapshots(snapshots, _config_in(path))]
    if candidates:
        return [_choose(path, candidates)]
    checkpoints = _checkpoints(path)
    if checkpoints:
        return [_checkpoint(folder, step) for step, folder in checkpoints]
    raise _nothing_in(path)


def _named_file(path: Path) -> Located:
    """A weight file that the user named itself, with the configuration that belongs to it.

    A configuration beside it is the file's own if the file has the usual name of an adapter's weights or is a snapshot of
    them, or if no other weight file lies there that it could belong to.
    """
    if path.name.endswith(INDEX_SUFFIXES):
        return Located(path, shards_of(path), config=_config_in(path.parent))
    alone = all(candidate == path for candidate in _weight_files(path.parent))
    own = alone or path.name in PREFERRED or SNAPSHOT.fullmatch(path.name) is not None
    return Located(path, (path,), config=_config_in(path.parent) if own else None)


def _weight_files(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if may_be_weights(child.name) and child.is_file())


def may_be_weights(name: str) -> bool:
    """Whether a file of this name may hold an adapter's weights: no model, and no trainer's state."""
    return _is_weight_name(name) and not _NOT_ADAPTERS.fullmatch(name)


def _is_weight_name(name: str) -> bool:
    # "._name" are AppleDouble companions that macOS archives leave behind: 212 bytes that are no weights.
    return not name.startswith(".") and name.endswith((*_SUFFIXES, *INDEX_SUFFIXES))


def _choose(path: Path, candidates: Sequence[Path]) -> Located:
    """The adapter among the weight files of a directory."""
    by_name = {candidate.name: candidate for candidate in candidates}
    chosen = next((by_name[name] for name in PREFERRED if name in by_name), None) or _only(path, candidates)
    weights = shards_of(chosen) if chosen.name.endswith(INDEX_SUFFIXES) else (chosen,)
    others = tuple(candidate for candidate in candidates if candidate not in weights and candidate != chosen)
    return Located(path, weights, others, _config_in(path))


def _only(path: Path, candidates: Sequence[Path]) -> Path:
    """The one file that can be meant where none has a usual name: shards don't count, safe formats come first."""
    singles = [candidate for candidate in candidates if not _SHARD.fullmatch(candidate.name)]
    safe = [candidate for candidate in singles if candidate.suffix in _SAFE_SUFFIXES]
    pool = safe or singles or candidates
    if len(pool) > 1:
        names = _names(candidate.name for candidate in pool)
        raise InputError(path, f"holds several weight files ({names})", "name one of them", kind="ambiguous")
    return pool[0]


def _config_in(folder: Path) -> Path | None:
    config = folder / CONFIG_NAME
    return config if config.is_file() else None


def _snapshots(files: Iterable[Path], config: Path | None) -> list[Located]:
    numbered = [(int(match[1]), file) for file in files if (match := SNAPSHOT.fullmatch(file.name))]
    return [Located(file, (file,), config=config, step=step) for step, file in sorted(numbered)]


def _checkpoints(path: Path) -> list[tuple[int, Path]]:
    found = []
    for child in path.iterdir():
        match = CHECKPOINT.fullmatch(child.name)
        if match and child.is_dir():
            found.append((int(match[1]), child))
    return sorted(found)


def _checkpoint(folder: Path, step: int) -> Located | InputError:
    try:
        candidates = _weight_files(folder)
        if not candidates:
            return _nothing_in(folder)
        return msgspec.structs.replace(_choose(folder, candidates), step=step)
    except InputError as error:
        return error
    except OSError as error:
        return unreadable(folder, error)


def _nothing_in(path: Path) -> InputError:
    inside = sorted(_adapters_below(path))
    if inside:
        return InputError(
            path, f"holds no adapter itself, but some lie in {_names(inside)}", "name those", kind="no-adapter"
        )
    children = sorted(child.name for child in path.iterdir())
    if not children:
        return InputError(path, "is an empty directory", "name a directory that holds an adapter", kind="no-adapter")
    if CONFIG_NAME in children:
        return InputError(
            path, f"has an {CONFIG_NAME} and no weights", "fetch adapter_model.safetensors too", kind="no-weights"
        )
    if any(_NOT_ADAPTERS.fullmatch(name) for name in children):
        return InputError(
            path,
            "holds a model or a trainer's state, but no adapter",
            "name the adapter's directory",
            kind="no-adapter",
        )
    return InputError(path, "holds no adapter weights", f"looked for {', '.join(_SUFFIXES)}", kind="no-adapter")


def _adapters_below(path: Path) -> Iterable[str]:
    for child in path.iterdir():
        try:
            if child.is_dir() and child.name != "__MACOSX" and (_weight_files(child) or _checkpoints(child)):
                yield child.name
        except OSError:
            continue


def _names(names: Iterable[str]) -> str:
    return listed([shorten(printable(name), 60) for name in names])

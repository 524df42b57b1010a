"""From a path to the files of one base checkpoint."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from loradiag.core.errors import InputError
from loradiag.core.text import listed, printable, shorten
from loradiag.storage.files import unreadable
from loradiag.storage.shards import shards_of

CONFIG_NAME = "config.json"
INDEX_SUFFIX = ".safetensors.index.json"

# What is taken when several weight files lie in one directory: the first of these that is there. transformers loads the
# single file before the index, diffusers the index before the single file.
PREFERRED = (
    "model.safetensors",
    "model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors",
)
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.safetensors", re.ASCII)
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".bin.index.json")


class LocatedBase(msgspec.Struct, frozen=True):
    """The files of one base.

    Attributes:
        path: The directory or file.
        weights: The safetensors files, in the order of their names.
        index: The file that lists the shards, where there is one.
        config: ``config.json``, where there is one.
    """

    path: Path
    weights: tuple[Path, ...]
    index: Path | None = None
    config: Path | None = None


def locate_base(path: Path) -> LocatedBase:
    """Find the base checkpoint at ``path``: a directory as ``save_pretrained`` leaves it, or one safetensors file.

    Raises:
        InputError: Nothing is there, it cannot be read, it holds something else, or shards are missing.
    """
    try:
        if path.is_dir():
            return _in_directory(path)
        if path.is_file():
            return _named_file(path)
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError:
        pass  # a null byte in the path: no file can be called so
    raise InputError(path, "does not exist", "check the path of the base", kind="missing")


def _named_file(path: Path) -> LocatedBase:
    if path.name.endswith(INDEX_SUFFIX):
        return LocatedBase(path, shards_of(path), path, _config_in(path.parent))
    if path.name.endswith(_PICKLES):
        raise _pickled(path)
    if path.suffix == ".gguf":
        raise _gguf(path)
    if path.suffix != ".safetensors":
        raise InputError(path, "is no safetensors file", "name the directory of the base", kind="no-base")
    shard = _SHARD.fullmatch(path.name)
    if shard and int(shard["count"]) > 1:
        raise InputError(
            path, f"is one of {int(shard['count']):,} shards", "name the directory that holds them all", kind="no-base"
        )
    return LocatedBase(path, (path,), None, _config_in(path.parent))


def _in_directory(path: Path) -> LocatedBase:
    names = {child.name for child in path.iterdir() if not child.name.startswith(".")}
    chosen = next((name for name in PREFERRED if name in names), None)
    if chosen is None:
        indices = sorted(name for name in names if name.endswith(INDEX_SUFFIX))
        chosen = indices[0] if len(indices) == 1 else None
    config = _config_in(path)
    if chosen is not None and chosen.endswith(INDEX_SUFFIX):
        return LocatedBase(path, shards_of(path / chosen), path / chosen, config)
    if chosen is not None:
        return LocatedBase(path, (path / chosen,), None, config)
    return LocatedBase(path, _unlisted(path, names), None, config)


def _unlisted(path: Path, names: set[str]) -> tuple[Path, ...]:
    """The weight files of a directory that has neither an index nor a file by one of the usual names."""
    if "adapter_config.json" in names:
        raise InputError(path, "holds an adapter, not a base", "name the directory of the base model", kind="no-base")
    files = sorted(name for name in names if name.endswith(".safetensors"))
    shards = [match for name in files if (match := _SHARD.fullmatch(name))]
    if shards:
        return _complete(path, shards)
    if len(files) == 1:
        return (path / files[0],)
    if files:
        shown = listed([shorten(printable(name), 60) for name in files])
        raise InputError(path, f"holds several weight files ({shown})", "name one of them", kind="ambiguous")
    raise _nothing(path, names)


def _complete(path: Path, shards: list[re.Match[str]]) -> tuple[Path, ...]:
    """Shards without an index: their names say how many there are."""
    counts = {(match["stem"], int(match["count"])) for match in shards}
    if len(counts) > 1:
        raise InputError(path, "holds shards of several checkpoints and no index", "name one file", kind="ambiguous")
    _, count = counts.pop()
    missing = sorted(set(range(1, count + 1)) - {int(match["number"]) for match in shards})
    if missing:
        raise InputError(
            path,
            f"lacks {len(missing):,} of {count:,} shards (number {listed([str(n) for n in missing])})",
            "fetch them, and the index",
            kind="missing-shard",
        )
    return tuple(path / match.string for match in shards)


def _nothing(path: Path, names: set[str]) -> InputError:
    if any(name.endswith(_PICKLES) for name in names):
        return _pickled(path)
    if any(name.endswith(".gguf") for name in names):
        return _gguf(path)
    if "model_index.json" in names:
        parts = sorted(child.name for child in path.iterdir() if child.is_dir() and (child / CONFIG_NAME).is_file())
        shown = listed([shorten(printable(name), 40) for name in parts])
        return InputError(path, "is a pipeline of several models", f"name one of them: {shown}", kind="ambiguous")
    if CONFIG_NAME in names:
        return InputError(path, "has a config.json and no weights", "fetch the safetensors files", kind="no-weights")
    return InputError(
        path, "holds no base model", "name a directory with config.json and safetensors files", kind="no-base"
    )


def _pickled(path: Path) -> InputError:
    return InputError(
        path,
        "holds its weights as pickles, which can run code and cannot be read tensor by tensor",
        "fetch the safetensors files, or load it once and save_pretrained(..., safe_serialization=True)",
        kind="pickle",
    )


def _gguf(path: Path) -> InputError:
    return InputError(
        path, "is a GGUF model", "name the safetensors checkpoint that it was converted from", kind="no-base"
    )


def _config_in(folder: Path) -> Path | None:
    config = folder / CONFIG_NAME
    return config if config.is_file() else None

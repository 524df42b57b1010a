"""What a stamp says of the training: hashes of its data, and the hyperparameters that files beside the adapter tell."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from loradiag.adapters.model import Adapter
from loradiag.adapters.stamps import StampedData
from loradiag.adapters.trainer_state import NAME, read_document
from loradiag.core.errors import InputError
from loradiag.core.text import ranges, shorten
from loradiag.storage.files import unreadable

Progress = Callable[[int, int], None]

_CHUNK = 1 << 22
_CONFIGURED = (
    "peft_type",
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "modules_to_save",
    "use_rslora",
    "use_dora",
)
_TRAINED = {"num_train_epochs": "epochs", "train_batch_size": "batch_size", "global_step": "steps"}


def stamped_data(path: Path, progress: Progress | None = None) -> StampedData:
    r"""Hash training data.

    Args:
        path: A file: its SHA-256. A directory: the SHA-256 of the lines ``hash  name`` of all files in it and below, names
            relative to it and with ``/``, sorted by name byte by byte. In it
            ``find -type f -printf '%P\n' | LC_ALL=C sort | xargs sha256sum`` prints them.
        progress: Called with bytes done and their number.

    Raises:
        InputError: It does not exist, cannot be read, or is an empty directory.
    """
    files = _files(path)
    total, done = sum(_size(file) for file in files.values()), 0
    lines = []
    for name, file in files.items():
        digest = hashlib.sha256()
        for piece in _pieces(file):
            digest.update(piece)
            done += len(piece)
            if progress is not None:
                progress(done, max(total, done))
        lines.append((name, digest.hexdigest()))
    own = text(path.resolve().name or "/")
    if not path.is_dir():
        return StampedData(sha256=lines[0][1], file=own)
    joined = b"".join(digest.encode() + b"  " + name + b"\n" for name, digest in sorted(lines))
    return StampedData(sha256=hashlib.sha256(joined).hexdigest(), file=f"{own}/")


def hyperparameters(adapter: Adapter) -> dict[str, str]:
    """What ``adapter_config.json`` and ``trainer_state.json`` say of the training. No pickle is opened.

    Of a trainer's state that cannot be read, nothing is said: it is another program's file.
    """
    found = {}
    for key in _CONFIGURED:
        value = (adapter.config or {}).get(key)
        if value is not None and value is not False and value != []:
            found[key] = _shown(value)
    if "r" not in found and adapter.modules:
        found["r"] = ranges({module.rank for module in adapter.modules})
    return found | _of_trainer(_state(adapter.weights[0].parent / NAME))


def text(value: str) -> str:
    """Text that JSON can hold: bytes of a path that are no UTF-8 come out escaped."""
    return value.encode("utf-8", "backslashreplace").decode()


def _of_trainer(state: Mapping[str, Any]) -> dict[str, str]:
    found = {
        name: _shown(state[key]) for key, name in _TRAINED.items() if _is_number(state.get(key)) and state[key] > 0
    }
    history = state.get("log_history")
    rows = history if isinstance(history, list) else []
    rates = [row["learning_rate"] for row in rows if isinstance(row, dict) and _is_number(row.get("learning_rate"))]
    return found | ({"learning_rate": _shown(max(rates))} if rates else {})


def _state(path: Path) -> Mapping[str, Any]:
    """A trainer's state; nothing where it is none."""
    try:
        state = read_document(path)
    except InputError:
        return {}
    return state if isinstance(state, dict) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        said = ", ".join(sorted(str(item) for item in value))
    else:
        said = f"{value:.6g}" if isinstance(value, float) else str(value)
    return shorten(text(said), 2_000)


def _files(path: Path) -> dict[bytes, Path]:
    """Files by relative name. Links to directories are not followed: they may lead in a circle."""
    if not path.is_dir():
        return {b"": path}
    found = {}
    for folder, _, names in os.walk(path, onerror=_raise):
        for name in names:
            file = Path(folder, name)
            found[os.fsencode(file.relative_to(path).as_posix())] = file
    if not found:
        raise InputError(path, "is an empty directory", "name the training data", kind="missing")
    return found


def _raise(error: OSError) -> None:
    raise unreadable(error.filename, error) from error


def _size(path: Path) -> int:
    try:
        if not path.is_file():
            missing = not path.exists()
            raise InputError(path, "does not exist" if missing else "is no regular file", "name the training data")
        return path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from error


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                yield piece
    except OSError as error:
        raise unreadable(path, error) from error

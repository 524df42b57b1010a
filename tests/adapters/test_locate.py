"""From a path to the files of an adapter: what is chosen, what is offered, and what is refused."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from loradiag.adapters.locate import Located, locate
from loradiag.adapters.opening import open_adapter
from loradiag.core.errors import InputError
from loradiag.storage.opening import open_container
from tests.adapters import checks, hostile
from tests.conftest import peft_arrays, write_safetensors

WEIGHTS = hostile.safetensors_bytes(*hostile.valid())


def _tree(folder: Path, *names: str) -> Path:
    """Make files by name; one that ends in a slash is a directory."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        elif name.endswith(".json"):
            path.write_text("{}")
        else:
            path.write_bytes(WEIGHTS)
    return folder


def _chosen(path: Path) -> Located:
    (found,) = locate(path)
    assert isinstance(found, Located)
    return found


def _refused(path: Path, kind: str, *says: str) -> None:
    with pytest.raises(InputError) as caught:
        locate(path)
    checks.assert_plain(caught.value)
    assert caught.value.kind == kind
    for words in says:
        assert words in str(caught.value)


CHOICES: dict[str, tuple[list[str], str, list[str]]] = {
    "PEFT": (["adapter_model.safetensors", "adapter_config.json"], "adapter_model.safetensors", []),
    "safetensors before bin": (
        ["adapter_model.bin", "adapter_model.safetensors"],
        "adapter_model.safetensors",
        ["adapter_model.bin"],
    ),
    "another name": (
        ["Copy of adapter_model.safetensors", "adapter_config.json"],
        "Copy of adapter_model.safetensors",
        [],
    ),
    "trainer's state": (
        [
            "adapter_model.safetensors",
            "optimizer.pt",
            "scheduler.pt",
            "rng_state.pth",
            "training_args.bin",
            "scaler.pt",
        ],
        "adapter_model.safetensors",
        [],
    ),
    "the final one of checkpoints": (
        [
            "adapter_model.safetensors",
            "checkpoint-10/adapter_model.safetensors",
            "checkpoint-20/adapter_model.safetensors",
        ],
        "adapter_model.safetensors",
        [],
    ),
    "the final one of snapshots": (
        ["0000100_adapters.safetensors", "0000200_adapters.safetensors", "adapters.safetensors", "adapter_config.json"],
        "adapters.safetensors",
        ["0000100_adapters.safetensors", "0000200_adapters.safetensors"],
    ),
    "one snapshot": (["0000200_adapters.safetensors", "adapter_config.json"], "0000200_adapters.safetensors", []),
    "diffusers": (
        ["pytorch_lora_weights.safetensors", "pytorch_lora_weights.bin", "README.md"],
        "pytorch_lora_weights.safetensors",
        ["pytorch_lora_weights.bin"],
    ),
    "a safe format before others": (["lora.safetensors", "lora.pt"], "lora.safetensors", ["lora.pt"]),
    "AppleDouble companions": (
        ["._adapter_model.safetensors", "__MACOSX/._adapter_model.safetensors", "adapter_model.safetensors"],
        "adapter_model.safetensors",
        [],
    ),
    "a full model beside it": (["model.safetensors", "lora.safetensors"], "lora.safetensors", []),
    "shards without an index": (
        ["adapter_model-00001-of-00002.safetensors", "x.safetensors"],
        "x.safetensors",
        ["adapter_model-00001-of-00002.safetensors"],
    ),
    "GGUF": (["adapter.gguf"], "adapter.gguf", []),
}


@pytest.mark.parametrize("name", CHOICES)
def test_choices(name: str, tmp_path: Path) -> None:
    """Of the files of a directory one is the adapter; the others are remembered."""
    files, chosen, others = CHOICES[name]
    found = _chosen(_tree(tmp_path, *files))
    assert [path.name for path in found.weights] == [chosen]
    assert [path.name for path in found.others] == others
    assert (found.config is not None) == ("adapter_config.json" in files)
    assert found.step is None


@pytest.mark.parametrize(
    ("files", "kind", "says"),
    [
        ([], "no-adapter", "is an empty directory"),
        (["adapter_config.json"], "no-weights", "has an adapter_config.json and no weights"),
        (["adapter_config.json", "optimizer.pt"], "no-weights", "adapter_config.json"),
        (["README.md"], "no-adapter", "holds no adapter weights"),
        (["pytorch_model-00001-of-00002.bin", "config.json"], "no-adapter", "holds a model"),
        (["optimizer.pt"], "no-adapter", "trainer's state"),
        (["a.safetensors", "b.safetensors"], "ambiguous", "a.safetensors, b.safetensors"),
        (["english/adapter_model.safetensors", "german/adapter_model.safetensors"], "no-adapter", "english, german"),
        (["run/checkpoint-5/adapter_model.safetensors"], "no-adapter", "run"),
        (["__MACOSX/adapter_model.safetensors"], "no-adapter", "holds no adapter weights"),
        (["._adapter_model.safetensors", "._adapter_config.json"], "no-adapter", "holds no adapter weights"),
        (["adapter_model.safetensors/"], "no-adapter", "holds no adapter weights"),
    ],
)
def test_refused_directories(files: list[str], kind: str, says: str, tmp_path: Path) -> None:
    """What holds no adapter, or several, says what it holds."""
    _refused(_tree(tmp_path, *files), kind, says)


def test_missing_paths(tmp_path: Path) -> None:
    """A path that leads nowhere, or cannot even be one."""
    for path in (tmp_path / "none", tmp_path / "a\0b", Path("\x1b[31m"), tmp_path / ("x" * 200) / "y"):
        _refused(path, "missing", "does not exist")
    _refused(tmp_path / ("x" * 300), "unreadable", "too long")


def test_checkpoints_are_a_series(tmp_path: Path) -> None:
    """In the order of their numbers, not of their names; a broken one keeps its place."""
    names = [f"checkpoint-{step}/adapter_model.safetensors" for step in (9, 10, 100)]
    _tree(tmp_path, *names, "checkpoint-50/README.md", "checkpoint-x/adapter_model.safetensors", "logs/")
    found = locate(tmp_path)
    assert [item.step if isinstance(item, Located) else item.kind for item in found] == [9, 10, "no-adapter", 100]
    checks.assert_unreadable(tmp_path, "ambiguous", says="series of checkpoints")


def test_snapshots_are_a_series(tmp_path: Path) -> None:
    """Numbered files of MLX alone are checkpoints that share a configuration."""
    _tree(
        tmp_path,
        "0000200_adapters.safetensors",
        "0000100_adapters.safetensors",
        "1000000_adapters.npz",
        "adapter_config.json",
    )
    found = [item for item in locate(tmp_path) if isinstance(item, Located)]
    assert [item.step for item in found] == [100, 200, 1000000]
    assert {item.config for item in found} == {tmp_path / "adapter_config.json"}
    assert found[0].path.name == "0000100_adapters.safetensors"


@pytest.mark.parametrize(
    ("files", "named", "has_config"),
    [
        (["adapter_model.safetensors", "other.safetensors"], "adapter_model.safetensors", True),
        (["adapter_model.safetensors", "other.safetensors"], "other.safetensors", False),
        (["other.safetensors"], "other.safetensors", True),
        (["0000100_adapters.safetensors", "adapters.safetensors"], "0000100_adapters.safetensors", True),
        (["odd-name.weights", "adapter_model.safetensors"], "odd-name.weights", False),
        (["odd-name.weights", "optimizer.pt"], "odd-name.weights", True),
    ],
)
def test_the_configuration_of_a_file_named_by_itself(
    files: list[str], named: str, has_config: bool, tmp_path: Path
) -> None:
    """The configuration beside a file is its own if it can be nobody else's."""
    found = _chosen(_tree(tmp_path, "adapter_config.json", *files) / named)
    assert (found.config is not None) is has_config
    assert found.weights == (tmp_path / named,)


def test_pipes_and_devices_do_not_hang(tmp_path: Path) -> None:
    """What is no regular file is refused unopened, named as it is or lying in a directory."""
    pipe = tmp_path / "adapter_model.safetensors"
    os.mkfifo(pipe)
    _refused(pipe, "no-adapter", "is no regular file")
    _refused(tmp_path, "no-adapter")
    _refused(Path("/dev/zero"), "no-adapter", "is no regular file")
    config = tmp_path / "a" / "adapter_config.json"
    _tree(tmp_path, "a/adapter_model.safetensors")
    os.mkfifo(config)
    assert _chosen(config.parent).config is None


def test_what_is_no_file_is_not_opened() -> None:
    """Also where a path is opened that nobody located, a device is left alone."""
    with pytest.raises(InputError, match="is no regular file"):
        open_container(Path("/dev/null"))


def test_sockets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket by the name of an adapter is no file."""
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("adapter_model.safetensors")
        _refused(Path("adapter_model.safetensors"), "no-adapter", "is no regular file")


def test_links(tmp_path: Path) -> None:
    """Caches link to their blobs, which is fine; a link to nowhere or to itself is nothing."""
    _tree(tmp_path, "blobs/abc", "snapshot/")
    (tmp_path / "snapshot" / "adapter_model.safetensors").symlink_to(tmp_path / "blobs" / "abc")
    assert open_adapter(tmp_path / "snapshot").modules
    for target in ("nowhere", "loop"):
        (tmp_path / "loop").unlink(missing_ok=True)
        (tmp_path / "loop").symlink_to(tmp_path / target)
        _refused(tmp_path / "loop", "missing")


@pytest.mark.parametrize(
    "name", [b"caf\xe9 \xff.safetensors", "Adapter für Köln 適.safetensors".encode(), b"C:\\models\\a.safetensors"]
)
def test_any_name(name: bytes, tmp_path: Path) -> None:
    """Names of files are bytes: other encodings and backslashes open like any other."""
    path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
    path.write_bytes(WEIGHTS)
    assert len(open_adapter(path).modules) == 1
    assert len(open_adapter(tmp_path).modules) == 1
    path.write_bytes(WEIGHTS[:-1])
    checks.assert_unreadable(path, "truncated")


def test_escapes_in_names(tmp_path: Path) -> None:
    """A file's name cannot drive the terminal."""
    for name in ("a\x1b[31m\n.safetensors", "b\u202e.safetensors"):
        (tmp_path / name).write_bytes(WEIGHTS)
    _refused(tmp_path, "ambiguous", "\\x1b", "\\x0a", "\\u202e")


@pytest.mark.parametrize("call", ["is_dir", "iterdir", "open"])
def test_permission(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses, the line says so."""
    write_safetensors(tmp_path / "adapter_model.safetensors", peft_arrays(layers=1))

    def refuse(self: Path, *arguments: Any, **options: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, call, refuse)
    checks.assert_unreadable(tmp_path, "permission", says="Permission denied")


def test_a_sharded_model_is_no_adapter(tmp_path: Path) -> None:
    """The shards of a full model and their index are told from an adapter's, here and from the directory above."""
    base = tmp_path / "base"
    base.mkdir()
    for name in (
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ):
        (base / name).write_text("{}")
    with pytest.raises(InputError, match="holds a model"):
        locate(base)
    with pytest.raises(InputError, match="holds no adapter weights"):
        locate(tmp_path)

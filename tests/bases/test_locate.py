"""From a path to the files of a base, and what is refused."""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path

import pytest

from loradiag.bases.locate import locate_base
from loradiag.bases.opening import open_base
from loradiag.core.errors import EXIT_UNREADABLE, InputError, UsageError
from tests.adapters.checks import assert_plain
from tests.bases.making import base_tensors, write_base, write_shards, write_tensors
from tests.conftest import FIXTURES, MakeAdapter, peft_arrays, write_safetensors


def refused(path: Path | str, kind: str, *says: str) -> None:
    """Opening fails in one plain line that says certain words."""
    with pytest.raises(InputError) as caught:
        open_base(path)
    assert_plain(caught.value)
    assert caught.value.exit_code == EXIT_UNREADABLE
    assert caught.value.kind == kind
    for words in says:
        assert words in str(caught.value)


def _files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"{}" if name.endswith(".json") else b"\x80\x02")
    return folder


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["model.safetensors", "other.safetensors"], ["model.safetensors"]),
        (["weights.safetensors"], ["weights.safetensors"]),
        (["diffusion_pytorch_model.safetensors", "x.safetensors"], ["diffusion_pytorch_model.safetensors"]),
        (["consolidated-00001-of-00002.safetensors", "consolidated-00002-of-00002.safetensors"], None),
        (["model.safetensors", "pytorch_model.bin", "model.gguf"], ["model.safetensors"]),
    ],
)
def test_what_is_chosen(names: list[str], chosen: list[str] | None, tmp_path: Path) -> None:
    """A file by one of the usual names, else the only one, else all shards."""
    located = locate_base(_files(tmp_path, *names, "config.json"))
    assert [path.name for path in located.weights] == (chosen or names)
    assert located.config == tmp_path / "config.json"


def test_a_single_file_goes_before_an_index(tmp_path: Path) -> None:
    """As transformers loads it: an index beside model.safetensors is left over."""
    write_shards(tmp_path, base_tensors(), [3])
    write_base(tmp_path)
    assert [path.name for path in locate_base(tmp_path).weights] == ["model.safetensors"]


def test_named_files(tmp_path: Path) -> None:
    """A weight file, or an index, can be named itself."""
    write_shards(tmp_path, base_tensors(), [3])
    assert len(locate_base(tmp_path / "model.safetensors.index.json").weights) == 2
    single = write_tensors(tmp_path / "one.safetensors", base_tensors())
    assert locate_base(single).weights == (single,)
    refused(tmp_path / "model-00001-of-00002.safetensors", "no-base", "one of 2 shards", "directory")


@pytest.mark.parametrize(
    ("names", "kind", "says"),
    [
        (["pytorch_model.bin", "config.json"], "pickle", "pickles"),
        (["pytorch_model.bin.index.json", "config.json"], "pickle", "pickles"),
        (["model.gguf"], "no-base", "GGUF"),
        (["adapter_config.json", "adapter_model.safetensors"], "no-base", "adapter"),
        (["config.json"], "no-weights", "no weights"),
        ([], "no-base", "holds no base model"),
        (["README.md"], "no-base", "holds no base model"),
        (["a.safetensors", "b.safetensors"], "ambiguous", "a.safetensors, b.safetensors"),
        (["model_index.json", "unet/config.json", "vae/config.json"], "ambiguous", "unet, vae"),
        (["a-00001-of-00001.safetensors", "b-00001-of-00001.safetensors"], "ambiguous", "several checkpoints"),
        (["model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors"], "missing-shard", "number 2"),
    ],
)
def test_refused_directories(names: list[str], kind: str, says: str, tmp_path: Path) -> None:
    """What holds no base says what it holds."""
    refused(_files(tmp_path, *names), kind, says)


def test_refused_files(tmp_path: Path) -> None:
    """Files that are no safetensors, by their names and by their content."""
    _files(tmp_path, "pytorch_model.bin", "model.gguf", "notes.txt", "model.safetensors")
    refused(tmp_path / "pytorch_model.bin", "pickle")
    refused(tmp_path / "model.gguf", "no-base", "GGUF")
    refused(tmp_path / "notes.txt", "no-base", "no safetensors")
    refused(tmp_path / "model.safetensors", "truncated")
    (tmp_path / "model.safetensors").write_bytes(b"GGUF" + bytes(400))
    with pytest.raises(InputError):
        open_base(tmp_path / "model.safetensors")


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    """Missing, impossible and too long names: one line, and nobody asks the hub."""
    for path in (tmp_path / "none", "a\0b", "\x1b[31m"):
        refused(path, "missing", "does not exist")
    refused("x" * 300, "unreadable", "too long")


def test_a_shard_that_the_index_lists_is_missing(tmp_path: Path) -> None:
    """The shard is named."""
    write_shards(tmp_path, base_tensors(), [3, 6])
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    refused(tmp_path, "missing-shard", "model-00002-of-00003.safetensors")


def test_an_index_that_lists_what_no_shard_holds(tmp_path: Path) -> None:
    """The tensor is named."""
    write_shards(tmp_path, base_tensors(), [3])
    index = tmp_path / "model.safetensors.index.json"
    listing = json.loads(index.read_text())
    listing["weight_map"]["model.layers.9.mlp.up_proj.weight"] = "model-00001-of-00002.safetensors"
    index.write_text(json.dumps(listing))
    refused(tmp_path, "missing-shard", "1 tensor that", "model.layers.9")


def test_an_index_that_points_elsewhere(tmp_path: Path) -> None:
    """An index must not make us read another directory."""
    write_shards(tmp_path / "base", base_tensors(), [3])
    index = tmp_path / "base" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../secret.safetensors"}}))
    refused(tmp_path / "base", "header", "outside")


@pytest.mark.parametrize("name", ["model.safetensors.index.json", "model.safetensors"])
def test_pipes_by_the_names_of_files_are_left_alone(name: str, tmp_path: Path) -> None:
    """Nobody writes into them, and nobody waits for that."""
    write_shards(tmp_path, base_tensors(), [3])
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=r"is not a readable shard index|is no regular file"):
        open_base(tmp_path)


def test_shards_that_repeat_a_tensor(tmp_path: Path) -> None:
    """Two shards with a tensor of one name: which is meant cannot be known."""
    write_shards(tmp_path, base_tensors(), [3], index=False)
    shutil.copy(tmp_path / "model-00001-of-00002.safetensors", tmp_path / "model-00002-of-00002.safetensors")
    refused(tmp_path, "duplicate-key", "model.embed_tokens.weight")


def test_a_truncated_shard(tmp_path: Path) -> None:
    """The shard is named, and that it is cut short."""
    write_shards(tmp_path, base_tensors(), [3])
    shard = tmp_path / "model-00002-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-10])
    refused(tmp_path, "truncated", "model-00002-of-00002.safetensors", "cut short")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ("[1]", "no configuration"),
        ('{"a": NaN}', "not JSON"),
        ('{"a": "\\ud800"}', "not JSON"),
        ('{"a":' * 100_000, "not JSON"),
        (" " * 16_000_001, "far too large"),
    ],
    ids=["cut", "list", "NaN", "surrogate", "deep", "large"],
)
def test_a_configuration_that_is_none(text: str, says: str, tmp_path: Path) -> None:
    """config.json must be a JSON object."""
    (write_base(tmp_path) / "config.json").write_text(text)
    refused(tmp_path, "config", says)


def test_infinities_as_transformers_wrote_them(tmp_path: Path) -> None:
    """Configurations of Nemotron-H and other kin of Mamba 2 have them; transformers reads them back."""
    (write_base(tmp_path) / "config.json").write_text('{"time_step_limit": [0.0, Infinity], "low": -Infinity}')
    assert open_base(tmp_path).config == {"time_step_limit": [0.0, math.inf], "low": -math.inf}


def test_adapters_and_empty_files_are_no_bases(tmp_path: Path, make_adapter: MakeAdapter) -> None:
    """An adapter by its directory, by its file, and one whose configuration is missing."""
    adapter = make_adapter()
    refused(adapter, "no-base", "holds an adapter")
    refused(adapter / "adapter_model.safetensors", "no-base", "holds an adapter")
    (adapter / "adapter_config.json").unlink()
    refused(adapter, "no-base", "holds an adapter")
    write_tensors(tmp_path / "model.safetensors", {})
    refused(tmp_path / "model.safetensors", "empty", "no tensors")
    write_safetensors(tmp_path / "model.safetensors", peft_arrays())
    refused(tmp_path / "model.safetensors", "no-base", "adapter")


def test_opening_the_fixture() -> None:
    """Headers of all shards, the configuration, and every weight."""
    base = open_base(FIXTURES / "base")
    assert (len(base.files), len(base.tensors), len(base.weights)) == (2, 39, 39)
    assert base.setting("model_type") == "llama"
    assert (base.scheme, base.obstacle, base.revision) == (None, None, None)
    assert base.weights["model.layers.0.mlp.up_proj.weight"].quantization is None


def test_a_revision_of_a_local_base_is_refused() -> None:
    """What lies on this machine has one version; to read it under another's name would be a lie."""
    with pytest.raises(UsageError, match=r"only bases on the hub have revisions, and .*base.* lies on this machine"):
        open_base(FIXTURES / "base", revision="v2")

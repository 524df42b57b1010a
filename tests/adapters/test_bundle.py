"""Configurations and shards: what is not as it must be is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.adapters.bundle import MAX_NAME, read_config
from loradiag.adapters.opening import open_adapter
from tests.adapters import checks, hostile
from tests.conftest import peft_arrays, write_safetensors

WEIGHTS = hostile.safetensors_bytes(*hostile.valid())
SOUND = {"peft_type": "LORA", "r": 2, "lora_alpha": 4}


def _adapter(folder: Path, config: bytes | str | dict[str, Any]) -> Path:
    hostile.write(folder, WEIGHTS)
    data = (
        config
        if isinstance(config, bytes)
        else config.encode()
        if isinstance(config, str)
        else json.dumps(config).encode()
    )
    hostile.write(folder, data, "adapter_config.json")
    return folder


BROKEN: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "is not JSON"),
    "empty": ("", "is not JSON"),
    "a list": ("[]", "not an object"),
    "null": ("null", "not an object"),
    "binary": (b"\xff\xfe\x00", "is not JSON"),
    "NaN": ('{"peft_type": "LORA", "r": 2, "lora_alpha": NaN}', "is not JSON"),
    "Infinity where nobody looks": ('{"peft_type": "LORA", "r": 2, "lora_dropout": Infinity}', "is not JSON"),
    "nested": ('{"a":' * 100_000, "is not JSON"),
    "half a surrogate pair": ('{"base_model_name_or_path": "\\ud800"}', "is not JSON"),
    "a key twice": ('{"lora_alpha": 1, "lora_alpha": 512}', 'two entries called "lora_alpha"'),
    "a number of 5000 digits": ('{"r": ' + "9" * 5000 + "}", "is not JSON"),
    "r = 0": (SOUND | {"r": 0}, "r = 0, which is not a rank"),
    "r negative": (SOUND | {"r": -8}, "r = -8, which is not a rank"),
    "r a fraction": (SOUND | {"r": 2.5}, "r = 2.5"),
    "r a text": (SOUND | {"r": "2"}, "r = '2'"),
    "r null": (SOUND | {"r": None}, "r = None"),
    "r true": (SOUND | {"r": True}, "r = True"),
    "r astronomical": (SOUND | {"r": 10**400}, "which is not a rank"),
    "α a text": (SOUND | {"lora_alpha": "16"}, "lora_alpha = '16', which is not a number"),
    "α null": (SOUND | {"lora_alpha": None}, "lora_alpha = None"),
    "α a list": (SOUND | {"lora_alpha": [16]}, "lora_alpha = [16]"),
    "α true": (SOUND | {"lora_alpha": True}, "lora_alpha = True"),
    "α too large for a float": (SOUND | {"lora_alpha": 10**400}, "which is not a number"),
    "α infinite": ('{"peft_type": "LORA", "r": 2, "lora_alpha": 1e999}', "lora_alpha = inf"),
    "α an escape": (SOUND | {"lora_alpha": "\x1b]0;owned\x07"}, "lora_alpha"),
    "ranks a list": (SOUND | {"rank_pattern": ["q_proj"]}, "rank_pattern"),
    "ranks a text": (SOUND | {"rank_pattern": "q_proj"}, "rank_pattern"),
    "a rank of 0": (SOUND | {"rank_pattern": {"q_proj": 0}}, "rank_pattern.q_proj = 0"),
    "a rank a text": (SOUND | {"rank_pattern": {"q_proj": "8"}}, "rank_pattern.q_proj = '8'"),
    "an α of null": (SOUND | {"alpha_pattern": {"q_proj": None}}, "alpha_pattern.q_proj = None"),
    "alphas a list": (SOUND | {"alpha_pattern": [{}]}, "alpha_pattern"),
    "no regular expression": (SOUND | {"alpha_pattern": {"q_proj(": 3}}, "not a regular expression"),
    "an endless expression": (SOUND | {"rank_pattern": {"a" * 5000: 3}}, "longer than"),
    "an expression with memory": (SOUND | {"rank_pattern": {r"(.)\3": 3}}, "bounded time"),
    "more keys than modules can be": (
        SOUND | {"rank_pattern": {f"k{index}": 2 for index in range(10_001)}},
        "at most 10,000",
    ),
    "a key that is an escape": (SOUND | {"rank_pattern": {"\x1b[2J(": 3}}, "not a regular expression"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_configurations(name: str, tmp_path: Path) -> None:
    """Each flaw is told with the setting that has it; nothing is guessed."""
    config, says = BROKEN[name]
    checks.assert_unreadable(_adapter(tmp_path, config), "config", says=says)


def test_a_large_configuration(tmp_path: Path) -> None:
    """Twenty megabytes are no configuration, and are not parsed to find out."""
    path = hostile.write(tmp_path, b'{"a": "' + b"x" * 20_000_000 + b'"}', "adapter_config.json")
    hostile.write(tmp_path, WEIGHTS)
    checks.assert_unreadable(tmp_path, "config", says="far too large")
    with pytest.raises(checks.InputError):
        read_config(path)


@pytest.mark.parametrize(
    "expression", ["(a+)+$", "(q|q)*x", "(.*)*(.*)*(.*)*x", "((q?){50}){50}x", "(?=(q*)*x)q", "(.*q.*)*" * 8 + "x"]
)
def test_expressions_that_would_hang(expression: str, tmp_path: Path) -> None:
    """Python's own matcher takes exponential time for these; here they are matched, or refused, at once."""
    name = "base_model.model." + "q" * 200
    write_safetensors(
        tmp_path / "adapter_model.safetensors",
        {f"{name}.lora_A.weight": np.ones((2, 3), np.float32), f"{name}.lora_B.weight": np.ones((3, 2), np.float32)},
    )
    config = SOUND | {"rank_pattern": {expression: 4}, "alpha_pattern": {expression: 8}}
    hostile.write(tmp_path, json.dumps(config).encode(), "adapter_config.json")
    try:
        (module,) = open_adapter(tmp_path).modules
        assert module.scale.value == 2.0
    except checks.InputError as error:
        checks.assert_plain(error)


def test_settings_of_other_methods_are_left_alone(tmp_path: Path) -> None:
    """OFT has r = 0 and means it: a setting is checked only where it is used."""
    name = "base_model.model.q.oft_R.weight"
    write_safetensors(tmp_path / "adapter_model.safetensors", {name: np.ones((2, 3), np.float32)})
    hostile.write(tmp_path, b'{"peft_type": "OFT", "r": 0, "lora_alpha": null}', "adapter_config.json")
    assert [row.reason for row in open_adapter(tmp_path).parts.unsupported] == ["OFT is not analysed"]


def test_negative_alpha_is_a_number(tmp_path: Path) -> None:
    """Some turn an adapter around by a negative α; PEFT takes it, and so does the scale."""
    adapter = open_adapter(_adapter(tmp_path, SOUND | {"lora_alpha": -4}))
    assert adapter.modules[0].scale.value == -2.0


def test_byte_order_mark(tmp_path: Path) -> None:
    """Some editors put a mark before the first brace."""
    assert open_adapter(_adapter(tmp_path, b"\xef\xbb\xbf" + json.dumps(SOUND).encode())).modules


@pytest.mark.parametrize("length", [MAX_NAME, MAX_NAME + 1])
def test_long_names(length: int, tmp_path: Path) -> None:
    """A name may have a thousand characters."""
    ending = ".lora_A.weight"
    name = "base_model." + "a" * (length - len(ending) - 11) + ending
    write_safetensors(tmp_path / "x.safetensors", {name: np.ones((2, 3), np.float32)})
    if length <= MAX_NAME:
        assert open_adapter(tmp_path).parts.broken == [name]
    else:
        checks.assert_unreadable(tmp_path, "header", says="1,001 characters")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_for_a_configuration(config: bytes) -> None:
    """Whatever lies there, only InputError comes out."""
    checks.survives(WEIGHTS, config=config, measured=False)


def _sharded(folder: Path, weight_map: Any, **files: dict[str, Any]) -> Path:
    for name, arrays in files.items():
        write_safetensors(folder / f"{name}.safetensors", arrays)
    index = (
        json.dumps({"metadata": {}, "weight_map": weight_map})
        if not isinstance(weight_map, bytes)
        else weight_map.decode()
    )
    (folder / "adapter_model.safetensors.index.json").write_text(index)
    return folder


def test_shards(tmp_path: Path) -> None:
    """Shards are read as one file, whichever module's factors lie in which."""
    arrays = peft_arrays(layers=1)
    names = list(arrays)
    first, second = {name: arrays[name] for name in names[::2]}, {name: arrays[name] for name in names[1::2]}
    weight_map = {name: f"s-0000{1 + index % 2}-of-00002.safetensors" for index, name in enumerate(names)}
    folder = _sharded(tmp_path, weight_map, **{"s-00001-of-00002": first, "s-00002-of-00002": second})
    for path in (folder, folder / "adapter_model.safetensors.index.json"):
        adapter = open_adapter(path)
        assert [weights.name for weights in adapter.weights] == [
            "s-00001-of-00002.safetensors",
            "s-00002-of-00002.safetensors",
        ]
        assert len(adapter.modules) == 2
        assert not adapter.parts.problems
        checks.assert_accounted(adapter)


def test_shards_that_repeat_a_tensor(tmp_path: Path) -> None:
    """Which of two would be loaded depends on the loader."""
    arrays = peft_arrays(layers=1)
    files = {"a": arrays, "b": dict(list(arrays.items())[:1])}
    folder = _sharded(tmp_path, {"x": "a.safetensors", "y": "b.safetensors"}, **files)
    checks.assert_unreadable(folder, "duplicate-key", says="repeats tensors of another shard")


@pytest.mark.parametrize(
    "name",
    [
        "../secret.safetensors",
        "/etc/passwd",
        "a/../../b",
        "..",
        ".",
        "",
        "a\\b",
        "C:\\x",
        "a\0b",
        "x" * 300,
        7,
        None,
        ["a"],
    ],
)
def test_shards_elsewhere(name: Any, tmp_path: Path) -> None:
    """An index leads nowhere but to its own directory."""
    (tmp_path / "secret.safetensors").write_bytes(WEIGHTS)
    folder = tmp_path / "adapter"
    folder.mkdir()
    checks.assert_unreadable(_sharded(folder, {"x": name}), "header")


@pytest.mark.parametrize(
    "index", [b"", b"[]", b"{", b'{"weight_map": []}', b'{"weight_map": null}', b'{"a": 1}', b"\xff"]
)
def test_no_index(index: bytes, tmp_path: Path) -> None:
    """What is no index is said to be none."""
    (tmp_path / "adapter_model.safetensors.index.json").write_bytes(index)
    checks.assert_unreadable(tmp_path, "header", says="shard index")


def test_missing_shards(tmp_path: Path) -> None:
    """The missing files are named."""
    weight_map = {"x": "a-00001-of-00002.safetensors", "y": "a-00002-of-00002.safetensors"}
    folder = _sharded(tmp_path, weight_map, **{"a-00001-of-00002": peft_arrays(layers=1)})
    checks.assert_unreadable(folder, "missing-shard", says="a-00002-of-00002.safetensors")

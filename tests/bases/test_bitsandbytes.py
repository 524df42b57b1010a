"""Weights as bitsandbytes stores them, against a calculation by hand and against bitsandbytes itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from loradiag.bases.model import Weight
from loradiag.bases.opening import open_base
from loradiag.core.errors import InputError
from loradiag.linalg.widen import widen
from tests.adapters.checks import assert_plain
from tests.bases.making import Stored, stored, write_base

NAME = "model.layers.0.self_attn.q_proj.weight"
TABLE = np.linspace(-1, 1, 16).astype("<f4")
CODEBOOK = np.linspace(-0.5, 0.5, 256).astype("<f4")


def four_bits(rows: int, cols: int, block: int = 64, nested: int = 0, dtype: str = "bfloat16") -> dict[str, Stored]:
    """A weight of random codes, with what stands beside it."""
    rng = np.random.default_rng(0)
    count = rows * cols
    blocks = -(-count // block)
    state: dict[str, Any] = {"quant_type": "nf4", "blocksize": block, "dtype": dtype, "shape": [rows, cols]}
    tensors = {
        NAME: stored(rng.integers(0, 256, (-(-count // 2), 1)).astype("|u1")),
        f"{NAME}.quant_map": stored(TABLE),
        f"{NAME}.absmax": stored(rng.uniform(0.1, 1, blocks).astype("<f4")),
    }
    if nested:
        state |= {"nested_blocksize": nested, "nested_dtype": "float32", "nested_offset": 0.75}
        tensors[f"{NAME}.absmax"] = stored(rng.integers(0, 256, blocks).astype("|u1"))
        tensors[f"{NAME}.nested_quant_map"] = stored(CODEBOOK)
        tensors[f"{NAME}.nested_absmax"] = stored(rng.uniform(0.1, 1, -(-blocks // nested)).astype("<f4"))
    return {**tensors, **described(state)}


def described(state: Any, kind: str = "nf4") -> dict[str, Stored]:
    """The tensor that holds a weight's description of itself."""
    text = state if isinstance(state, bytes) else json.dumps(state).encode()
    return {f"{NAME}.quant_state.bitsandbytes__{kind}": stored(np.frombuffer(text, "|u1"))}


def by_hand(tensors: dict[str, Stored], rows: int, cols: int, block: int, nested: int) -> npt.NDArray[np.float32]:
    """The values one by one: the code's number times its block's magnitude."""

    def numbers(name: str, kind: str) -> npt.NDArray[Any]:
        return np.frombuffer(tensors[f"{NAME}{name}"][2], kind)

    codes = numbers("", "u1")
    values = np.empty(rows * cols, np.float32)
    for index in range(rows * cols):
        scale = numbers(".absmax", "u1" if nested else "<f4")[index // block]
        if nested:
            outer = numbers(".nested_absmax", "<f4")[index // block // nested]
            scale = CODEBOOK[scale] * outer + np.float32(0.75)
        code = codes[index // 2] >> 4 if index % 2 == 0 else codes[index // 2] & 15
        values[index] = TABLE[code] * np.float32(scale)
    return values.reshape(rows, cols)


def opened(folder: Path, tensors: dict[str, Stored]) -> Weight:
    """The only weight of a base of these tensors."""
    base = open_base(write_base(folder, tensors))
    assert base.scheme == "bitsandbytes"
    assert list(base.weights) == [NAME]
    return base.weights[NAME]


@pytest.mark.parametrize("nested", [0, 4])
@pytest.mark.parametrize(
    ("rows", "cols", "block"), [(8, 64, 64), (6, 96, 64), (5, 33, 32), (3, 7, 64), (4, 128, 4096), (7, 1, 2)]
)
def test_four_bits_by_hand(rows: int, cols: int, block: int, nested: int, tmp_path: Path) -> None:
    """Whole and in slices: rows that begin and end inside blocks and inside bytes."""
    tensors = four_bits(rows, cols, block, nested, "float32")
    weight = opened(tmp_path, tensors)
    expected = by_hand(tensors, rows, cols, block, nested)
    assert (weight.shape, weight.dtype, weight.quantization) == ((rows, cols), "F32", "nf4")
    for start, stop in ((0, rows), (1, rows), (rows - 1, rows), (1, 2), (rows // 2, rows // 2)):
        np.testing.assert_array_equal(weight.read(start, stop), expected[start:stop])


@pytest.mark.parametrize(("dtype", "name"), [("float16", "F16"), ("bfloat16", "BF16"), ("unheard of", "F32")])
def test_values_come_in_the_format_of_the_model(dtype: str, name: str, tmp_path: Path) -> None:
    """Rounded to nearest, ties to even."""
    tensors = four_bits(4, 64, dtype=dtype)
    weight = opened(tmp_path, tensors)
    expected = by_hand(tensors, 4, 64, 64, 0)
    assert weight.dtype == name
    got = weight.read(0, 4)
    if name == "BF16":
        widened = (got.astype(np.uint32) << 16).view(np.float32)
        assert np.abs(widened - expected).max() <= 2.0**-8 * np.abs(expected).max()
    else:
        np.testing.assert_array_equal(got, expected.astype(got.dtype))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_scale_that_is_no_number_leaves_none(dtype: str, tmp_path: Path) -> None:
    """Bytes of 0xFF are a NaN whose every bit is set: the block's values are NaN, and no zeros."""
    tensors = four_bits(2, 64, dtype=dtype)
    tensors[f"{NAME}.quant_map"] = stored(np.ones(16, "<f4"))
    tensors[f"{NAME}.absmax"] = ("F32", (2,), b"\xff\xff\xff\xff" + np.float32(1).tobytes())
    weight = opened(tmp_path, tensors)
    values = widen(weight.read(0, 2), weight.dtype)
    assert np.isnan(values[0]).all()
    np.testing.assert_array_equal(values[1], np.ones(64))


def test_codes_stored_as_other_numbers(tmp_path: Path) -> None:
    """Sharded training stores the codes as if they were BF16; the bytes are the same."""
    tensors = four_bits(6, 96, dtype="float32")
    _, _, data = tensors[NAME]
    expected = by_hand(tensors, 6, 96, 64, 0)
    tensors[NAME] = ("BF16", (len(data) // 2, 1), data)
    weight = opened(tmp_path, tensors)
    for start, stop in ((0, 6), (1, 3), (5, 6)):
        np.testing.assert_array_equal(weight.read(start, stop), expected[start:stop])


def test_eight_bits_by_hand(tmp_path: Path) -> None:
    """Whole numbers times the row's largest magnitude over 127."""
    rng = np.random.default_rng(0)
    codes, scale = rng.integers(-127, 128, (5, 7)).astype("|i1"), rng.uniform(0.1, 1, 5).astype("<f4")
    stem = NAME.removesuffix(".weight")
    tensors = {NAME: stored(codes), f"{stem}.SCB": stored(scale), f"{stem}.weight_format": stored(np.zeros(1, "|u1"))}
    weight = opened(tmp_path, tensors)
    assert weight.quantization == "int8"
    np.testing.assert_allclose(weight.read(1, 4), codes[1:4] * scale[1:4, None].astype(np.float64) / 127, rtol=3e-7)


SOUND = {"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [4, 64]}


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        {**SOUND, "blocksize": 0},
        {**SOUND, "blocksize": -64},
        {**SOUND, "blocksize": 63},
        {**SOUND, "blocksize": 1 << 40},
        {**SOUND, "blocksize": 64.5},
        {**SOUND, "shape": [4, 65]},
        {**SOUND, "shape": [256]},
        {**SOUND, "shape": [2, 2, 64]},
        {**SOUND, "shape": [-4, -64]},
        {**SOUND, "shape": [1 << 40, 1 << 40]},
        {**SOUND, "shape": []},
        {**SOUND, "shape": "4x64"},
        b'{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[4,64],"nested_offset":1e999}',
        b'{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[4,64],"nested_offset":NaN}',
        b'{"quant_type":"nf4","blocksize":64,"blocksize":32,"dtype":"float32","shape":[4,64]}',
        b"[" * 90_000,
    ],
    ids=repr,
)
def test_a_damaged_description(state: Any, tmp_path: Path) -> None:
    """A weight's description of itself is not believed: one line that names it."""
    _refused(tmp_path, {**four_bits(4, 64), **described(state)})


def test_damaged_parts(tmp_path: Path) -> None:
    """Parts that are missing, of another size, or of another format."""
    sound = four_bits(4, 64, nested=2)
    opened(tmp_path / "sound", sound)
    for number, (part, instead) in enumerate(
        [
            ("", None),
            (".absmax", None),
            (".quant_map", None),
            (".nested_quant_map", None),
            (".absmax", stored(np.ones(4, "<f4"))),
            (".absmax", stored(np.ones(5, "|u1"))),
            (".quant_map", stored(np.ones(15, "<f4"))),
            (".quant_map", stored(np.ones(16, "<u2"))),
            (".nested_absmax", stored(np.ones(3, "<f4"))),
            (".nested_quant_map", stored(np.ones(255, "<f4"))),
            ("", stored(np.ones((127, 1), "|u1"))),
        ]
    ):
        tensors = {name: tensor for name, tensor in sound.items() if name != NAME + part}
        _refused(tmp_path / str(number), tensors | ({NAME + part: instead} if instead else {}))
    without_state = {name: tensor for name, tensor in sound.items() if "quant_state" not in name}
    _refused(tmp_path / "kind", {**without_state, **described(SOUND, "x4")})


@pytest.mark.parametrize("nested", [2**31, 2**62, 10**30])
def test_blocks_of_magnitudes_without_end(nested: int, tmp_path: Path) -> None:
    """One magnitude says that it is of billions: no memory is set aside for them."""
    tensors = four_bits(4, 64, nested=4)
    name = next(name for name in tensors if "quant_state" in name)
    told = {**json.loads(tensors[name][2]), "nested_blocksize": nested}
    state = np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)
    with pytest.raises(InputError, match="makes no sense"):
        open_base(write_base(tmp_path / "base", {**tensors, name: stored(state)}))


@pytest.mark.parametrize("rows", [4, 6])
def test_damaged_eight_bits(rows: int, tmp_path: Path) -> None:
    """A scale for each row, and whole numbers."""
    stem = NAME.removesuffix(".weight")
    scale = {f"{stem}.SCB": stored(np.ones(rows, "<f4"))}
    _refused(tmp_path / "size", {NAME: stored(np.ones((5, 7), "|i1")), **scale})
    _refused(tmp_path / "kind", {NAME: stored(np.ones((rows, 7), "<f4")), **scale})
    _refused(tmp_path / "none", scale)


def _refused(folder: Path, tensors: dict[str, Stored]) -> None:
    with pytest.raises(InputError, match=r"q_proj.weight.*makes no sense") as caught:
        open_base(write_base(folder, tensors))
    assert_plain(caught.value)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama whose row widths are multiples of the block size.

    They must be: where a row is not a whole number of blocks, bitsandbytes 0.50 on a CPU takes the magnitude of the block
    before for part of a row. Such widths are covered by the calculation by hand.
    """
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=64,
        hidden_size=128,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    folder = tmp_path_factory.mktemp("llama")
    transformers.LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


KINDS: dict[str, dict[str, Any]] = {
    "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
    "fp4": {"load_in_4bit": True, "bnb_4bit_quant_type": "fp4"},
    "int8": {"load_in_8bit": True},
}


@pytest.mark.models
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_bitsandbytes_itself_agrees_bit_for_bit(kind: str, model: Path, tmp_path: Path) -> None:
    """Every quantized weight of a checkpoint that transformers wrote, whole and in slices."""
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("bitsandbytes").functional
    transformers = pytest.importorskip("transformers")
    settings = transformers.BitsAndBytesConfig(**KINDS[kind], bnb_4bit_compute_dtype=torch.bfloat16)
    quantized = transformers.AutoModelForCausalLM.from_pretrained(
        model, quantization_config=settings, dtype=torch.bfloat16, device_map="cpu"
    )
    quantized.save_pretrained(tmp_path)
    base = open_base(tmp_path)
    assert base.obstacle is None
    ours = {name: weight for name, weight in base.weights.items() if weight.quantization}
    assert len(ours) == 14
    parameters = dict(quantized.named_parameters())
    for name, weight in ours.items():
        parameter = parameters[name]
        if kind == "int8":
            expected = library.int8_vectorwise_dequant(parameter.data, parameter.SCB).numpy()
        else:
            values = library.dequantize_4bit(parameter.data, parameter.quant_state)
            assert values.dtype == torch.bfloat16
            expected = values.view(torch.int16).numpy().view(np.uint16)
        assert weight.quantization == kind
        assert expected.shape == weight.shape
        for start, stop in ((0, weight.shape[0]), (1, 2), (3, 64)):
            np.testing.assert_array_equal(weight.read(start, stop), expected[start:stop], err_msg=name)

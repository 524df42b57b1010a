"""Storage formats beside the libraries that define them, and beside their definitions written out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.linalg.formats import FORMATS, Stored, format_named
from tests.linalg.quantizers import TABLES, nearest_in_blocks, rounded_bf16, to_e4m3

torch: Any = pytest.importorskip("torch", reason="weights are torch tensors")
bnb: Any = pytest.importorskip("bitsandbytes", reason="its kernels are the reference")
gguf: Any = pytest.importorskip("gguf", reason="its quantizers are the reference")

pytestmark = pytest.mark.models

PLAIN = ["bf16", "fp16", "fp32"]
GGUF = ["q8_0", "q4_0"]
DTYPES = ["float32", "bfloat16", "float16"]
WIDE = [(6, 128), (64, 256), (1, 64), (300, 128)]
"""Rows of whole blocks; the last has more scales than share one scale in double quantization."""
RAGGED = [(5, 33), (7, 100), (1, 1), (2, 63), (9, 30), (40, 17)]
CHUNK = 1 << 20
"""Entries that are quantized at once."""


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_compiled() -> Iterator[None]:
    """For odd sizes and large blocks bitsandbytes has torch compile a kernel, seconds for each shape."""
    with torch.compiler.set_stance("force_eager"):
        yield


def gaussian(shape: tuple[int, int], dtype: str = "float32", seed: int = 0, scale: float = 0.02) -> Any:
    """Weights of the usual size, with rows of different sizes."""
    rng = np.random.default_rng(seed)
    rows = 2.0 ** rng.integers(-3, 3, (shape[0], 1))
    return torch.from_numpy(rng.standard_normal(shape) * scale * rows).to(getattr(torch, dtype))


def by_bitsandbytes(matrix: Any, kind: str, block: int, double: bool) -> tuple[Any, Any, Any]:
    """Packed codes, their state and the values, by its two functions."""
    packed, state = bnb.functional.quantize_4bit(matrix, blocksize=block, compress_statistics=double, quant_type=kind)
    return packed, state, bnb.functional.dequantize_4bit(packed, state)


def same_bits(ours: Any, theirs: Any) -> bool:
    """Whether two tensors are equal in every bit, their NaN aside."""
    kinds = {torch.float32: torch.int32, torch.float16: torch.int16, torch.bfloat16: torch.int16}
    return ours.dtype == theirs.dtype and bool(
        torch.equal(ours.isnan(), theirs.isnan())
        and torch.equal(ours.nan_to_num().view(kinds[ours.dtype]), theirs.nan_to_num().view(kinds[ours.dtype]))
    )


# --- 4 bits of bitsandbytes ---


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("block", [32, 64, 128])
@pytest.mark.parametrize("kind", TABLES)
def test_four_bits_are_those_of_bitsandbytes(kind: str, block: int, double: bool, dtype: str) -> None:
    """Values, codes and all that is stored, bit for bit, of rows that are whole blocks."""
    for shape in [(rows, max(cols, block)) for rows, cols in WIDE]:
        matrix = gaussian(shape, dtype)
        stored = format_named(kind, block, double).store(matrix)
        packed, state, values = by_bitsandbytes(matrix, kind, block, double)
        assert same_bits(stored.values, values)
        assert stored.parts["codes"].equal(packed.reshape(-1))
        assert stored.parts["absmax"].equal(state.absmax)
        assert ("nested" in stored.parts) == double
        if double:
            assert stored.parts["nested"].absmax.equal(state.state2.absmax)
            assert stored.parts["nested"].code.equal(state.state2.code)
            assert stored.parts["offset"].equal(state.offset)


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("kind", TABLES)
def test_rows_that_are_no_whole_blocks(kind: str, double: bool) -> None:
    """As if the matrix were one row: for rows that begin inside a block, bitsandbytes 0.50 takes wrong scales on a CPU."""
    for shape in RAGGED:
        matrix = gaussian(shape)
        stored = format_named(kind, 64, double).store(matrix)
        packed, _, values = by_bitsandbytes(matrix.reshape(1, -1), kind, 64, double)
        assert same_bits(stored.values, values.reshape(shape))
        assert stored.parts["codes"].equal(packed.reshape(-1))
        assert stored.codes.shape == shape


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("shape", [(1024, 1024), (1025, 1024), (513, 4096)])
def test_more_than_is_quantized_at_once(shape: tuple[int, int], double: bool) -> None:
    """Exactly as many entries as one chunk has, and more, are what one call gives."""
    assert shape[0] * shape[1] >= CHUNK
    matrix = gaussian(shape, "bfloat16")
    stored = format_named("nf4", 64, double).store(matrix)
    packed, state, values = by_bitsandbytes(matrix, "nf4", 64, double)
    assert same_bits(stored.values, values)
    assert stored.parts["codes"].equal(packed.reshape(-1))
    assert stored.parts["absmax"].equal(state.absmax)


@pytest.mark.parametrize("block", [2048, 4096])
def test_large_blocks(block: int) -> None:
    """For which bitsandbytes leaves its fast kernel."""
    matrix = gaussian((10, 4096))
    assert same_bits(
        format_named("nf4", block, False).store(matrix).values, by_bitsandbytes(matrix, "nf4", block, False)[2]
    )


@pytest.mark.parametrize("shape", [*WIDE, *RAGGED])
@pytest.mark.parametrize("kind", TABLES)
def test_four_bits_by_hand(kind: str, shape: tuple[int, int]) -> None:
    """Every value is the block's largest magnitude times the number of its code, and no other number is nearer."""
    matrix = gaussian(shape)
    stored = format_named(kind, 64, False).store(matrix)
    exact = matrix.double().numpy()
    scales, least = nearest_in_blocks(exact, TABLES[kind], 64)
    decoded = TABLES[kind][stored.codes.numpy()] * scales
    np.testing.assert_allclose(stored.values.numpy(), decoded, rtol=1e-6, atol=0)
    np.testing.assert_array_less(np.abs(decoded - exact), least * scales + 1e-6 * scales)


def test_quantizing_scales_costs_little() -> None:
    """Double quantization moves values by no more than its own 8 bits: a 256th of the spread of the scales."""
    matrix = gaussian((256, 512))
    single, double = (format_named("nf4", 64, how).store(matrix) for how in (False, True))
    assert double.codes.equal(single.codes)
    spread = single.parts["absmax"].max() - single.parts["absmax"].mean()
    assert 0 < float((double.values - single.values).abs().max()) < float(spread) / 64


# --- 8 bits ---


@pytest.mark.parametrize("dtype", DTYPES)
def test_int8_is_that_of_bitsandbytes(dtype: str) -> None:
    """Its two functions, and its own parameter as Linear8bitLt holds it."""
    for shape in [*WIDE, *RAGGED]:
        matrix = gaussian(shape, dtype)
        stored = format_named("int8").store(matrix)
        codes, scales, _ = bnb.functional.int8_vectorwise_quant(matrix.half())
        assert stored.codes.equal(codes)
        assert same_bits(stored.values, bnb.functional.int8_vectorwise_dequant(codes, scales))
        layer = bnb.nn.Int8Params(matrix.clone(), requires_grad=False, has_fp16_weights=False).to("cpu")
        assert stored.parts["codes"].equal(layer.CB)
        assert stored.parts["scales"].equal(layer.SCB)


def test_int8_by_hand() -> None:
    """Whole numbers of steps of a 127th of the row's largest magnitude, in FP16 first."""
    matrix = gaussian((40, 100))
    half = matrix.numpy().astype(np.float16).astype(np.float64)
    step = np.abs(half).max(axis=1, keepdims=True) / 127
    stored = format_named("int8").store(matrix)
    np.testing.assert_allclose(stored.values.numpy(), stored.codes.numpy() * step, rtol=1e-6, atol=0)
    assert (np.abs(stored.values.numpy() - half) <= step * 0.5 * (1 + 1e-3)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_fp8_by_hand(dtype: str) -> None:
    """E4M3 from its definition, of rows over a 448th of their largest magnitude."""
    for shape in [*WIDE, *RAGGED]:
        matrix = gaussian(shape, dtype)
        wide = matrix.float().numpy()
        scale = np.abs(wide).max(axis=1, keepdims=True) / np.float32(448)
        codes = to_e4m3(wide / scale)
        stored = format_named("fp8-e4m3").store(matrix)
        np.testing.assert_array_equal(stored.codes.numpy(), codes)
        numbers = torch.from_numpy(codes).view(torch.float8_e4m3fn).float().numpy()
        np.testing.assert_array_equal(stored.values.numpy(), numbers * scale)


# --- GGUF ---


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", GGUF)
def test_gguf_is_that_of_its_package(kind: str, dtype: str) -> None:
    """Values, and codes that give them back with the blocks' scales."""
    which = getattr(gguf.GGMLQuantizationType, kind.upper())
    for shape in [(6, 128), (1, 32), (33, 96), (300, 64)]:
        matrix = gaussian(shape, dtype)
        packed = gguf.quants.quantize(matrix.float().numpy(), which)
        stored = format_named(kind).store(matrix)
        np.testing.assert_array_equal(stored.values.numpy(), gguf.quants.dequantize(packed, which))
        scales = packed.reshape(shape[0], shape[1] // 32, -1)[:, :, :2].copy().view(np.float16).astype(np.float32)
        codes = stored.codes.numpy()
        numbers = codes.view(np.int8) if kind == "q8_0" else codes.astype(np.int8) - 8
        rebuilt = numbers.reshape(shape[0], -1, 32) * scales
        np.testing.assert_array_equal(stored.values.numpy(), rebuilt.reshape(shape).astype(np.float32))


def test_q8_0_by_hand() -> None:
    """Blocks of 32 within a row, a step of a 127th of the largest magnitude, rounded to FP16 as it is stored."""
    matrix = gaussian((10, 96))
    blocks = matrix.numpy().reshape(-1, 32).astype(np.float64)
    step = np.abs(blocks).max(axis=1, keepdims=True) / 127
    expected = np.rint(blocks / step) * step.astype(np.float16)
    np.testing.assert_allclose(format_named("q8_0").store(matrix).values.numpy().reshape(-1, 32), expected, rtol=1e-6)


def test_q4_0_by_hand() -> None:
    """Steps of an eighth of the entry of largest magnitude, which gets the code 0 and the number −8."""
    matrix = gaussian((10, 96))
    blocks = matrix.numpy().reshape(-1, 32).astype(np.float64)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    codes = np.clip(np.floor(blocks / (largest / -8) + 8.5), 0, 15)
    stored = format_named("q4_0").store(matrix)
    np.testing.assert_array_equal(stored.codes.numpy().reshape(-1, 32), codes)
    expected = (codes - 8) * (largest / -8).astype(np.float16)
    np.testing.assert_allclose(stored.values.numpy().reshape(-1, 32), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", GGUF)
def test_rows_without_whole_gguf_blocks_stay_in_16_bits(kind: str) -> None:
    """As llama.cpp's converter leaves them."""
    matrix = gaussian((6, 40))
    stored = format_named(kind).store(matrix)
    assert same_bits(stored.values, matrix.half())
    assert same_bits(stored.codes, matrix.half())


# --- plain ---


def test_plain_formats_round_to_nearest() -> None:
    """BF16 against its neighbours, FP16 against numpy; ties go to the even one; FP32 changes nothing."""
    rng = np.random.default_rng(0)
    ties = (rng.integers(0, 1 << 14, 4000).astype(np.uint32) << np.uint32(16)) | np.uint32(0x8000)
    values = np.concatenate([rng.standard_normal(4000).astype(np.float32), ties.view(np.float32)]).reshape(40, -1)
    matrix = torch.from_numpy(values)
    np.testing.assert_array_equal(format_named("bf16").store(matrix).values.float().numpy(), rounded_bf16(values))
    np.testing.assert_array_equal(format_named("fp16").store(matrix).values.numpy(), values.astype(np.float16))
    assert same_bits(format_named("fp32").store(matrix).values, matrix)


def test_unknown_formats() -> None:
    """Nothing is guessed."""
    with pytest.raises(KeyError):
        format_named("nf5")


# --- what holds for all ---

shapes = st.tuples(st.integers(1, 6), st.sampled_from([1, 31, 32, 64, 65, 96, 128]))


@st.composite
def matrices(draw: st.DrawFn) -> Any:
    """Matrices of normal numbers of any usual size, with some zeros, in any of the types that bases have."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    shape = draw(shapes)
    values = rng.standard_normal(shape) * 10.0 ** draw(st.integers(-3, 2))
    values[rng.random(shape) < draw(st.sampled_from([0.0, 0.3]))] = 0.0
    return torch.from_numpy(values).to(getattr(torch, draw(st.sampled_from(DTYPES))))


def twice(name: str, matrix: Any, **options: Any) -> tuple[Stored, Stored]:
    """What is stored, and what is stored of that."""
    quantizer = format_named(name, **options)
    once = quantizer.store(matrix)
    return once, quantizer.store(once.values)


@pytest.mark.parametrize("name", [*PLAIN, *GGUF, "nf4", "fp4", "int8"])
@settings(max_examples=25, deadline=None)
@given(matrix=matrices())
def test_storing_again_changes_nothing(name: str, matrix: Any) -> None:
    """Stored values are code points, and the largest of a block or row gives its scale back."""
    once, again = twice(name, matrix, double=False)
    assert again.values.float().equal(once.values.float())


@settings(max_examples=25, deadline=None)
@given(matrix=matrices())
def test_storing_fp8_again_changes_the_last_bit_at_most(matrix: Any) -> None:
    """The scale is the row's largest magnitude over 448, and 448 times that need not be what it was."""
    once, again = twice("fp8-e4m3", matrix)
    assert again.codes.equal(once.codes)
    torch.testing.assert_close(again.values, once.values, rtol=2.0**-22, atol=0)


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=25, deadline=None)
@given(matrix=matrices())
def test_with_double_quantization_codes_stay(name: str, matrix: Any) -> None:
    """Scales are quantized anew, about another mean; codes are those that they were wherever there is a scale."""
    once, again = twice(name, matrix.float(), double=True)
    numbers, later = (TABLES[name][stored.codes.numpy()] for stored in (once, again))
    scaled = np.sign(once.values.numpy()) == np.sign(numbers)
    np.testing.assert_array_equal(later[scaled], numbers[scaled])


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=20, deadline=None)
@given(shape=shapes, dtype=st.sampled_from(DTYPES))
def test_zeros_stay_zeros(name: str, shape: tuple[int, int], dtype: str) -> None:
    """And no scale of zero makes them NaN."""
    stored = format_named(name).store(torch.zeros(shape, dtype=getattr(torch, dtype)))
    assert stored.values.shape == stored.codes.shape == shape
    assert not stored.values.any()


ERRORS = {"bf16": 2.0**-8, "fp16": 2.0**-11, "fp32": 0.0, "fp8-e4m3": 2.0**-4, "int8": 0.0, "q8_0": 0.0, "q4_0": 0.0}
"""Largest error relative to the entry, of formats with an exponent of their own."""
STEPS = {
    "fp8-e4m3": 2.0**-10 / 448,
    "int8": 0.5 / 127 + 2.0**-11,
    "q8_0": 0.5 / 127 + 2.0**-11,
    "q4_0": 1 / 8 + 2.0**-10,
}
"""Largest error relative to the largest magnitude that shares the scale."""


@pytest.mark.parametrize("name", ERRORS)
@settings(max_examples=25, deadline=None)
@given(matrix=matrices())
def test_errors_are_bounded(name: str, matrix: Any) -> None:
    """Half a step; of Q4_0 a whole one, since the side opposite to the largest entry has one number fewer."""
    exact = matrix.double()
    shared = exact.abs().amax(dim=1, keepdim=True)
    error = (format_named(name).store(matrix).values.double() - exact).abs()
    smallest = {"fp16": 2.0**-25, "int8": 2.0**-25, "q8_0": 2.0**-18, "q4_0": 2.0**-18}.get(name, 0.0)
    assert (error <= exact.abs() * ERRORS[name] * 1.001 + shared * STEPS.get(name, 0.0) * 1.001 + smallest).all()


@pytest.mark.parametrize("name", [name for name in FORMATS if format_named(name).by_row])
def test_rows_are_stored_independently_where_that_is_said(name: str) -> None:
    """A matrix may be given in strips."""
    matrix = gaussian((20, 64))
    quantizer = format_named(name)
    whole = quantizer.store(matrix)
    parts = [quantizer.store(matrix[start : start + 7]) for start in range(0, 20, 7)]
    assert torch.cat([part.values for part in parts]).equal(whole.values)
    assert torch.cat([part.codes for part in parts]).equal(whole.codes)


REACH = {
    "bf16": "entry", "fp16": "entry", "fp32": "entry",
    "nf4": "all", "fp4": "all",
    "int8": "row", "fp8-e4m3": "row", "q8_0": "block", "q4_0": "block",
}  # fmt: skip
"""What an infinite entry makes NaN or infinite: scales that it is part of, and all scales that are quantized with these."""


@pytest.mark.parametrize("bad", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("name", REACH)
def test_entries_that_are_not_finite(name: str, bad: float) -> None:
    """They are stored as NaN or infinite, with what shares a scale with them; and nobody warns."""
    matrix = gaussian((4, 96))
    matrix[1, 40] = bad
    reach = torch.zeros(4, 96, dtype=torch.bool)
    place: dict[str, Any] = {"entry": (1, 40), "block": (1, slice(32, 64)), "row": 1, "all": slice(None)}
    # A NaN has no part in the scale of FP8: it is left to itself.
    reach[place["entry" if name == "fp8-e4m3" and np.isnan(bad) else REACH[name]]] = True
    assert (~torch.isfinite(format_named(name).store(matrix).values)).equal(reach)


@pytest.mark.parametrize(("name", "reach"), [("fp16", "entry"), ("int8", "row"), ("q8_0", "block"), ("q4_0", "block")])
def test_numbers_beyond_the_format(name: str, reach: str) -> None:
    """FP16 holds no 10³⁸, whether as an entry or as a scale."""
    matrix = gaussian((4, 96))
    matrix[1, 40] = 1e38
    place: Any = {"entry": (1, 40), "row": 1, "block": (1, slice(32, 64))}[reach]
    bad = ~torch.isfinite(format_named(name).store(matrix).values)
    assert bad[1, 40]
    bad[place] = False
    assert not bad.any()


@pytest.mark.parametrize("name", [*GGUF, "fp8-e4m3", "nf4", "int8", "bf16"])
@pytest.mark.parametrize("size", [1e-38, 9e-43])
def test_numbers_near_zero(name: str, size: float) -> None:
    """Are stored as something finite that is no larger, without a warning."""
    stored = format_named(name).store(torch.full((2, 64), size))
    assert (stored.values.abs() <= 0.01).all()
    assert torch.isfinite(stored.values).all()

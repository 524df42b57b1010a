"""Number formats that tensors are stored in, by the names that safetensors gives them."""

from __future__ import annotations

from typing import NamedTuple


class DType(NamedTuple):
    """One storage format: bytes an element, and the numpy type that carries its bits (numpy lacks BF16 and FP8)."""

    name: str
    itemsize: int
    carrier: str
    floating: bool


_ALL = (
    DType("F64", 8, "<f8", True),
    DType("F32", 4, "<f4", True),
    DType("F16", 2, "<f2", True),
    DType("BF16", 2, "<u2", True),
    DType("F8_E4M3", 1, "u1", True),
    DType("F8_E5M2", 1, "u1", True),
    DType("I64", 8, "<i8", False),
    DType("I32", 4, "<i4", False),
    DType("I16", 2, "<i2", False),
    DType("I8", 1, "i1", False),
    DType("U64", 8, "<u8", False),
    DType("U32", 4, "<u4", False),
    DType("U16", 2, "<u2", False),
    DType("U8", 1, "u1", False),
    DType("BOOL", 1, "u1", False),
)

DTYPES: dict[str, DType] = {dtype.name: dtype for dtype in _ALL}

TORCH_NAMES = {
    "torch.float64": "F64",
    "torch.float32": "F32",
    "torch.float16": "F16",
    "torch.bfloat16": "BF16",
    "torch.float8_e4m3fn": "F8_E4M3",
    "torch.float8_e5m2": "F8_E5M2",
    "torch.int64": "I64",
    "torch.int32": "I32",
    "torch.int16": "I16",
    "torch.int8": "I8",
    "torch.uint8": "U8",
    "torch.bool": "BOOL",
}
"""The storage format of each of torch's types, by the name that torch prints."""

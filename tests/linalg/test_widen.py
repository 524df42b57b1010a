"""Storage formats widened without torch, against torch's own conversions and the formats' definitions."""

from __future__ import annotations

import numpy as np
import pytest

from loradiag.linalg.widen import count_nonfinite, widen


def test_bf16_is_the_upper_half_of_f32() -> None:
    """All 65,536 BF16 patterns widen to the F32 number with the same upper bits."""
    raw = np.arange(65536, dtype=np.uint16)
    with np.errstate(invalid="ignore"):
        expected = (raw.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    np.testing.assert_array_equal(widen(raw, "BF16"), expected)


@pytest.mark.models
@pytest.mark.parametrize(("name", "attribute"), [("F8_E4M3", "float8_e4m3fn"), ("F8_E5M2", "float8_e5m2")])
def test_fp8_agrees_with_torch(name: str, attribute: str) -> None:
    """All 256 FP8 patterns widen as torch widens them."""
    torch = pytest.importorskip("torch", reason="torch is the reference here")
    raw = np.arange(256, dtype=np.uint8)
    expected = torch.from_numpy(raw.copy()).view(getattr(torch, attribute)).to(torch.float64).numpy()
    np.testing.assert_array_equal(widen(raw, name), expected)


def test_known_fp8_values() -> None:
    """Largest, least, one and NaN of E4M3 and E5M2, from the paper's table."""
    np.testing.assert_array_equal(
        widen(np.array([0x7E, 0x01, 0x38, 0x80], np.uint8), "F8_E4M3"), [448.0, 2.0**-9, 1.0, -0.0]
    )
    assert np.isnan(widen(np.array([0x7F, 0xFF], np.uint8), "F8_E4M3")).all()
    np.testing.assert_array_equal(widen(np.array([0x7B, 0x01, 0x3C], np.uint8), "F8_E5M2"), [57344.0, 2.0**-16, 1.0])
    assert np.isinf(widen(np.array([0x7C], np.uint8), "F8_E5M2")).all()


def test_counting_nonfinite_elements_across_blocks() -> None:
    """Counts are right where the elements lie in different blocks."""
    values = np.zeros(200_000, np.float32)
    values[[0, 65_535, 65_536, 199_999]] = [np.nan, np.inf, -np.inf, np.nan]
    assert count_nonfinite(values, "F32") == 4
    assert count_nonfinite(np.array([0x7FC0, 0x7F80, 0x3F80], np.uint16), "BF16") == 2


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F8_E4M3", "F8_E5M2"])
def test_every_pattern_is_judged_as_its_value_is(dtype: str) -> None:
    """Counting by bits agrees, pattern by pattern, with widening and asking numpy."""
    raw = np.arange(65536, dtype=np.uint16) if dtype.endswith("16") else np.arange(256, dtype=np.uint8)
    raw = raw.view(np.float16) if dtype == "F16" else raw
    expected = ~np.isfinite(widen(raw, dtype))
    assert [count_nonfinite(raw[index : index + 1], dtype) for index in range(raw.size)] == expected.astype(
        int
    ).tolist()
    assert count_nonfinite(raw, dtype) == expected.sum()

"""What survives of an update, against the definitions in numpy and float64."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.analyzers.merge.measure import Change, Sums
from loradiag.linalg.formats import format_named
from tests.linalg.quantizers import rounded_bf16

torch: Any = pytest.importorskip("torch", reason="weights are torch tensors")

pytestmark = pytest.mark.models

Array = npt.NDArray[Any]
COUNTS = ("entries", "changed", "swallowed", "overflowed", "flushed", "nonfinite")
INF, NAN = float("inf"), float("nan")


def by_definition(w: Array, delta: Array, stored: Array, codes: Array, plain: Array, *, floating: bool) -> Sums:
    """The sums, entry by entry. What is stored as NaN or infinite, or was so before, is in no sum."""
    with np.errstate(invalid="ignore", over="ignore"):
        w, delta, stored = (np.asarray(array, np.float64) for array in (w, delta, stored))
        good = np.isfinite(stored) & np.isfinite(w + delta)
        u, d, held = np.where(good, stored - w, 0), np.where(good, delta, 0), np.where(np.isfinite(w), w, 0)
        changed = delta != 0
        return Sums(
            entries=w.size,
            weight=float(np.sum(held**2)),
            update=float(np.sum(d**2)),
            survived=float(np.sum(u**2)),
            residual=float(np.sum((u - d) ** 2)),
            along=float(np.sum(u * d)),
            changed=int(changed.sum()),
            swallowed=int((changed & (codes == plain)).sum()),
            overflowed=int((~np.isfinite(stored) & np.isfinite(w + delta)).sum()),
            flushed=int(((stored == 0) & (w + delta != 0)).sum()) if floating else 0,
            nonfinite=int((~np.isfinite(stored)).sum()),
        )


def check(found: Sums, expected: Sums) -> None:
    """Counts exactly; sums to what float32 gives, which is far below what any rule looks at."""
    for name in COUNTS:
        assert getattr(found, name) == getattr(expected, name), name
    for name in ("weight", "update", "survived"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-4), name
    assert found.residual == pytest.approx(expected.residual, rel=1e-4, abs=1e-9 * expected.update)
    assert found.along == pytest.approx(expected.along, abs=1e-4 * math.sqrt(expected.survived * expected.update))


def measured(w: Array, delta: Array, stored: Any, codes: Any, plain: Any, *, floating: bool) -> Sums:
    """What loradiag says of numpy arrays."""
    tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in (w, delta, stored, codes, plain)]
    return Change(*tensors[:2]).stored_as(*tensors[2:], floating=floating)


STORES = {
    "fp16": lambda values: values.astype(np.float16),
    "bf16": rounded_bf16,
    "fp32": lambda values: values,
}


@st.composite
def cases(draw: st.DrawFn) -> tuple[Array, Array, Array, Array]:
    """W, Δ, and both sums as stored: updates of any size, zeros of both signs, entries that are not finite."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    shape = draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    w = (rng.standard_normal(shape) * 10.0 ** draw(st.integers(-3, 2))).astype(np.float32)
    delta = rng.standard_normal(shape) * 10.0 ** draw(st.sampled_from([-25, -12, -5, -3, -1, 0, 4, 19, 25]))
    delta = delta.astype(np.float32)
    delta[rng.random(shape) < draw(st.sampled_from([0.0, 0.5, 1.0]))] = draw(st.sampled_from([0.0, -0.0]))
    w[rng.random(shape) < draw(st.sampled_from([0.0, 0.2]))] = draw(st.sampled_from([0.0, -0.0]))
    if draw(st.booleans()):
        w[rng.random(shape) < 0.1] = draw(st.sampled_from([INF, -INF, NAN]))
    store = STORES[draw(st.sampled_from(sorted(STORES)))]
    with np.errstate(over="ignore", invalid="ignore"):
        return w, delta, store(w + delta), store(w)


@settings(max_examples=300, deadline=None)
@given(case=cases(), floating=st.booleans())
def test_sums_by_definition(case: tuple[Array, Array, Array, Array], floating: bool) -> None:
    """Of any update in any format."""
    w, delta, stored, plain = case
    expected = by_definition(w, delta, stored, stored, plain, floating=floating)
    check(measured(w, delta, stored, stored, plain, floating=floating), expected)


@settings(max_examples=50, deadline=None)
@given(case=cases(), cut=st.integers(0, 30))
def test_sums_of_strips_add_up(case: tuple[Array, Array, Array, Array], cut: int) -> None:
    """Rows above a cut and below it are the whole."""
    w, delta, stored, plain = case
    parts = [(slice(None, cut)), slice(cut, None)]
    whole = Sums()
    for part in parts:
        whole += measured(w[part], delta[part], stored[part], stored[part], plain[part], floating=True)
    check(whole, by_definition(w, delta, stored, stored, plain, floating=True))


def test_a_matrix_that_is_measured_in_many_parts() -> None:
    """Some of them have an entry that float32 cannot square, or that is lost."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal((700, 1000)).astype(np.float32)
    delta = (rng.standard_normal(w.shape) * 1e-3).astype(np.float32)
    delta[3, 5], delta[650, 7], w[400, 9] = 1e30, 1e-30, -delta[400, 9]
    with np.errstate(over="ignore"):
        stored, plain = (w + delta).astype(np.float16), w.astype(np.float16)
    expected = by_definition(w, delta, stored, stored, plain, floating=True)
    assert (expected.overflowed, expected.nonfinite, expected.flushed) == (1, 1, 0)
    check(measured(w, delta, stored, stored, plain, floating=True), expected)


def test_numbers_by_hand() -> None:
    """Four entries: kept, swallowed, flushed, unchanged. The last is stored wrongly, which counts against the route."""
    w = np.array([[1.0, 2.0], [0.5, 4.0]], np.float32)
    delta = np.array([[1.0, 0.5], [-0.25, 0.0]], np.float32)
    stored = np.array([[2.0, 2.0], [0.0, 5.0]], np.float32)
    codes, plain = np.array([[2, 2], [0, 5]]), np.array([[1, 2], [1, 4]])
    found = measured(w, delta, stored, codes, plain, floating=True)
    assert found == Sums(
        entries=4,
        weight=1 + 4 + 0.25 + 16,
        update=1 + 0.25 + 0.0625,
        survived=1 + 0 + 0.25 + 1,
        residual=0 + 0.25 + 0.0625 + 1,
        along=1 + 0 + 0.125,
        changed=3,
        swallowed=1,
        overflowed=0,
        flushed=1,
        nonfinite=0,
    )
    assert found.gain == pytest.approx(1.125 / 1.3125)
    assert found.gain_error == pytest.approx(math.sqrt(1.3125 / 4 / 1.3125))
    assert found.cosine == pytest.approx(1.125 / math.sqrt(2.25 * 1.3125))
    assert found.error == pytest.approx(1.0)
    assert found.relative == pytest.approx(math.sqrt(1.3125 / 21.25))
    assert found.swallowed_share == pytest.approx(1 / 3)


def test_integer_codes_are_not_flushed() -> None:
    """Zero is one of their numbers."""
    w, delta, zero = (np.full((2, 2), value, np.float32) for value in (0.1, 0.1, 0.0))
    assert measured(w, delta, zero, zero, zero, floating=False).flushed == 0
    assert measured(w, delta, zero, zero, zero, floating=True).flushed == 4


def test_a_negative_zero_is_zero() -> None:
    """As stored, as a code, and as an update."""
    w = np.array([[-1e-9, 1.0]], np.float32)
    delta = np.array([[-1e-9, -0.0]], np.float32)
    stored, plain = np.array([[-0.0, 1.0]], np.float16), np.array([[0.0, 1.0]], np.float16)
    found = measured(w, delta, stored, stored, plain, floating=True)
    assert (found.changed, found.swallowed, found.flushed) == (1, 1, 1)


def test_what_was_infinite_before_is_in_no_sum() -> None:
    """Even if something finite is stored of it."""
    w = np.array([[INF, 1.0], [NAN, 2.0]], np.float32)
    delta, stored = np.ones((2, 2), np.float32), np.array([[5.0, 2.0], [6.0, 3.0]], np.float32)
    found = measured(w, delta, stored, stored, w, floating=True)
    assert (found.update, found.survived, found.along, found.residual) == (2.0, 2.0, 2.0, 0.0)
    assert (found.weight, found.overflowed, found.nonfinite) == (5.0, 0, 0)


def test_no_update() -> None:
    """There is nothing to keep and nothing to lose."""
    w = np.ones((2, 3), np.float32)
    found = measured(w, 0 * w, w, w, w, floating=True)
    assert (found.gain, found.gain_error, found.cosine, found.error, found.swallowed_share) == (None,) * 5
    assert found.relative == 0.0
    assert Sums().relative is None


def test_an_update_that_nothing_is_stored_of() -> None:
    """Gain and cosine are 0, the error is all of it."""
    w = np.ones((2, 3), np.float32)
    found = measured(w, 1e-5 * w, w, w, w, floating=True)
    assert (found.gain, found.cosine, found.swallowed_share) == (0.0, 0.0, 1.0)
    assert found.error == pytest.approx(1.0)


def test_an_update_that_is_stored_exactly() -> None:
    """Gain and cosine are 1, and the cosine is no more than that."""
    rng = np.random.default_rng(0)
    w = np.zeros((50, 50), np.float32)
    delta = rng.standard_normal(w.shape).astype(np.float32)
    found = measured(w, delta, delta, delta, w, floating=True)
    assert found.gain == pytest.approx(1.0, abs=1e-6)
    assert found.cosine == pytest.approx(1.0, abs=1e-6)
    assert found.cosine <= 1.0
    assert (found.residual, found.gain_error, found.relative) == (0.0, 0.0, None)


def test_an_empty_weight() -> None:
    """Has no entries, and no numbers."""
    nothing = np.zeros((0, 4), np.float32)
    assert measured(nothing, nothing, nothing, nothing, nothing, floating=True) == Sums()


def test_sums_are_added_field_by_field() -> None:
    """All of them."""
    one = Sums(*range(1, 12))
    assert msgspec.structs.astuple(one + one) == tuple(2 * value for value in range(1, 12))


def spread_and_claim(stored: Any, delta: Any, draws: int) -> tuple[float, float]:
    """The standard deviation of the gain over updates, and the mean of what each claims it to be."""
    found = []
    for number in range(draws):
        sums = stored(delta(number))
        found.append((sums.gain, sums.gain_error))
    gains, claims = np.array(found).T
    return float(gains.std(ddof=1)), float(claims.mean())


def test_the_error_of_the_gain_is_honest_for_noise() -> None:
    """Noise that knows nothing of Δ, of entries that are independent."""
    rng = np.random.default_rng(1)
    w = np.zeros((40, 50), np.float32)
    delta = rng.standard_normal(w.shape).astype(np.float32)

    def noisy(_: Array) -> Sums:
        noise = (rng.standard_normal(w.shape) * rng.choice([0.1, 3.0], w.shape)).astype(np.float32)
        return measured(w, delta, delta + noise, w, w, floating=False)

    spread, claim = spread_and_claim(noisy, lambda _: delta, 400)
    assert spread == pytest.approx(claim, rel=0.2)


@pytest.mark.parametrize("name", ["nf4", "fp4", "int8", "fp8-e4m3", "q8_0", "q4_0"])
def test_the_error_of_the_gain_is_honest_for_quantizers(name: str) -> None:
    """The sum of a Gaussian weight and small Gaussian updates, quantized."""
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(64, 256, generator=generator) * 0.02
    quantizer = format_named(name)

    def stored(delta: Any) -> Sums:
        kept = quantizer.store(w + delta)
        return Change(w, delta).stored_as(kept.values, kept.codes, kept.codes, floating=False)

    size = 2e-3 if name in ("nf4", "fp4", "q4_0") else 2e-4
    spread, claim = spread_and_claim(stored, lambda _: torch.randn(w.shape, generator=generator) * size, 150)
    assert spread == pytest.approx(claim, rel=0.25)

"""Next-token distributions beside a reference, against a softmax in float64 over sequences that are run one by one."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.models import scoring
from loradiag.models.scoring import Reference, Tokens, compare, record
from loradiag.models.tokens import batches
from tests.adapters.peft_models import tiny_llama
from tests.models.small import exact, logits_of

torch: Any = pytest.importorskip("torch", reason="models run in torch")
pytest.importorskip("transformers", reason="the models are small Llamas")

pytestmark = pytest.mark.models

VOCABULARY = 60
FIELDS = ("nll", "kld", "same", "delta_p")


def model(noise: float = 0.0, sharp: float = 8.0, dtype: str = "float32") -> Any:
    """A Llama that is sure of what it says, or the same with noise on every weight."""
    found = tiny_llama(vocab_size=VOCABULARY, tie_word_embeddings=False).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(1)
    for parameter in found.parameters():
        parameter.data += noise * parameter.data.std() * torch.randn(parameter.shape, generator=generator)
    found.lm_head.weight.data *= sharp
    return found.to(getattr(torch, dtype))


def sequences(count: int = 9, seed: int = 0) -> list[list[int]]:
    """Random tokens, in sequences of 2 to 30."""
    rng = np.random.default_rng(seed)
    return [rng.integers(1, VOCABULARY, rng.integers(2, 31)).tolist() for _ in range(count - 1)] + [[7, 8]]


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


def scored(ours: Any, theirs: Any, ids: list[list[int]], budget: int = 64) -> tuple[Tokens, Tokens]:
    """The reference's tokens, and the model's beside them."""
    groups = batches(ids, budget)
    reference, alone = record(theirs, groups, "cpu", silent)
    return alone, compare(ours, groups, reference, "cpu", silent)


@pytest.mark.parametrize("budget", [1, 64, 10_000])
@pytest.mark.parametrize(("noise", "sharp"), [(0.3, 8.0), (0.3, 100.0), (1e-3, 8.0)])
def test_numbers_of_tokens(noise: float, sharp: float, budget: int) -> None:
    """However they are batched: in FP32 to its last digits, of models far apart and close together, unsure and sure."""
    ids, ours, theirs = sequences(), model(noise, sharp), model(0.0, sharp)
    alone, beside = scored(ours, theirs, ids, budget)
    assert len(alone.kld) == len(alone.same) == len(alone.delta_p) == 0
    assert alone.nonfinite == beside.nonfinite == 0
    for number, row in enumerate(ids):
        expected = exact(logits_of(ours, row), logits_of(theirs, row), row)
        own = exact(logits_of(theirs, row), logits_of(theirs, row), row)
        np.testing.assert_allclose(alone.nll[alone.sequence == number], own["nll"], rtol=1e-4, atol=1e-5)
        for name in FIELDS:
            found = getattr(beside, name)[beside.sequence == number]
            tolerance = 2e-6 * sharp if name == "kld" else 1e-5 * sharp
            np.testing.assert_allclose(found, expected[name], rtol=2e-4, atol=tolerance, err_msg=name)


def test_the_same_model_is_no_way_off() -> None:
    """Its divergence is what FP32 leaves of zero, and never less."""
    _, beside = scored(model(), model(), sequences())
    assert beside.same.all()
    assert (beside.kld >= 0).all()
    assert beside.kld.max() < 1e-6
    assert np.abs(beside.delta_p).max() == 0


def test_a_divergence_is_never_negative() -> None:
    """Though the difference of two sums in FP32 is, where models differ in their last digits."""
    _, beside = scored(model(1e-6), model(), sequences(40))
    assert (beside.kld >= 0).all()
    assert (beside.kld > 0).any()
    assert beside.kld.max() < 1e-5


def test_small_differences_are_not_lost() -> None:
    """Mean divergence of models whose weights differ in the fourth digit, to 2 in 100."""
    ids, ours, theirs = sequences(40), model(2e-3, 30.0), model(0.0, 30.0)
    _, beside = scored(ours, theirs, ids)
    expected = np.concatenate([exact(logits_of(ours, row), logits_of(theirs, row), row)["kld"] for row in ids])
    assert expected.mean() < 1e-3
    assert beside.kld.mean() == pytest.approx(expected.mean(), rel=0.02)


def test_models_that_compute_in_16_bits() -> None:
    """The reference's logits are kept as they are, and compared in FP32."""
    ids = sequences()
    ours, theirs = model(0.3, dtype="bfloat16"), model(dtype="bfloat16")
    groups = batches(ids, 64)
    _, beside = scored(ours, theirs, ids)
    for batch in groups:  # batched as they were: in 16 bits a batch of another shape rounds otherwise
        with torch.no_grad():
            both = [
                net(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False).logits for net in (ours, theirs)
            ]
        for place, number in enumerate(batch.rows):
            last = len(ids[number]) - 1
            expected = exact(*(one[place, :last].double().numpy() for one in both), ids[number])
            for name in FIELDS:
                found = getattr(beside, name)[beside.sequence == number]
                np.testing.assert_allclose(found, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_more_logits_than_are_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of a batch give what the whole gives."""
    ids, ours, theirs = sequences(), model(0.3), model()
    whole = scored(ours, theirs, ids)
    monkeypatch.setattr(scoring, "_BYTES", 4 * VOCABULARY * 7)
    for before, after in zip(whole, scored(ours, theirs, ids), strict=True):
        np.testing.assert_array_equal(before.sequence, after.sequence)
        for name in FIELDS:
            np.testing.assert_allclose(getattr(after, name), getattr(before, name), rtol=1e-6, atol=1e-9)


def test_tokens_come_in_the_order_of_the_batches() -> None:
    """With the sequence that each is of; the first token of a sequence is predicted by nothing."""
    ids = sequences()
    alone, beside = scored(model(0.1), model(), ids)
    assert sorted(alone.sequence.tolist()) == sorted(number for number, row in enumerate(ids) for _ in row[1:])
    np.testing.assert_array_equal(alone.sequence, beside.sequence)


def test_progress_is_told_batch_by_batch() -> None:
    """Once each, of all."""
    groups, told = batches(sequences(), 64), []
    reference, _ = record(model(), groups, "cpu", lambda done, total: told.append((done, total)))
    expected = [(number + 1, len(groups)) for number in range(len(groups))]
    assert told == expected
    compare(model(), groups, reference, "cpu", lambda done, total: told.append((done, total)))
    assert told == expected * 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_logits_that_are_not_finite(bad: float) -> None:
    """Each is counted, in the model and in the reference."""
    ids = sequences()
    broken = copy.deepcopy(model())

    def spoil(_module: Any, _inputs: Any, output: Any) -> Any:
        output[..., 11] = bad  # one of the vocabulary's 60, at every position
        return output

    broken.lm_head.register_forward_hook(spoil)
    predicted = sum(len(row) - 1 for row in ids)
    alone, beside = scored(broken, model(), ids)
    assert (alone.nonfinite, beside.nonfinite) == (0, predicted)
    assert not np.isfinite(beside.kld).any()
    assert scored(model(), broken, ids)[0].nonfinite == predicted


def test_a_masked_vocabulary() -> None:
    """Tokens that both models exclude with −∞ count nothing: the rest is as if they were not there."""
    ids = [[token if token != 11 else 12 for token in row] for row in sequences()]
    ours, theirs = model(0.3), model()

    def mask(_module: Any, _inputs: Any, output: Any) -> Any:
        output[..., 11] = float("-inf")
        return output

    for one in (ours, theirs):
        one.lm_head.register_forward_hook(mask)
    _, beside = scored(ours, theirs, ids)
    assert beside.nonfinite == 0
    for number, row in enumerate(ids):
        left = [np.delete(logits_of(one, row), 11, axis=1) for one in (ours, theirs)]
        moved = [token - (token > 11) for token in row]
        expected = exact(left[0], left[1], moved)
        np.testing.assert_allclose(beside.kld[beside.sequence == number], expected["kld"], rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_reference_gives_back_what_was_written(dtype: str, tmp_path: Path) -> None:
    """Bit for bit, in any order, from a file that has no name."""
    logits = torch.randn(50, 33).to(getattr(torch, dtype))
    reference = Reference(50, 33, logits.element_size(), str(tmp_path))
    for start in (20, 0, 40):
        reference.write(start, logits[start : start + 20])
    assert reference.vocabulary == 33
    assert reference.read(0, 50).equal(logits)
    assert reference.read(13, 41).equal(logits[13:41])
    assert os.listdir(tmp_path) == []


def test_a_place_for_the_reference_that_is_not_there(tmp_path: Path) -> None:
    """Is an error before anything runs far."""
    with pytest.raises(OSError, match="missing"):
        record(model(), batches(sequences(), 64), "cpu", silent, str(tmp_path / "missing"))

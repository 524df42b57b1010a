"""What the stamp says, whether it holds, and what the rules make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.provenance import provenance
from loradiag.bases import cache
from loradiag.bases.fingerprint import _as_bytes, _positions, fingerprint
from loradiag.bases.opening import open_base
from loradiag.core.beside import BaseFacts
from loradiag.core.findings import Confidence, Severity
from loradiag.core.identity import Provenance
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Subject
from loradiag.core.rules import Evidence, Match
from loradiag.rules import find_rule
from loradiag.stamping.stamp import stamp
from tests.bases.making import Stored, base_tensors, stored, write_base, write_shards
from tests.conftest import MakeAdapter, peft_arrays, write_safetensors


@pytest.fixture
def stamped(make_adapter: MakeAdapter, tmp_path: Path) -> Path:
    """An adapter with a stamp that tells all."""
    adapter = make_adapter()
    said = {"data_hash": "d" * 64, "owner": "Ada", "evaluation": {"arc": 0.5}}
    stamp(adapter, write_base(tmp_path / "base"), **said)  # type: ignore[arg-type]
    return adapter


def measured(adapter: Path, base: Path | None = None) -> Provenance:
    """The measurement, of an adapter that has a stamp."""
    inspection = Inspection(open_adapter(adapter), base=open_base(base) if base else None)
    found = provenance(inspection)
    assert found is not None
    return found


def judged(code: str, found: Provenance, base: BaseFacts | None = None) -> list[Match]:
    """What one rule says of it."""
    evidence = Evidence(Subject(path="x"), Measurements(provenance=found, base=base), Accounting())
    return list(find_rule(code).check(evidence, {}))


def facts(**changes: Any) -> BaseFacts:
    """What is known of a base that is given."""
    known = {
        "name": "given/base", "revision": None, "model_type": None, "files": 1, "tensors": 1, "parameters": 1, "bytes": 1,
        "dtype": "F32", "scheme": None, "obstacle": None, "tied_embeddings": False, "vocabulary": 1, "fingerprint": "f",
        "fingerprint_full": None,
    }  # fmt: skip
    return BaseFacts(**{**known, **changes})


def other_base(folder: Path, *names: str, seed: int = 9) -> Path:
    """The base with the named tensors from another one."""
    others = base_tensors(seed=seed)
    tensors = {**base_tensors(), **{name: others[name] for name in names}}
    return write_base(folder, tensors)


def test_nothing_without_a_stamp(make_adapter: MakeAdapter) -> None:
    """None, not an empty measurement."""
    assert provenance(Inspection(open_adapter(make_adapter()))) is None


def test_without_a_base_only_the_weights_are_compared(stamped: Path) -> None:
    """Everything that the stamp says, and None for what was not compared."""
    found = measured(stamped)
    assert (found.file, found.problem, found.weights_match) == ("loradiag-stamp.json", None, True)
    assert (found.base_match, found.compared, found.differing, found.parts) == (None, None, [], 7)
    assert (found.owner, found.evaluation, found.data_sha256) == ("Ada", {"arc": 0.5}, "d" * 64)
    assert found.hyperparameters["lora_alpha"] == "16"
    assert found.base_name == str(stamped.parent / "base")
    for code in ("LD509", "LD510", "LD513", "LD514"):
        assert judged(code, found) == []


def test_the_stamped_base_matches(stamped: Path, tmp_path: Path) -> None:
    """Also when it is cut into other shards elsewhere."""
    for base in (tmp_path / "base", write_shards(tmp_path / "shards", base_tensors(), [4])):
        found = measured(stamped, base)
        assert (found.base_match, found.differing) == (True, [])
        assert judged("LD509", found, facts()) == []


def test_another_base(stamped: Path, tmp_path: Path) -> None:
    """All parts differ: names of both, and no more."""
    found = measured(stamped, write_base(tmp_path / "other", {**base_tensors(seed=5), "model.norm.weight": ones(2)}))
    assert (found.base_match, found.compared, len(found.differing), found.parts) == (False, "sampled", 7, 7)
    (match,) = judged("LD509", found, facts(name="x\x1b", revision="0123456789abcdef"))
    assert 'given "x\\x1b" at 01234…abcdef' in match.message
    assert "all 7 parts differ" in match.message
    assert match.severity is None
    assert find_rule("LD509").severity is Severity.ERROR


def ones(value: float) -> Stored:
    """A norm's weight."""
    return stored(np.full(48, value, "<f4"))


def test_a_resized_vocabulary_is_recognised(stamped: Path, tmp_path: Path) -> None:
    """Only embedding and head differ."""
    longer = base_tensors(vocabulary=44)
    names = ("model.embed_tokens.weight", "lm_head.weight")
    base = write_base(tmp_path / "longer", {**base_tensors(), **{name: longer[name] for name in names}})
    found = measured(stamped, base)
    assert found.differing == ["lm_head", "model.embed_tokens"]
    (match,) = judged("LD509", found, facts())
    assert "2 of 7 parts differ (lm_head, model.embed_tokens)" in match.message
    assert "vocabulary may have been resized" in match.message


def test_one_layer_that_differs_is_named(stamped: Path, tmp_path: Path) -> None:
    """Not taken for a resized vocabulary."""
    found = measured(stamped, other_base(tmp_path / "other", "model.layers.2.self_attn.q_proj.weight"))
    (match,) = judged("LD509", found, facts())
    assert "1 of 7 parts differ (model.layers.2)" in match.message
    assert "vocabulary" not in match.message


def test_a_quantized_base_is_worth_a_look_only(stamped: Path, tmp_path: Path) -> None:
    """Its bytes are other ones than those of the base that it was made from."""
    found = measured(stamped, other_base(tmp_path / "other", *base_tensors()))
    (match,) = judged("LD509", found, facts(scheme="bitsandbytes"))
    assert (match.severity, match.confidence) == (Severity.WARNING, Confidence.LOW)
    assert "quantized: bitsandbytes" in match.message


def test_full_identities_decide_where_both_are_known(
    stamped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte outside of the sample: seen by the full one alone, which the message says."""
    monkeypatch.setattr(cache, "SETTLED", 0)
    tensors = {**base_tensors(), "model.big.weight": stored(np.zeros(200_000, "|u1"))}
    base = write_base(tmp_path / "big", tensors)
    stamp(stamped, base, force=True)
    changed, covered = np.zeros(200_000, "|u1"), np.zeros(200_000, bool)
    for start, count in _positions(_as_bytes(open_base(base).tensors["model.big.weight"])):
        covered[start : start + count] = True
    changed[int(np.flatnonzero(~covered)[0])] = 1
    other = write_base(tmp_path / "other", {**tensors, "model.big.weight": stored(changed)})
    sampled = measured(stamped, other)
    assert (sampled.base_match, sampled.compared) == (True, "sampled")
    fingerprint(open_base(other), full=True)
    full = measured(stamped, other)
    assert (full.base_match, full.compared, full.differing) == (False, "full", [])
    (match,) = judged("LD509", full, facts())
    assert "all sampled blocks agree, other bytes do not" in match.message


def test_other_weights(stamped: Path) -> None:
    """The weights were replaced after stamping."""
    write_safetensors(stamped / "adapter_model.safetensors", peft_arrays(seed=3))
    found = measured(stamped)
    assert found.weights_match is False
    (match,) = judged("LD510", found)
    assert "other weights" in match.message


@pytest.mark.parametrize("content", ["{", '{"stamp_version": "9.0"}', '{"stamp_version": "1.0"}', "\x1b[31m"])
def test_a_stamp_that_cannot_be_read_is_a_measurement(stamped: Path, tmp_path: Path, content: str) -> None:
    """Never an exception, with and without a base; one finding and no other."""
    (stamped / "loradiag-stamp.json").write_text(content)
    for base in (None, tmp_path / "base"):
        found = measured(stamped, base)
        assert found.problem
        assert found.weights_match is None
        assert len(judged("LD513", found)) == 1
        assert not any(judged(code, found, facts()) for code in ("LD509", "LD510", "LD514"))


def test_a_link_that_leads_nowhere_is_a_stamp_that_cannot_be_read(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Somebody meant to have one."""
    adapter = make_adapter()
    (adapter / "loradiag-stamp.json").symlink_to(tmp_path / "nowhere")
    assert measured(adapter).problem


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ({"owner": None}, "nothing of the owner"),
        ({"data_sha256": None, "evaluation": {}}, "nothing of the training data, an evaluation"),
        ({"owner": ""}, "nothing of the owner"),
    ],
)
def test_what_is_missing_is_named(stamped: Path, missing: dict[str, Any], says: str) -> None:
    """Owner, data and evaluation, one finding for all."""
    (match,) = judged("LD514", msgspec.structs.replace(measured(stamped), **missing))
    assert says in match.message

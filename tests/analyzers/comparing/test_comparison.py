"""Adapters on disk beside each other: every number beside a dense float64 calculation."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import loradiag
from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.comparing import comparison as room
from loradiag.analyzers.comparing.comparison import Named, compare
from loradiag.analyzers.comparing.matching import aligned
from loradiag.core.comparing import ComparedPair, Comparison
from loradiag.core.errors import InputError
from loradiag.core.report import encode
from tests.conftest import MakeAdapter, peft_arrays, write_safetensors
from tests.linalg.test_directions import dense

Array = npt.NDArray[Any]


def measured(*paths: Path, told: list[tuple[int, int]] | None = None) -> Comparison:
    """Compare what lies at some paths."""
    named = [Named(path.name, open_adapter(path), f"hash of {path}") for path in paths]
    return compare(named, lambda *done: told.append(done) if told is not None else None)


def pair(*paths: Path) -> ComparedPair:
    """The one pair of two adapters."""
    return measured(*paths).pairs[0]


def updates(arrays: dict[str, Array], scale: float) -> dict[str, Array]:
    """Dense updates by module, in float64."""
    names = {name.removesuffix(".lora_A.weight") for name in arrays if name.endswith("lora_A.weight")}
    return {
        name.removeprefix("base_model.model."): scale
        * arrays[f"{name}.lora_B.weight"].astype(np.float64)
        @ arrays[f"{name}.lora_A.weight"].astype(np.float64)
        for name in names
    }


def test_names_that_are_no_text_are_told_as_escapes(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """A folder may have any bytes in its name; a report is UTF-8."""
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    make_adapter(name="a").rename(odd)
    (report,) = loradiag.compare([odd, make_adapter(peft_arrays(seed=1), name="b")])
    found = json.loads(encode(report))["measurements"]["comparison"]["adapters"]
    assert [row["label"] for row in found] == ["caf\\xe9", "b"]
    assert found[0]["path"] == f"{tmp_path}/caf\\xe9"


def test_every_number_is_that_of_a_dense_calculation(make_adapter: MakeAdapter) -> None:
    """Module by module and over all, with different ranks and scales."""
    first, second = peft_arrays(layers=3, rank=8), peft_arrays(layers=3, rank=5, seed=1)
    for name in first:  # so that they have something in common
        if "lora_B" in name:
            second[name] = (second[name] + 0.5 * first[name][:, :5]).astype(np.float32)
        else:
            second[name] = (second[name] + 0.7 * first[name][:5]).astype(np.float32)
    told: list[tuple[int, int]] = []
    found = measured(make_adapter(first, name="a"), make_adapter(second, name="b", r=5, lora_alpha=30), told=told)
    assert told == [(done, 6) for done in range(1, 7)]
    row = found.pairs[0]
    ours, theirs = updates(first, 2.0), updates(second, 6.0)
    assert {module.name for module in row.modules} == set(ours)
    for module in row.modules:
        a, b = ours[module.name], theirs[module.name]
        expected = dense(a, b, 8, 5)
        for name, value in expected.items():
            assert getattr(module, name) == pytest.approx(value, abs=1e-9), (module.name, name)
        assert (module.norm_a, module.norm_b) == (pytest.approx(np.linalg.norm(a)), pytest.approx(np.linalg.norm(b)))
        assert (module.rank_a, module.rank_b) == (8, 5)
        assert (module.left_expected, module.right_expected) == (8 / 32, 8 / 48)
        large = [np.abs(m) >= np.quantile(np.abs(m), 0.8, method="higher") for m in (a, b)]
        both = large[0] & large[1]
        share = (np.sign(a) != np.sign(b))[both].mean()
        assert module.sign_conflict == (pytest.approx(share, abs=1e-9) if both.sum() >= 100 else None)
    whole = [np.concatenate([found[name].ravel() for name in sorted(ours)]) for found in (ours, theirs)]
    norms = [np.linalg.norm(one) for one in whole]
    assert row.cosine == pytest.approx(whole[0] @ whole[1] / norms[0] / norms[1], abs=1e-9)
    assert row.distance == pytest.approx(np.linalg.norm(whole[0] - whole[1]) / max(norms), abs=1e-9)
    mixed = sum(module.interference**2 * (module.norm_a**2 + module.norm_b**2) for module in row.modules)
    assert row.interference == pytest.approx(np.sqrt(mixed / (norms[0] ** 2 + norms[1] ** 2)), abs=1e-12)
    lefts = [module.left for module in row.modules]
    assert row.left == pytest.approx(np.median(lefts))
    assert row.left_excess == pytest.approx(np.median([(left - 0.25) / 0.75 for left in lefts]))
    assert [adapter.frobenius_norm for adapter in found.adapters] == [pytest.approx(norm) for norm in norms]


def test_an_adapter_is_itself_in_any_form(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Stored in BF16, with factors turned, and as kohya writes it, it is the same update."""
    arrays = peft_arrays(layers=2)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0].astype(np.float32)
    turned = {
        name: (value @ turn if "lora_B" in name else turn.T @ value).astype(np.float32)
        for name, value in arrays.items()
    }
    plain = make_adapter(arrays, name="plain")
    assert pair(plain, make_adapter(turned, name="turned")).distance == pytest.approx(0.0, abs=1e-6)
    assert pair(plain, make_adapter(arrays, name="bf16", dtype="BF16")).distance < 0.01  # type: ignore[operator]
    kohya = {}
    for name, value in arrays.items():
        stem, side = name.removeprefix("base_model.model.").split(".lora_")
        word = "down" if side.startswith("A") else "up"
        kohya[f"lora_te_text_{stem.replace('.', '_')}.lora_{word}.weight"] = value
        kohya[f"lora_te_text_{stem.replace('.', '_')}.alpha"] = np.array([16.0], dtype=np.float32)
    write_safetensors(tmp_path / "kohya.safetensors", kohya)
    other = pair(plain, tmp_path / "kohya.safetensors")
    assert other.compared == 4
    assert (other.left, other.right) == (pytest.approx(1.0, abs=1e-9), pytest.approx(1.0, abs=1e-9))


def test_modules_are_matched_however_their_names_begin(make_adapter: MakeAdapter) -> None:
    """Written from the bare model or from one with a head, the same module is the same module."""
    arrays = peft_arrays(layers=3)
    bare = {name.replace("model.model.layers", "model.layers"): value for name, value in arrays.items()}
    found = pair(make_adapter(arrays, name="a"), make_adapter(bare, name="b"))
    assert (found.compared, found.only_a, found.only_b) == (6, 0, 0)
    assert found.distance == pytest.approx(0.0, abs=1e-6)


def test_what_only_one_has_is_counted(make_adapter: MakeAdapter) -> None:
    """Modules that the other lacks, and such of other shapes, are said and left out."""
    big = peft_arrays(layers=3, targets=("q_proj", "v_proj"))
    small = peft_arrays(layers=2, targets=("q_proj", "k_proj"))
    small["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"] = np.ones((40, 8), dtype=np.float32)
    found = pair(make_adapter(big, name="a"), make_adapter(small, name="b"))
    assert (found.compared, found.only_a, found.only_b) == (1, 4, 2)
    assert found.misshapen == ["model.layers.0.self_attn.q_proj"]
    assert [row.name for row in found.modules] == ["model.layers.1.self_attn.q_proj"]


def test_nothing_in_common(make_adapter: MakeAdapter) -> None:
    """Two adapters of different parts: no number, and no failure."""
    found = pair(
        make_adapter(peft_arrays(targets=("q_proj",)), name="a"), make_adapter(peft_arrays(targets=("up",)), name="b")
    )
    assert found.compared == 0
    assert (found.cosine, found.left, found.interference, found.distance) == (None, None, None, None)


def test_zero_and_broken_updates(make_adapter: MakeAdapter) -> None:
    """An update that is zero is far from any other; one that is not finite is named, and the others are compared."""
    arrays, dead = peft_arrays(layers=2), peft_arrays(layers=2)
    dead["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"][:] = 0
    dead["base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight"][2, 3] = np.nan
    found = measured(make_adapter(arrays, name="a"), make_adapter(dead, name="b"))
    row = found.pairs[0]
    assert row.compared == 3
    by_name = {module.name: module for module in row.modules}
    zero = by_name["model.layers.0.self_attn.q_proj"]
    assert (zero.cosine, zero.norm_b, zero.rank_b, zero.distance) == (0.0, 0.0, 0, 1.0)
    assert row.left == pytest.approx(1.0, abs=1e-9)  # of the living ones
    assert [(one.name, one.reason) for one in found.adapters[1].uncompared] == [
        ("model.layers.1.self_attn.v_proj", "the update has non-finite values")
    ]


def test_two_that_are_zero(make_adapter: MakeAdapter) -> None:
    """Untrained adapters are one, with no direction to compare."""
    arrays = {name: value * 0 if "lora_B" in name else value for name, value in peft_arrays().items()}
    found = pair(make_adapter(arrays, name="a"), make_adapter(arrays, name="b"))
    assert (found.compared, found.cosine, found.distance) == (8, None, None)


def test_layers_that_are_stored_whole_are_told(make_adapter: MakeAdapter) -> None:
    """Those of each, and those of both."""
    arrays = peft_arrays(layers=1)
    head = {"base_model.model.lm_head.weight": np.ones((6, 4), dtype=np.float32)}
    more = {"base_model.model.score.weight": np.ones((2, 4), dtype=np.float32)}
    found = measured(
        make_adapter({**arrays, **head}, name="a", modules_to_save=["lm_head"]),
        make_adapter({**arrays, **head, **more}, name="b", modules_to_save=["lm_head", "score"]),
        make_adapter(arrays, name="c"),
    )
    assert [len(adapter.stored_whole) for adapter in found.adapters] == [1, 2, 0]
    assert [len(row.stored_by_both) for row in found.pairs] == [1, 0, 0]
    assert [row.stored_alone for row in found.pairs] == [1, 1, 2]
    assert [row.stored_distance for row in found.pairs] == [0.0, None, None]


def judged_of(one: Path, other: Path) -> str:
    """What two adapters are to one another, by the default policy."""
    from loradiag.api.judging import default_policy
    from loradiag.core.relations import relation_of

    return relation_of(pair(one, other), default_policy().thresholds)


HEAD = np.linspace(-1, 2, 24, dtype=np.float32).reshape(6, 4)


@pytest.mark.parametrize(
    ("stored", "distance"),
    [
        (HEAD, 0.0),
        (1.01 * HEAD, 0.01 / 1.01),
        (-HEAD, 2.0),
        (HEAD[:3], 1.0),
        (HEAD * np.float32(np.nan), 1.0),
    ],
)
def test_layers_that_are_stored_whole_are_compared(
    make_adapter: MakeAdapter, monkeypatch: pytest.MonkeyPatch, stored: Array, distance: float
) -> None:
    """Value by value, also where they do not fit into one block: the update alone does not make two adapters one."""
    monkeypatch.setattr("loradiag.analyzers.comparing.stored.BLOCK", 5)
    key = "base_model.model.lm_head.weight"
    one = make_adapter({**peft_arrays(layers=1), key: HEAD}, name="a", modules_to_save=["lm_head"])
    other = make_adapter({**peft_arrays(layers=1), key: stored}, name="b", modules_to_save=["lm_head"])
    found = pair(one, other)
    assert found.distance == pytest.approx(0, abs=1e-7)
    assert found.stored_distance == pytest.approx(distance, rel=1e-5)
    relation = "same" if distance == 0 else "near-duplicate" if distance < 0.3 else "one-start"
    assert judged_of(one, other) == relation


def test_a_bias_or_a_layer_that_only_one_stores_makes_them_two(make_adapter: MakeAdapter) -> None:
    """And biases that both store are compared as layers are."""
    arrays = peft_arrays(layers=1)
    name = "base_model.model.model.layers.0.self_attn.q_proj.base_layer.bias"
    plain = make_adapter(arrays, name="a")
    one, other = (
        make_adapter({**arrays, name: np.full(16, value, dtype=np.float32)}, name=f"b{value}", bias="lora_only")
        for value in (1.0, 2.0)
    )
    assert pair(plain, one).stored_alone == 1
    assert pair(one, other).stored_distance == pytest.approx(0.5)
    assert judged_of(plain, one) == judged_of(one, other) == "one-start"


def test_many_pairs_leave_modules_out_where_they_meet_least(
    make_adapter: MakeAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bound on rows keeps those of the pairs that interfere most, and says how many pairs are without."""
    monkeypatch.setattr(room, "MOST_ROWS", 10)
    arrays = peft_arrays(layers=3)
    near = {name: value + np.float32(1e-3) * value[::-1] for name, value in arrays.items()}
    found = measured(
        make_adapter(arrays, name="a"),
        make_adapter(peft_arrays(layers=3, seed=5), name="b"),
        make_adapter(near, name="c"),
    )
    assert [bool(row.modules) for row in found.pairs] == [False, True, False]
    assert found.modules_left_out == 2
    assert all(row.compared == 6 for row in found.pairs)


def test_methods_without_thin_factors_are_named(make_adapter: MakeAdapter) -> None:
    """IA³ has vectors: nothing is compared, and why is said."""
    arrays = {"base_model.model.model.layers.0.mlp.down_proj.ia3_l": np.full((1, 8), 1.1, dtype=np.float32)}
    config = {"peft_type": "IA3", "target_modules": ["down_proj"], "feedforward_modules": ["down_proj"]}
    paths = [make_adapter(arrays, name=name, config=config) for name in "ab"]
    found = measured(*paths)
    assert found.pairs[0].compared == 0
    assert "ia3 has no thin factors" in found.adapters[0].uncompared[0].reason


def test_a_file_that_ends_early_is_an_error(make_adapter: MakeAdapter) -> None:
    """What was cut off after its header was read."""
    paths = [make_adapter(name="a"), make_adapter(name="b")]
    named = [Named(path.name, open_adapter(path), path.name) for path in paths]
    weights = paths[1] / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(InputError):
        compare(named, lambda *_: None)


def test_names_of_experts_do_not_run_together(tmp_path: Path, make_adapter: MakeAdapter) -> None:
    """Every module of an adapter keeps a row of its own when it is matched with itself."""
    arrays = peft_arrays(layers=4, targets=("q_proj", "k_proj", "v_proj"))
    one = open_adapter(make_adapter(arrays))
    rows = aligned([one, one])
    assert len(rows) == 12
    assert all(row[0] is row[1] for row in rows.values())
    assert json.dumps(sorted(rows)) == json.dumps(sorted(module.name for module in one.modules))

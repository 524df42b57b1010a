"""Reach: what of a base is changed, left alone, missing, or meant and not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loradiag
from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.reach import reach
from loradiag.bases.opening import open_base
from loradiag.core.findings import Severity
from loradiag.core.reach import Reach
from tests.analyzers.small import Shapes, factors, llama_shapes, write_base
from tests.conftest import FIXTURES, SHARED, MakeAdapter, peft_arrays

Measure = Callable[..., Reach]


@pytest.fixture
def measure(make_adapter: MakeAdapter, tmp_path: Path) -> Measure:
    """Return a function from an adapter's tensors and a base's shapes to the reach."""

    def run(
        arrays: Any = None, shapes: Shapes | None = None, base: dict[str, Any] | None = None, **config: Any
    ) -> Reach:
        folder = write_base(tmp_path / "base", shapes or llama_shapes(), **(base or {}))
        found = reach(Inspection(open_adapter(make_adapter(arrays, **config)), base=open_base(folder)))
        assert found is not None
        return found

    return run


def test_none_without_a_base(make_adapter: MakeAdapter) -> None:
    """There is nothing to compare with."""
    assert reach(Inspection(open_adapter(make_adapter()))) is None


def test_counts_and_names_what_is_left_alone(measure: Measure) -> None:
    """Four layers of four linear weights and the head; half of the layers' are adapted."""
    found = measure()
    assert (found.linears, found.reached) == (17, 8)
    assert [(group.pattern, group.role, len(group.names)) for group in found.unreached] == [
        ("lm_head", "head", 1),
        ("model.layers.*.mlp.down_proj", "mlp.down", 4),
        ("model.layers.*.mlp.up_proj", "mlp.up", 4),
    ]
    assert found.unreached[1].names == [f"model.layers.{layer}.mlp.down_proj" for layer in range(4)]
    assert [(row.target, row.kind, row.resolved, row.adapted) for row in found.targets] == [
        ("q_proj", "name", 4, 4),
        ("v_proj", "name", 4, 4),
    ]
    assert (found.absent, found.mismatched, found.skipped, found.vocabulary, found.tied) == ([], [], [], [], [])


def test_renamed_bases_are_resolved_by_the_adapters_names(measure: Measure) -> None:
    """A regex that begins with model. holds for a checkpoint of the bare model."""
    found = measure(shapes=llama_shapes(prefix=""), target_modules=r"model\.layers\.\d+\.self_attn\.(q|v)_proj")
    assert (found.targets[0].resolved, found.targets[0].adapted) == (8, 8)
    assert found.renamed == ["“model.” → “”"]


def test_layers_that_the_base_lacks_are_absent(measure: Measure) -> None:
    """The base has two layers, the adapter four."""
    found = measure(shapes=llama_shapes(layers=2))
    assert found.absent == [
        f"model.layers.{layer}.self_attn.{leaf}" for layer in (2, 3) for leaf in ("q_proj", "v_proj")
    ]


def test_layers_that_the_file_lacks_are_skipped(measure: Measure) -> None:
    """All four are targeted and three are in the file; layers that were not chosen are not missed."""
    arrays = peft_arrays(layers=3)
    assert measure(arrays).skipped == ["model.layers.3.self_attn.q_proj", "model.layers.3.self_attn.v_proj"]


def test_layers_not_chosen_are_not_skipped(measure: Measure) -> None:
    """layers_to_transform says which."""
    assert measure(peft_arrays(layers=3), layers_to_transform=[0, 1, 2]).skipped == []


def test_broken_and_saved_modules_are_not_skipped(measure: Measure) -> None:
    """Half a module is broken, not forgotten; a layer that is kept whole needs no factors."""
    arrays = peft_arrays()
    del arrays["base_model.model.model.layers.3.self_attn.q_proj.lora_B.weight"]
    arrays["base_model.model.lm_head.weight"] = np.ones((60, 48))
    found = measure(arrays, target_modules=["q_proj", "v_proj", "lm_head"])
    assert found.skipped == []
    assert found.reached == 8  # seven modules and the head


def test_methods_that_are_not_analysed_reach_what_they_name(measure: Measure) -> None:
    """OFT changes weights too."""
    names = [f"model.layers.{layer}.self_attn.q_proj" for layer in range(4)]
    arrays = {f"base_model.model.{name}.oft_r": np.ones((4, 4)) for name in names}
    found = measure(arrays, peft_type="OFT", target_modules=["q_proj"])
    assert (found.reached, found.skipped) == (4, [])


def test_vision_towers_without_factors_are_not_missed(measure: Measure) -> None:
    """A checkpoint with images makes a model without them, too: same names, another tower."""
    vision = {f"vision_tower.layers.{layer}.self_attn.q_proj.weight": (32, 48) for layer in range(2)}
    found = measure(shapes={**llama_shapes(), **vision})
    assert found.skipped == []
    assert found.targets[0].resolved == 6
    assert "vision_tower.layers.*.self_attn.q_proj" in {group.pattern for group in found.unreached}


def test_layers_beyond_the_models_depth_do_not_count(measure: Measure) -> None:
    """DeepSeek-V3 keeps a layer that predicts a second token behind its last; models leave it out."""
    extra = {"model.layers.4.self_attn.q_proj.weight": (32, 48), "mtp.layers.0.self_attn.q_proj.weight": (32, 48)}
    found = measure(shapes={**llama_shapes(), **extra}, base={"num_hidden_layers": 4})
    assert (found.linears, found.skipped) == (17, [])


def test_what_is_no_linear_weight_does_not_count(measure: Measure) -> None:
    """Norms, embeddings, tables of positions, kernels, biases."""
    others: Shapes = {
        "model.embed_positions.weight": (16, 48),
        "model.layers.0.self_attn.relative_attention_bias.weight": (32, 4),
        "model.patch.proj.weight": (8, 3, 4, 4),
        "model.conv1d.weight": (8, 1, 4),
        "model.layers.0.self_attn.q_proj.bias": (32,),
        "model.pos_embed": (16, 48),
    }
    assert measure(shapes={**llama_shapes(), **others}).linears == 17


def test_packed_weights_count(measure: Measure) -> None:
    """Their shape cannot be told and they are linear all the same."""
    shapes = dict(llama_shapes())
    for layer in range(4):
        del shapes[f"model.layers.{layer}.mlp.up_proj.weight"]
        shapes |= {f"model.layers.{layer}.mlp.up_proj.{part}": (6, 32) for part in ("qweight", "scales")}
    assert measure(shapes=shapes).linears == 17


@pytest.mark.parametrize("tied", [True, False])
def test_a_tied_head_without_a_tensor_does_not_count(measure: Measure, tied: bool) -> None:
    """It is the embedding."""
    shapes = {name: shape for name, shape in llama_shapes().items() if name != "lm_head.weight"}
    arrays = {**peft_arrays(), **factors({"lm_head": (60, 48)}, rank=8)}
    found = measure(arrays, shapes, {"tie_word_embeddings": tied})
    assert found.linears == 16
    assert found.absent == ([] if tied else ["lm_head"])
    assert found.tied == (["lm_head"] if tied else [])
    (part,) = found.vocabulary
    assert (part.rows, part.base_rows) == (60, 60 if tied else None)


def test_new_classifiers_are_not_absent(measure: Measure) -> None:
    """No base has the head that an adapter brings, adapted or whole."""
    arrays = {**peft_arrays(), **factors({"classifier.dense": (48, 48)}, rank=8)}
    arrays["base_model.model.score.weight"] = np.ones((2, 48))
    assert measure(arrays).absent == []


def test_rows_of_embeddings_are_compared_apart_from_shapes(measure: Measure) -> None:
    """Two tokens were added: a matter of vocabulary, not of another base."""
    arrays = {**peft_arrays(), **factors({"lm_head": (62, 48)}, rank=8)}
    stem = "base_model.model.model.embed_tokens"
    arrays |= {f"{stem}.lora_embedding_A": np.ones((8, 62)), f"{stem}.lora_embedding_B": np.ones((48, 8))}
    arrays[f"{stem}.base_layer.weight"] = np.ones((62, 48))
    found = measure(arrays)
    assert found.mismatched == []
    assert {(part.name, part.rows, part.base_rows) for part in found.vocabulary} == {
        ("lm_head", 62, 60),
        ("model.embed_tokens", 62, 60),
    }


def test_widths_of_embeddings_are_shapes(measure: Measure) -> None:
    """Other tokens and another width: another base."""
    found = measure({**peft_arrays(), **factors({"lm_head": (62, 40)}, rank=8)})
    assert [(row.name, row.adapter, row.base) for row in found.mismatched] == [("lm_head", [62, 40], [60, 48])]


def test_trainable_tokens_are_in_play_and_no_vocabulary(measure: Measure) -> None:
    """Some rows of a tied embedding: merging them concerns the head too, and they are not all rows."""
    arrays = dict(peft_arrays())
    arrays["base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"] = np.ones((3, 48))
    found = measure(arrays, base={"tie_word_embeddings": True}, trainable_token_indices=[1, 2, 3])
    assert found.tied == ["model.embed_tokens"]
    assert found.vocabulary == []


MOE: Shapes = {
    **llama_shapes(),
    **{f"model.layers.{layer}.mlp.gate.weight": (4, 48) for layer in range(4)},
    **{
        f"model.layers.{layer}.mlp.experts.{index}.{leaf}.weight": (32, 48) if leaf != "down_proj" else (48, 32)
        for layer in range(4)
        for index in range(4)
        for leaf in ("gate_proj", "up_proj", "down_proj")
    },
}
STACKED: Shapes = {
    **llama_shapes(),
    **{f"model.layers.{layer}.mlp.experts.gate_up_proj": (4, 64, 48) for layer in range(4)},
    **{f"model.layers.{layer}.mlp.experts.gate_up_proj_bias": (4, 64) for layer in range(4)},
}


CLAIMED: Shapes = {**STACKED, "model.layers.0.mlp.experts.down_proj": (1 << 40, 0, 48)}
"""With a million million experts of no size, which take no byte."""


@pytest.mark.parametrize(("shapes", "experts"), [(MOE, 48), (STACKED, 16), (CLAIMED, 16)])
def test_experts_are_counted_one_by_one(measure: Measure, shapes: Shapes, experts: int) -> None:
    """Stored singly or as a stack."""
    found = measure(shapes=shapes)
    assert (found.experts, found.experts_reached) == (experts, 0)
    groups = {group.pattern: group for group in found.unreached if group.role == "expert"}
    assert sum(len(group.names) for group in groups.values()) == experts


@pytest.mark.parametrize(
    ("shapes", "targets", "severity"),
    [
        (MOE, ["q_proj", "v_proj"], Severity.INFO),
        (MOE, ["q_proj", "v_proj", "gate_proj"], Severity.WARNING),
        (MOE, "all-linear", Severity.WARNING),
        (STACKED, ["q_proj", "v_proj", "gate_proj"], Severity.WARNING),
        (STACKED, "all-linear", Severity.INFO),
    ],
)
def test_experts_that_were_meant_are_a_warning(
    make_adapter: MakeAdapter, tmp_path: Path, shapes: Shapes, targets: Any, severity: Severity
) -> None:
    """One finding, of experts; not another that they are missing from the file."""
    base = write_base(tmp_path / "base", shapes)
    arrays = {**peft_arrays(), **factors({f"model.layers.{x}.mlp.up_proj": (64, 48) for x in range(4)}, rank=8)}
    arrays |= factors({f"model.layers.{x}.mlp.down_proj": (48, 64) for x in range(4)}, rank=8)
    report = loradiag.inspect(make_adapter(arrays, target_modules=targets), base=base)
    found = {finding.code: finding.severity for finding in report.findings}
    assert found["LD412"] is severity
    assert "LD409" not in found


def test_rules_are_silent_where_all_is_well() -> None:
    """The healthy fixture with its base."""
    report = loradiag.inspect(FIXTURES / "adapters" / "healthy", base=FIXTURES / "base")
    assert {finding.code for finding in report.findings} & {f"LD{code}" for code in range(404, 413)} == set()


def test_another_base_gives_one_finding(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Its other layers and modules are not held against the adapter."""
    base = write_base(tmp_path / "base", llama_shapes(layers=6, d_in=40))
    found = {finding.code for finding in loradiag.inspect(make_adapter(), base=base).findings}
    assert found & {f"LD{code}" for code in range(406, 413)} == {"LD407"}


def test_heads_in_play_are_judged_by_the_base(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Alone, LD404 can only warn of ties; a base that ties gives LD411, one that does not gives neither."""
    adapter = make_adapter({**peft_arrays(), **factors({"lm_head": (60, 48)}, rank=8)})

    def codes(tied: bool | None) -> set[str]:
        base = None if tied is None else write_base(tmp_path / f"base{tied}", llama_shapes(), tie_word_embeddings=tied)
        return {finding.code for finding in loradiag.inspect(adapter, base=base).findings} & {"LD404", "LD411"}

    assert (codes(None), codes(True), codes(False)) == ({"LD404"}, {"LD411"}, set())


def test_vocabularies_are_judged_by_how_they_are_held(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Saved rows load after resizing; low-rank rows of another number cannot be merged."""
    base = write_base(tmp_path / "base", llama_shapes())
    arrays = {**peft_arrays(), **factors({"lm_head": (62, 48)}, rank=8)}
    arrays["base_model.model.model.embed_tokens.weight"] = np.ones((62, 48))
    found = [x for x in loradiag.inspect(make_adapter(arrays), base=base).findings if x.code == "LD410"]
    assert {x.modules[0]: x.severity for x in found} == {
        "lm_head": Severity.ERROR,
        "model.embed_tokens": Severity.WARNING,
    }


def adapters_in(folder: Path) -> list[Path]:
    """Directories of adapters, checkpoints of series included."""
    return sorted(file.parent for file in folder.rglob("adapter_config.json"))


def assert_fits(adapter: Path, base: Path) -> None:
    """An adapter of this very base: every module has its weight, every target is adapted."""
    found = reach(Inspection(open_adapter(adapter), base=open_base(base)))
    assert found is not None
    assert (found.absent, found.mismatched, found.skipped, found.renamed) == ([], [], [], [])
    assert all(row.resolved == row.adapted > 0 for row in found.targets)
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert len(found.targets) == len(config["target_modules"])


@pytest.mark.parametrize("adapter", adapters_in(FIXTURES / "adapters"), ids=lambda path: path.name)
def test_fixtures_fit_their_base(adapter: Path) -> None:
    """All of them were trained on it."""
    assert_fits(adapter, FIXTURES / "base")


@pytest.mark.shared
@pytest.mark.parametrize("adapter", adapters_in(SHARED / "zoo" / "adapters"), ids=lambda path: path.name)
def test_the_zoo_fits_its_base(adapter: Path) -> None:
    """Tied embeddings, three shards."""
    assert_fits(adapter, SHARED / "zoo" / "base")

"""The way in, over everything that a path can hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loradiag.adapters.interface import READERS
from loradiag.adapters.model import Adapter
from loradiag.adapters.opening import open_adapter, open_all
from loradiag.core.errors import InputError
from tests.adapters import checks, hostile
from tests.conftest import FIXTURES, SHARED, peft_arrays, write_safetensors


def test_a_series_loses_only_what_is_broken(tmp_path: Path) -> None:
    """Checkpoints come in order, a broken one as its error."""
    for step in (1, 2, 3):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        write_safetensors(folder / "adapter_model.safetensors", peft_arrays(layers=1))
    hostile.write(tmp_path / "checkpoint-2", b"cut")
    found = list(open_all(tmp_path))
    assert [item.step if isinstance(item, Adapter) else item.kind for item in found] == [1, "truncated", 3]


def test_what_cannot_be_located_comes_as_its_error(tmp_path: Path) -> None:
    """``open_all`` raises nothing that is about the input."""
    (error,) = open_all(tmp_path / "none")
    assert isinstance(error, InputError)
    assert error.kind == "missing"


def test_unknown_names_are_no_adapter(tmp_path: Path) -> None:
    """A model's own weights are no adapter, and the line lists what would be."""
    write_safetensors(tmp_path / "x.safetensors", {"model.layers.0.self_attn.q_proj.weight": np.ones((2, 2))})
    error = checks.assert_unreadable(tmp_path, "no-adapter", says="none of which is named as in an adapter")
    assert all(layout in error.remedy for layout in READERS)


def test_the_layout_is_told_with_what_showed_it(tmp_path: Path) -> None:
    """The reason names the setting or the tensor that it was recognised by."""
    write_safetensors(tmp_path / "adapter_model.safetensors", peft_arrays(layers=1))
    adapter = open_adapter(tmp_path)
    assert adapter.layout == "peft"
    assert adapter.layout_reason.startswith(
        'tensor names like "base_model.model.model.layers.0.self_attn.q_proj.lora_A'
    )
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 8, "lora_alpha": 8}')
    assert open_adapter(tmp_path).layout_reason == "adapter_config.json says peft_type LORA"


def test_provenance_is_cut_and_plain(tmp_path: Path) -> None:
    """What a configuration says of its origin is a short text, or nothing."""
    write_safetensors(tmp_path / "adapter_model.safetensors", peft_arrays(layers=1))
    (tmp_path / "adapter_config.json").write_text(
        f'{{"peft_type": "LORA", "base_model_name_or_path": "{"x" * 10_000}", "revision": ["a"], "peft_version": 0.19}}'
    )
    origin = open_adapter(tmp_path).provenance
    assert (len(origin.base or ""), origin.revision, origin.library_version) == (500, None, "0.19")


@pytest.mark.parametrize("path", sorted((FIXTURES / "broken").glob("*")), ids=lambda path: path.name)
def test_broken_fixtures(path: Path) -> None:
    """Every broken fixture is refused in one line, or read with each tensor in one place."""
    for found in open_all(path):
        if isinstance(found, InputError):
            checks.assert_plain(found)
        else:
            checks.assert_accounted(found)


@pytest.mark.shared
def test_in_the_wild() -> None:
    """Every public adapter at hand is read whole, or refused for being a pickle or a file that is not there."""
    wild = SHARED / "wild"
    if not wild.is_dir():
        pytest.skip("no shared adapters beside the repository")
    kinds, layouts = set(), set()
    for folder in sorted(wild.iterdir()):
        for found in open_all(folder):
            if isinstance(found, InputError):
                checks.assert_plain(found)
                kinds.add(found.kind)
            else:
                checks.assert_accounted(found)
                assert not found.parts.problems, folder.name
                assert not found.parts.unexpected, folder.name
                assert found.modules, folder.name
                layouts.add(found.layout)
    assert kinds == {"pickle"}
    assert layouts == {"peft", "mlx", "diffusers", "cloneofsimo", "sam", "kohya"}


@pytest.mark.shared
def test_the_zoo() -> None:
    """Adapters trained under known conditions have the scales that they were trained with."""
    zoo = SHARED / "zoo" / "adapters"
    if not zoo.is_dir():
        pytest.skip("no shared adapters beside the repository")
    expected = {
        "med_r16": {2.0},
        "med_alpha512": {32.0},
        "med_dora": {2.0},
        "med_ia3": {1.0},
        "med_patterns": {0.5, 2.0, 4.0},
        "med_pissa_converted": {1.0},
    }
    for name, scales in expected.items():
        adapter = open_adapter(zoo / name)
        assert {module.scale.value for module in adapter.modules} == scales, name
        assert not adapter.parts.problems
        checks.assert_accounted(adapter)
    assert [found.step for found in open_all(zoo / "math_traj") if isinstance(found, Adapter)] == [
        25,
        50,
        100,
        200,
        400,
        800,
    ]

"""The generated adapters are what they say they are, and the tables can be read. Nothing here is timed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.generate import to_bf16, write
from benchmarks.peers import agreement
from benchmarks.processes import FailedError, Sample, measure
from benchmarks.rounds import Series, interleave, per_module
from benchmarks.shapes import SHAPES, Shape, llama, mixture
from benchmarks.tables import costs, markdown, met
from loradiag.adapters.opening import open_adapter

ROOT = Path(__file__).resolve().parents[2]
SMALL = Shape("small", "some/base", 4, mixture(2, 3, 16, 8, 12), decay=0.1)


@pytest.mark.parametrize(("key", "modules", "megabytes"), [("8b", 224, 84), ("70b", 560, 1657), ("moe", 10_560, 477)])
def test_shapes_have_the_sizes_that_the_targets_are_about(key: str, modules: int, megabytes: int) -> None:
    """Number of modules, and bytes in BF16."""
    shape = SHAPES[key]
    assert len(shape.modules) == modules
    assert round(2 * shape.parameters / 1e6) == megabytes


def test_the_quarter_has_a_fourth_of_the_modules() -> None:
    """So that a quadratic cost would show as a factor of four."""
    assert 4 * len(SHAPES["moe-quarter"].modules) == len(SHAPES["moe"].modules)


def test_a_layer_of_llama_has_seven_modules_of_the_right_shape() -> None:
    """Keys and values are narrow, gate, up and down wide."""
    sizes = {module.name.rpartition(".")[2]: (module.d_out, module.d_in) for module in llama(1, 32, 8, 96)}
    assert sizes == {
        "q_proj": (32, 32),
        "k_proj": (8, 32),
        "v_proj": (8, 32),
        "o_proj": (32, 32),
        "gate_proj": (96, 32),
        "up_proj": (96, 32),
        "down_proj": (32, 96),
    }


def test_the_reader_finds_every_module_that_was_written(tmp_path: Path) -> None:
    """Names, ranks, shapes and scales survive the way through a file."""
    write(SMALL, tmp_path)
    adapter = open_adapter(tmp_path)
    assert {(m.name, m.rank, m.d_out, m.d_in, m.scale.value) for m in adapter.modules} == {
        (module.name, 4, module.d_out, module.d_in, 2.0) for module in SMALL.modules
    }
    assert not adapter.parts.unexpected
    assert not adapter.parts.problems


def test_a_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two runs measure the same adapter; another seed makes another."""
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        write(SMALL, tmp_path / name, seed)
        contents.append((tmp_path / name / "adapter_model.safetensors").read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_bf16_is_rounded_to_nearest_even() -> None:
    """1 + 2⁻⁸ lies halfway and goes to the even 1; anything above it goes up."""
    found = to_bf16(np.array([1.0, 1 + 2**-8, 1 + 2**-8 + 2**-16, -2.5], dtype=np.float32))
    assert found.tolist() == [0x3F80, 0x3F80, 0x3F81, 0xC020]


def test_tables_are_aligned_markdown() -> None:
    """Every line has the same length and the same number of columns."""
    lines = markdown(("name", "n"), [("a", "1"), ("long name", "100")]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1] == "| :-------- | --: |"
    assert lines[3] == "| long name | 100 |"


def test_costs_are_set_against_the_control() -> None:
    """Medians by medians, minima by minima, the largest peak."""
    control = Series("control", (Sample(1.0, 1.0, 20.0), Sample(2.0, 1.0, 30.0), Sample(3.0, 1.0, 25.0)))
    slow = Series("slow", (Sample(4.0, 5.0, 60.0), Sample(8.0, 6.0, 50.0), Sample(6.0, 7.0, 40.0)))
    cells = [cell.strip() for cell in costs([slow], control).splitlines()[2].strip("|").split("|")]
    assert cells == ["slow", "6.000 s", "4.000 s", "67%", "6.000 s", "60 MB", "3.00", "4.00"]


def test_a_target_says_whether_it_is_met() -> None:
    """In words, so that a reader need not compare."""
    assert met("peak", 42, 300, " MB") == "- peak: 42 MB, target at most 300 MB: met"
    assert met("ratio", 7.5, 4, "×").endswith("MISSED")


@pytest.mark.parametrize(("power", "ratio"), [(1, 1.0), (2, 4.0)])
def test_time_a_module_tells_linear_from_quadratic(power: int, ratio: float) -> None:
    """With the empty process taken off, n and n/4 modules give the power."""
    full, quarter = (0.2 + 1e-6 * count**power for count in (4000, 1000))
    assert per_module((full, 4000), (quarter, 1000), 0.2) == pytest.approx(ratio)


def test_runs_are_interleaved_after_a_round_that_does_not_count() -> None:
    """One of each, then one of each again; only the later ones are kept."""
    order: list[str] = []

    def run(name: str) -> Sample:
        order.append(name)
        return Sample(float(len(order)), 0.0, 0.0)

    series = interleave({"a": lambda: run("a"), "b": lambda: run("b")}, 2)
    assert order == ["a", "b"] * 3
    assert [sample.wall for sample in series["b"].samples] == [4.0, 6.0]


def test_a_process_is_measured_and_its_exit_code_minded() -> None:
    """Memory that it touches shows in its peak; an unexpected code is an error with its last words."""
    sample = measure([sys.executable, "-c", "x = bytearray(64 << 20)"], environment={})
    assert sample.peak >= 64
    with pytest.raises(FailedError, match="ended with 7: oh no"):
        measure([sys.executable, "-c", "import sys; sys.stderr.write('oh no'); sys.exit(7)"], environment={})


def test_agreement_is_the_worst_difference_over_the_largest_value() -> None:
    """Programs that tell only the largest value are compared by that; strangers not at all."""
    reference = {"a": [2.0, 1.0], "b": [4.0, 1.0]}
    assert agreement({"a": [2.0, 1.0], "b": [4.0, 0.0]}, reference) == "2.5e-01"
    assert agreement({"a": [2.0]}, reference) == "0.0e+00"
    assert agreement({"c": [2.0]}, reference) == "–"


def test_the_script_runs_though_it_is_called_inspect(tmp_path: Path) -> None:
    """Its name is that of a module of the standard library, which it must not hide."""
    command = [sys.executable, str(ROOT / "benchmarks" / "inspect.py"), "--only", "", "--cache", str(tmp_path)]
    done = subprocess.run([*command, "--json", str(tmp_path / "o.json")], capture_output=True, text=True, check=True)
    assert "whole processes" in done.stdout
    assert json.loads((tmp_path / "o.json").read_text())["suites"] == {}

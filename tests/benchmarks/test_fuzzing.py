"""Every target of the fuzzing, for a moment and from the same seed: no input may end but in a result or in a LoradiagError."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from benchmarks.fuzzing import mutating
from benchmarks.fuzzing.__main__ import SHARES
from benchmarks.fuzzing.targets import MODULES, NAMES
from loradiag.core.errors import InputError
from loradiag.storage.safetensors import SafetensorsFile

ROOT = Path(__file__).resolve().parents[2]
INPUTS = {"lake": 40, "ingest": 60, "judged": 100, "peft": 150, "layouts": 150, "pickle": 150}


@pytest.mark.models
@pytest.mark.parametrize("module", MODULES)
def test_a_moment_of_each_target(tmp_path: Path, module: str) -> None:
    """In a process of its own, as it is fuzzed by hand: some inputs give results, and others are refused or are results too."""
    for name in MODULES[module]:
        words = (name, str(INPUTS.get(name, 400)), "7", "seeded", str(tmp_path))
        command = [sys.executable, "-m", "benchmarks.fuzzing.child", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        told = json.loads((tmp_path / "tally.json").read_text())
        assert (told["done"], told["escaped"]) == (INPUTS.get(name, 400), {}), name
        assert told["results"] > 0, name
        assert told["slowest_s"] < 10, name


def test_what_should_not_happen_is_found(tmp_path: Path) -> None:
    """A reader with a fault, put in place of a sound one, is caught, with the input that does it."""
    script = (
        "import sys; from benchmarks.fuzzing import child; from loradiag.storage import strict_json\n"
        "def faulty(data):\n    if b'NaN' in data: raise KeyError('x')\n    return None\n"
        "strict_json.loads = faulty\nchild.main()"
    )
    command = [sys.executable, "-c", script, "strict-json", "2000", "7", "seeded", str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=120).returncode == 0
    (what,) = json.loads((tmp_path / "tally.json").read_text())["escaped"]
    assert what.startswith("KeyError")
    assert b"NaN" in (tmp_path / "escaped-0").read_bytes()


def test_every_target_has_a_share() -> None:
    """Of all inputs."""
    assert SHARES.keys() == set(NAMES)


def test_changed_inputs_keep_their_lengths_true(tmp_path: Path) -> None:
    """Headers of safetensors that are changed where they have meaning are looked into, not refused at their first bytes."""
    from benchmarks.fuzzing.targets.seeds import safetensors

    random, path, opened = Random(3), tmp_path / "x.safetensors", 0
    for _ in range(300):
        path.write_bytes(mutating.as_safetensors(safetensors()[0], random))
        with suppress(InputError):
            SafetensorsFile(path)
            opened += 1
    assert 3 < opened < 290


def test_files_of_one_input_come_apart_again() -> None:
    """As they were put together, and of what was cut as many as there should be."""
    parts = [b"one", b"", b"three"]
    assert mutating.parted(mutating.joined(*parts), 3) == parts
    assert mutating.parted(mutating.joined(*parts)[:5], 3) == [b"o", b"", b""]

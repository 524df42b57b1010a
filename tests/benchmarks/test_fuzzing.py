"""Every target of the fuzzing, for a moment and from the same seed: no input may end but in a result or in a LoradiagError."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from benchmarks.fuzzing import mutating
from benchmarks.fuzzing.__main__ import SHARES
from benchmarks.fuzzing.databases import as_database
from benchmarks.fuzzing.showing import harmless
from benchmarks.fuzzing.targets import MODULES, NAMES
from loradiag.core.errors import InputError
from loradiag.storage.safetensors import SafetensorsFile

ROOT = Path(__file__).resolve().parents[2]
INPUTS = {
    **dict.fromkeys(("judged", "named", "recorded", "registry-file", "scanned", "compared"), 80),
    **dict.fromkeys(("lake", "counted", "drift", "folded", "mlflow", "wire", "tokenizer"), 25),
    **dict.fromkeys(
        ("peft", "layouts", "containers", "pickle", "ingest", "beside", "stamped", "resized", "served"), 150
    ),
}


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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("text", "a\x1b[31mb\n"),
        ("text", "a\u202eb\n"),
        ("json", '{"a": NaN}\n'),
        ("gitlab", '[{"fingerprint": "x", "description": ""}]\n'),
        (
            "sarif",
            '{"runs": [{"tool": {"driver": {"rules": []}}, "results": [], "artifacts": [{"location": {"uri": "a b"}}]}]}',
        ),
        ("junit", '<testsuites><testsuite tests="2" failures="0"><testcase/></testsuite></testsuites>'),
        ("github", "loradiag: a\n::set-env name=x::y\n"),
        ("github", "::error title=a,file=b::c\n"),
        ("markdown", "a <img src=x>\n"),
        ("markdown", "[a](javascript:b)\n"),
        ("html", '<head><script>x</script></head><body><p onload="x">a</p></body>'),
        ("html", "<head></head><body><hostile>a</hostile></body>"),
        ("html", "<head></head><body><p>a</body>"),
        ("html", "<head></head><body>a < b</body>"),
    ],
)
def test_outputs_that_are_not_harmless_are_found(name: str, text: str) -> None:
    """Each in its own way; a sound one of each kind passes in the fuzzing of reports."""
    with pytest.raises(AssertionError):
        harmless(name, text)


def test_databases_stay_databases() -> None:
    """Most that are changed by their own means can be opened and differ, and some are damaged."""
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE a (b TEXT, c BLOB)")
        database.execute("INSERT INTO a VALUES (?, ?)", ['{"x": 1}', b"\x81\xa1x\x01"])
        seed = database.serialize()
    database.close()
    random, sound = Random(3), 0
    for _ in range(200):
        changed = as_database(seed, random)
        with suppress(sqlite3.Error), closing(sqlite3.connect(":memory:")) as again:
            again.deserialize(changed)
            sound += again.execute("PRAGMA integrity_check").fetchone() == ("ok",) and changed != seed
    assert 60 < sound < 200


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

"""``loradiag stamp`` as a user runs it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import loradiag
from loradiag.adapters.stamps import read_stamp
from tests.bases.making import base_tensors, stored, write_base
from tests.cli.test_cli import run
from tests.conftest import FIXTURES, MakeAdapter, peft_arrays, write_safetensors

BASE = FIXTURES / "base"


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    """A copy of the sound fixture."""
    return Path(shutil.copytree(FIXTURES / "adapters" / "healthy", tmp_path / "healthy"))


def written(adapter: Path) -> dict[str, Any]:
    """The stamp as JSON."""
    return json.loads((adapter / "loradiag-stamp.json").read_text())  # type: ignore[no-any-return]


def refused(code: int, *arguments: object, **environment: str) -> str:
    """The command fails in one line with this code, prints nothing, and returns what it said."""
    done = run("stamp", *arguments, **environment)
    assert (done.returncode, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr
    return done.stderr


def test_everything_that_can_be_said(healthy: Path, tmp_path: Path) -> None:
    """Hashes from independent calculations, hyperparameters from the configuration, the rest as given."""
    data = tmp_path / "train.jsonl"
    data.write_text('{"text": "x"}\n')
    done = run(
        "stamp", healthy, "--base", BASE, "--data", data, "--owner", "Ada", "--notes", "a=b", "--hyperparameter", "seed=7",
        "--hyperparameter", "r=eight", "--evaluation", "arc=0.5", "--evaluation", "mmlu = 1e-3",
        SOURCE_DATE_EPOCH="1700000000",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    stamp = written(healthy)
    identity = loradiag.fingerprint(BASE)
    weights = (healthy / "adapter_model.safetensors").read_bytes()
    assert stamp["created"] == "2023-11-14T22:13:20Z"
    assert stamp["tool"]["name"] == "loradiag"
    assert stamp["adapter"] == {"sha256": hashlib.sha256(weights).hexdigest(), "files": ["adapter_model.safetensors"]}
    assert stamp["base"] == {
        "name": str(BASE), "revision": None, "fingerprint": identity.sampled, "fingerprint_full": identity.full,
        "parts": identity.parts, "tensors": 39,
    }  # fmt: skip
    assert stamp["data"] == {"sha256": hashlib.sha256(data.read_bytes()).hexdigest(), "file": "train.jsonl"}
    assert stamp["hyperparameters"] == {
        "peft_type": "LORA", "r": "eight", "lora_alpha": "16", "lora_dropout": "0", "seed": "7",
        "target_modules": "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj",
    }  # fmt: skip
    assert (stamp["evaluation"], stamp["owner"], stamp["notes"]) == ({"arc": 0.5, "mmlu": 0.001}, "Ada", "a=b")
    for words in ("written", "train.jsonl", "Ada", "0.5", str(identity.full)):
        assert words in done.stdout
    assert "not said" not in done.stdout


def test_inspect_reads_it(healthy: Path) -> None:
    """Under measurements, and no finding but that it says little."""
    run("stamp", healthy, "--base", BASE)
    report = loradiag.inspect(healthy)
    assert report.measurements.provenance is not None
    assert report.measurements.provenance.weights_match is True
    found = {finding.code for finding in report.findings}
    assert "LD514" in found
    assert not found & {"LD509", "LD510", "LD513"}


def test_a_trainers_state_is_read(tmp_path: Path) -> None:
    """Steps, epochs, batch size and the highest learning rate logged."""
    adapter = Path(shutil.copytree(FIXTURES / "adapters" / "series" / "checkpoint-30", tmp_path / "c"))
    run("stamp", adapter, "--base", BASE, "--fast", "--hyperparameter", "steps=31")
    found = written(adapter)["hyperparameters"]
    assert {key: found[key] for key in ("epochs", "batch_size", "steps", "learning_rate")} == {
        "epochs": "3", "batch_size": "16", "steps": "31", "learning_rate": "0.003",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ('{"global_step": 5, "log_history": [{"learning_rate": 0.1, "loss": NaN}, {"learning_rate": NaN}]}',
         {"steps": "5", "learning_rate": "0.1"}),
        ('{"global_step": "x", "num_train_epochs": null, "log_history": {"a": 1}}', {}),
        ('{"global_step": true, "log_history": [1, {"learning_rate": "1"}, {"learning_rate": 1e999}]}', {}),
        ("{", {}),
        ("[]", {}),
        ("[" * 100_000, {}),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_another_programs_file_is_taken_as_it_is(healthy: Path, state: str, expected: dict[str, str]) -> None:
    """NaN of a run that diverged, other types, and what is no JSON."""
    (healthy / "trainer_state.json").write_text(state)
    loradiag.stamp(healthy, BASE, fast=True)
    found = written(healthy)["hyperparameters"]
    assert {key: found[key] for key in found if key in ("epochs", "batch_size", "steps", "learning_rate")} == expected


def test_a_pipe_by_the_name_of_a_log_is_left_alone(healthy: Path) -> None:
    """Nobody writes into it, and nobody waits for that."""
    (healthy / "trainer_state.json").unlink(missing_ok=True)
    os.mkfifo(healthy / "trainer_state.json")
    assert run("stamp", healthy, "--base", BASE, "--fast").returncode == 0
    assert "steps" not in written(healthy)["hyperparameters"]


def test_an_adapter_without_a_configuration(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """A single file of no usual name has a stamp of its own beside it; its rank is told by its shapes."""
    base = write_base(tmp_path / "base")
    file = tmp_path / "style.safetensors"
    write_safetensors(file, peft_arrays())
    done = run("stamp", file, "--base", base)
    assert done.returncode == 0
    assert read_stamp(tmp_path / "style.loradiag-stamp.json").hyperparameters == {"r": "8"}


def test_a_directory_of_data(healthy: Path, tmp_path: Path) -> None:
    """The hash of what sha256sum prints for its files, in the order of their names."""
    data = tmp_path / "data"
    for name in ("b.txt", "a/z.txt", "a.txt", ".hidden"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(name)
    (data / "circle").symlink_to(data)
    loradiag.stamp(healthy, BASE, data=data, fast=True)
    printed = subprocess.run(
        "find -type f -printf '%P\\n' | LC_ALL=C sort | xargs sha256sum | sha256sum",
        shell=True, cwd=data, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert written(healthy)["data"] == {"sha256": printed.split()[0], "file": "data/"}


def test_data_that_cannot_be_hashed(healthy: Path, tmp_path: Path) -> None:
    """Missing, empty, a pipe, a broken link: refused, and nothing is written."""
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "broken").symlink_to(tmp_path / "nowhere")
    for name in ("none\x1b[31m", "empty", "pipe", "links"):
        assert "data" in refused(3, healthy, "--base", BASE, "--data", tmp_path / name)
    assert not (healthy / "loradiag-stamp.json").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--base"),
        (["--base", BASE, "--hyperparameter", "lr"], "NAME=VALUE"),
        (["--base", BASE, "--hyperparameter", "=1"], "NAME=VALUE"),
        (["--base", BASE, "--evaluation", "x\x1b=a lot"], "is no number"),
        (["--base", BASE, "--evaluation", "x=nan"], "finite"),
        (["--base", BASE, "--evaluation", "x=inf"], "finite"),
        (["--base", BASE, "--data-hash", "abc"], "64 hexadecimal"),
        (["--base", BASE, "--data-hash", "g" * 64], "64 hexadecimal"),
        (["--base", BASE, "--data-hash", "a" * 64, "--data", "x"], "leave one"),
        (["--base", BASE, "--owner", "x" * 20_001], "too long"),
        (["--base", BASE, "--owner", b"\xff"], "Unicode"),
        (["--update"], "nothing to add to"),
    ],
    ids=str,
)
def test_wrong_usage(arguments: list[Any], says: str, healthy: Path) -> None:
    """One line, exit 2, and nothing is written."""
    words = [os.fsdecode(word) for word in arguments]
    assert says in refused(2, healthy, *words)
    assert not (healthy / "loradiag-stamp.json").exists()


def test_a_hash_may_be_given_in_capitals(healthy: Path) -> None:
    """As some tools print it."""
    loradiag.stamp(healthy, BASE, data_hash="AB" * 32, fast=True)
    assert written(healthy)["data"] == {"sha256": "ab" * 32, "file": None}


def test_what_does_not_fit_is_refused(healthy: Path, tmp_path: Path) -> None:
    """By name and by shape, with an example; not even by force."""
    other = {"model.layers.0.other.weight": stored(__import__("numpy").zeros((2, 2), "<f4"))}
    by_name = refused(3, healthy, "--base", write_base(tmp_path / "name", other), "--force")
    assert "none of its 28 modules" in by_name
    assert 'no weight for "model.layers.0.' in by_name
    by_shape = refused(3, healthy, "--base", write_base(tmp_path / "shape", base_tensors()))
    assert "in the adapter and [32, 48] in the base" in by_shape
    assert not (healthy / "loradiag-stamp.json").exists()


def test_what_fits_in_part_is_told(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """A warning on standard error, and the stamp."""
    adapter = make_adapter(peft_arrays(layers=6))
    done = run("stamp", adapter, "--base", write_base(tmp_path / "base"))
    assert done.returncode == 0
    assert "4 of 12 modules do not fit the base" in done.stderr
    assert "model.layers.4" in done.stderr
    assert (adapter / "loradiag-stamp.json").exists()


def test_what_cannot_be_compared_is_told(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Packed weights have names but no shapes to compare."""
    numpy = __import__("numpy")
    packed = {
        name.replace(".weight", ".qweight"): stored(numpy.zeros((4, 4), "<i4"))
        for name in base_tensors()
        if "proj" in name
    }
    done = run("stamp", make_adapter(), "--base", write_base(tmp_path / "base", packed))
    assert done.returncode == 0
    assert "could be compared" in done.stderr


def test_the_same_again_is_left_alone(healthy: Path) -> None:
    """Not even its time changes; a fast second time does not forget what the first one knew."""
    run("stamp", healthy, "--base", BASE, SOURCE_DATE_EPOCH="1700000000")
    before = (healthy / "loradiag-stamp.json").read_bytes()
    for arguments in ((), ("--fast",), ("--force",)):
        done = run("stamp", healthy, "--base", BASE, *arguments, LORADIAG_CACHE=str(healthy.parent / "none"))
        assert done.returncode == 0
        assert "unchanged" in done.stdout
        assert (healthy / "loradiag-stamp.json").read_bytes() == before


def test_another_content_needs_force(healthy: Path) -> None:
    """What differs is named."""
    run("stamp", healthy, "--base", BASE, "--owner", "Ada", "--evaluation", "x=1")
    before = (healthy / "loradiag-stamp.json").read_bytes()
    said = refused(2, healthy, "--base", BASE, "--owner", "Grace")
    assert "(evaluation, owner)" in said
    assert "--force" in said
    assert (healthy / "loradiag-stamp.json").read_bytes() == before
    assert run("stamp", healthy, "--base", BASE, "--owner", "Grace", "--force").returncode == 0
    assert (written(healthy)["owner"], written(healthy)["evaluation"]) == ("Grace", {})


def test_update_adds_without_the_base(healthy: Path, tmp_path: Path) -> None:
    """What is not said stays; what is said is added or replaced; the base is not looked at."""
    run("stamp", healthy, "--base", BASE, "--owner", "Ada", "--evaluation", "a=1", SOURCE_DATE_EPOCH="1700000000")
    before = written(healthy)
    done = run(
        "stamp", healthy, "--update", "--evaluation", "a=2", "--evaluation", "b=3", "--hyperparameter", "seed=1",
        SOURCE_DATE_EPOCH="1700000060",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    after = written(healthy)
    assert after == {
        **before,
        "updated": "2023-11-14T22:14:20Z",
        "evaluation": {"a": 2.0, "b": 3.0},
        "hyperparameters": {**before["hyperparameters"], "seed": "1"},
    }
    assert "unchanged" in run("stamp", healthy, "--update", "--evaluation", "a=2").stdout


def test_update_does_not_vouch_for_other_weights_or_another_base(healthy: Path, tmp_path: Path) -> None:
    """Both are refused; another base of the same names needs force."""
    run("stamp", healthy, "--base", BASE)
    other = Path(shutil.copytree(BASE, tmp_path / "other"))
    shard = other / "model-00002-of-00002.safetensors"
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    assert "another base" in refused(2, healthy, "--update", "--base", other)
    assert run("stamp", healthy, "--update", "--base", other, "--force").returncode == 0
    assert written(healthy)["base"]["name"] == str(other)
    shutil.copy(FIXTURES / "adapters" / "healthy_seed2" / "adapter_model.safetensors", healthy)
    assert "other weights" in refused(2, healthy, "--update", "--owner", "x")


def test_a_stamp_that_cannot_be_read(healthy: Path) -> None:
    """Neither replaced nor added to in silence; --force replaces it."""
    (healthy / "loradiag-stamp.json").write_text("{")
    assert "is not JSON" in refused(3, healthy, "--base", BASE)
    assert "is not JSON" in refused(3, healthy, "--update", "--owner", "x", "--force")
    assert run("stamp", healthy, "--base", BASE, "--force", "-q").stdout == ""
    assert written(healthy)["stamp_version"] == "1.0"


def test_json(healthy: Path) -> None:
    """The path, the stamp, and whether it was written."""
    found = json.loads(run("stamp", healthy, "--base", BASE, "--format", "json").stdout)
    assert found["written"] is True
    assert found["path"] == str(healthy / "loradiag-stamp.json")
    assert found["stamp"] == written(healthy)


def test_what_was_said_is_shown_escaped(healthy: Path) -> None:
    """A stamp's text is anybody's."""
    done = run("stamp", healthy, "--base", BASE, "--owner", "\x1b[31mred\u202e", "--notes", "\x07")
    assert done.returncode == 0
    assert not set("\x1b\x07\u202e") & set(done.stdout)
    assert written(healthy)["owner"] == "\x1b[31mred\u202e"


@pytest.mark.parametrize("what", ["adapter", "base", "series"])
def test_what_cannot_be_read(what: str, healthy: Path, tmp_path: Path) -> None:
    """A damaged adapter, a missing base, several adapters: one line and exit 3."""
    adapter, base = healthy, BASE
    if what == "adapter":
        (healthy / "adapter_model.safetensors").write_bytes(b"x")
    elif what == "base":
        base = tmp_path / "none"
    else:
        adapter = FIXTURES / "adapters" / "series"
    refused(3, adapter, "--base", base)


def test_a_directory_that_cannot_be_written(healthy: Path) -> None:
    """As root nothing is forbidden, so the stamp's place is taken by a directory."""
    (healthy / "loradiag-stamp.json").mkdir()
    assert "loradiag-stamp.json" in refused(3, healthy, "--base", BASE)
    assert "cannot be written" in refused(2, healthy, "--base", BASE, "--force")


def test_a_pickled_adapter_needs_leave(tmp_path: Path) -> None:
    """As everywhere."""
    (tmp_path / "adapter_model.bin").write_bytes(b"\x80\x02}q\x00.")
    assert "allow-pickle" in run("stamp", tmp_path, "--base", BASE).stderr

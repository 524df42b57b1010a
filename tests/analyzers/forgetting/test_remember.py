"""Answers that were given once: files that are whole or not there, whoever writes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loradiag.analyzers.forgetting.remember import ADAPTERS, BASES, Memory, versions
from loradiag.models.harness.answers import Scored
from tests.analyzers.forgetting.answering import PPL, scored
from tests.conftest import ROOT

ANSWERS = scored([1.0, 0.0, 1.0], prompt=["a", "b", "\x1b ü"], choices=[4, 4, None])
ABOUT = {"task": "task", "documents": "3"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for every test."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def memory(kind: str = BASES, enabled: bool = True, **identity: Any) -> Memory:
    """Of a model."""
    return Memory(kind, {"base": "b", **identity}, {"base": "name"}, enabled=enabled)


def file_in(cache: Path, kind: str = BASES) -> Path:
    """The only entry."""
    (file,) = (cache / kind).iterdir()
    return file


def test_what_was_written_is_read() -> None:
    """By any process that asks the same of the same model."""
    memory().write("question", ANSWERS, ABOUT)
    assert memory().read("question", Scored) == ANSWERS
    pairs = scored([[-1.5, 3.0], [-0.1, 7.0]], PPL)
    memory().write("other", pairs, ABOUT)
    assert memory().read("other", Scored) == pairs


def test_everything_else_is_not_known() -> None:
    """Another question, another model, another kind."""
    memory().write("question", ANSWERS, ABOUT)
    assert memory().read("question ", Scored) is None
    assert memory(base="c").read("question", Scored) is None
    assert memory(more=None).read("question", Scored) is None
    assert memory(ADAPTERS).read("question", Scored) is None
    assert memory(base=["b"]).read("question", Scored) is None


def test_the_order_of_an_identity_does_not_matter() -> None:
    """Its parts do."""
    Memory(BASES, {"x": 1, "y": {"a": 1, "b": 2}}, {}, enabled=True).write("question", ANSWERS, ABOUT)
    assert Memory(BASES, {"y": {"b": 2, "a": 1}, "x": 1}, {}, enabled=True).read("question", Scored) == ANSWERS


def test_an_entry_says_what_it_is(cache: Path) -> None:
    """In words, for whoever looks."""
    memory().write("question", ANSWERS, ABOUT)
    assert json.loads(file_in(cache).read_text())["about"] == {"base": "name", "task": "task", "documents": "3"}


def test_nothing_is_remembered_where_it_is_turned_off(cache: Path) -> None:
    """Neither read nor written."""
    memory().write("question", ANSWERS, ABOUT)
    assert memory(enabled=False).read("question", Scored) is None
    memory(enabled=False).write("other", ANSWERS, ABOUT)
    assert len(list((cache / BASES).iterdir())) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"null",
        b"\xff\xfe",
        b'{"about": {}, "scored": {"task": "t"}}',
        b'{"about": 1, "scored": 2}',
    ],
)
def test_files_of_others(cache: Path, content: bytes) -> None:
    """Cut short, or something else: asked again, and then replaced."""
    memory().write("question", ANSWERS, ABOUT)
    file_in(cache).write_bytes(content)
    assert memory().read("question", Scored) is None
    memory().write("question", ANSWERS, ABOUT)
    assert memory().read("question", Scored) == ANSWERS


@pytest.mark.parametrize("part", [0.2, 0.5, 0.99])
def test_files_that_were_cut(cache: Path, part: float) -> None:
    """Anywhere."""
    memory().write("question", ANSWERS, ABOUT)
    data = file_in(cache).read_bytes()
    file_in(cache).write_bytes(data[: int(part * len(data))])
    assert memory().read("question", Scored) is None


@pytest.mark.parametrize(
    "values", [[float("nan")], [float("inf")], [(1.0, 2.0)], [{1.5, 2.5}], [object()], [[1.0, float("-inf")]]]
)
def test_values_that_json_does_not_hold(cache: Path, values: list[Any]) -> None:
    """Are not remembered: what comes back would be another thing."""
    memory().write("question", scored(values), ABOUT)
    assert memory().read("question", Scored) is None
    assert list((cache / BASES).iterdir()) == []


@pytest.mark.parametrize("where", ["a file", "a file in between"])
def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Is no error."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "file" / ("x" if where != "a file" else "")))
    memory().write("question", ANSWERS, ABOUT)
    assert memory().read("question", Scored) is None
    memory().forget(["question"])


def test_an_entry_that_is_a_directory(cache: Path) -> None:
    """Cannot be read, replaced or dropped."""
    memory().write("question", ANSWERS, ABOUT)
    file = file_in(cache)
    file.unlink()
    file.mkdir()
    memory().write("question", ANSWERS, ABOUT)
    assert memory().read("question", Scored) is None
    memory().forget(["question"])


def test_forgetting_answers(cache: Path) -> None:
    """Those that are named, of this model."""
    for identity in ("b", "c"):
        for question in ("one", "two"):
            memory(base=identity).write(question, ANSWERS, ABOUT)
    memory().forget(["one", "never asked"])
    known = [memory(base=base).read(name, Scored) is not None for base in ("b", "c") for name in ("one", "two")]
    assert known == [False, True, True, True]


WRITER = """
import sys
from loradiag.analyzers.forgetting.remember import BASES, Memory
from tests.analyzers.forgetting.answering import scored
memory = Memory(BASES, {"base": "b"}, {}, enabled=True)
answers = scored([float(sys.argv[1])] * 5000)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(20):
    memory.write("question", answers, {})
"""


def test_two_processes_that_write_the_same(cache: Path) -> None:
    """Whoever looks meanwhile sees the one or the other, whole."""
    expected = [scored([value] * 5000) for value in (0.0, 1.0)]
    command = [sys.executable, "-c", WRITER]
    processes = [
        subprocess.Popen([*command, value], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for value in "01"
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    seen = []
    while any(process.poll() is None for process in processes):
        seen.append(memory().read("question", Scored))
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0]
    assert all(found is None or found in expected for found in seen)
    first = next((index for index, found in enumerate(seen) if found is not None), len(seen))
    assert all(found is not None for found in seen[first:])
    assert memory().read("question", Scored) in expected
    assert [file.suffix for file in (cache / BASES).iterdir()] == [".json"]


KILLED = """
import os, sys
from loradiag.analyzers.forgetting.remember import BASES, Memory
from tests.analyzers.forgetting.answering import scored
os.replace = lambda *_: os.kill(os.getpid(), 9)
Memory(BASES, {"base": "b"}, {}, enabled=True).write("question", scored([1.0] * 5000), {})
"""


@pytest.mark.parametrize("before", [False, True])
def test_a_process_that_is_killed_while_it_writes(cache: Path, before: bool) -> None:
    """Leaves what was there, and nothing that is taken for an entry; the next one writes it."""
    if before:
        memory().write("question", ANSWERS, ABOUT)
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, env=dict(os.environ), check=False, timeout=60)
    assert done.returncode == -9
    assert memory().read("question", Scored) == (ANSWERS if before else None)
    assert len(list((cache / BASES).glob("*.json"))) == before
    other = scored([0.0])
    memory().write("question", other, ABOUT)
    assert memory().read("question", Scored) == other


def test_an_interrupt_while_it_writes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goes through, and leaves nothing."""

    def stop(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            memory().write("question", ANSWERS, ABOUT)
    assert list((cache / BASES).iterdir()) == []


def test_versions_of_packages() -> None:
    """Of all that answers depend on, None where one is not installed; the same is installed here."""
    import importlib.metadata

    found = versions()
    assert {"torch", "transformers", "tokenizers", "lm-eval", "peft"} <= found.keys()
    for name, version in found.items():
        try:
            assert importlib.metadata.version(name) == version
        except importlib.metadata.PackageNotFoundError:
            assert version is None


def test_answers_of_any_kind() -> None:
    """The type that is read is the one that was written."""

    class Heard(msgspec.Struct):
        words: list[str]

    memory().write("question", Heard(["a"]), ABOUT)
    assert memory().read("question", Heard) == Heard(["a"])
    assert memory().read("question", Scored) is None

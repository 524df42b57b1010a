"""Stamps as files: where they lie, what is read from them, what is refused, and that none is ever half written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.adapters.locate import stamp_path
from loradiag.adapters.opening import open_adapter
from loradiag.adapters.stamps import (
    MAX_STAMP,
    Stamp,
    StampedAdapter,
    StampedBase,
    StampedData,
    read_stamp,
    write_stamp,
)
from loradiag.core.errors import InputError, UsageError
from loradiag.core.report import Tool
from tests.adapters.checks import assert_plain
from tests.conftest import FIXTURES, MakeAdapter, peft_arrays, write_safetensors

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
STAMP = Stamp(
    created="2026-01-02T03:04:05Z",
    tool=Tool(version="0.1.0"),
    adapter=StampedAdapter(sha256=A, files=["adapter_model.safetensors"]),
    base=StampedBase("owner/name", "main", B, C, {"lm_head": "0" * 16, "model.layers.0": "1" * 16}, 2),
    data=StampedData(sha256=D, file="train.jsonl"),
    hyperparameters={"r": "8", "learning_rate": "0.0002"},
    evaluation={"arc_easy": 0.71},
    owner="Müller \u202e",
    notes="two\nlines",
)


def document(**changes: Any) -> dict[str, Any]:
    """The stamp as JSON holds it, with changes; None takes a key away."""
    whole = {**json.loads(json.dumps(msgspec.to_builtins(STAMP))), **changes}
    return {key: value for key, value in whole.items() if value is not ...}


def refused(path: Path, *says: str) -> None:
    """Reading fails in one plain line."""
    with pytest.raises(InputError) as caught:
        read_stamp(path)
    assert_plain(caught.value)
    for words in says:
        assert words in str(caught.value)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Every field; the file is plain ASCII, so that no terminal is fooled by it."""
    path = tmp_path / "loradiag-stamp.json"
    write_stamp(path, STAMP)
    assert read_stamp(path) == STAMP
    assert path.read_bytes().isascii()
    assert [file.name for file in tmp_path.iterdir()] == ["loradiag-stamp.json"]


@settings(max_examples=60, deadline=None)
@given(
    texts=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
    numbers=st.dictionaries(st.text(max_size=8), st.floats(allow_nan=False, allow_infinity=False), max_size=3),
)
def test_any_text_and_number_survives(texts: dict[str, str], numbers: dict[str, float], tmp_path_factory: Any) -> None:
    """What people write comes back as they wrote it."""
    path = tmp_path_factory.mktemp("s") / "s.json"
    stamp = msgspec.structs.replace(STAMP, hyperparameters=texts, evaluation=numbers)
    write_stamp(path, stamp)
    assert read_stamp(path) == stamp


def test_where_it_lies(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """By the weights alone: naming the directory and naming the file lead to the same place."""
    folder = make_adapter()
    for path in (folder, folder / "adapter_model.safetensors"):
        assert stamp_path(open_adapter(path).weights) == folder / "loradiag-stamp.json"
    write_safetensors(tmp_path / "style.v2.safetensors", peft_arrays())
    single = open_adapter(tmp_path / "style.v2.safetensors")
    assert stamp_path(single.weights) == tmp_path / "style.v2.loradiag-stamp.json"
    odd = make_adapter(name="odd")
    (odd / "adapter_model.safetensors").rename(odd / "mine.safetensors")
    for path in (odd, odd / "mine.safetensors"):
        assert stamp_path(open_adapter(path).weights) == odd / "mine.loradiag-stamp.json"
    assert stamp_path(open_adapter(FIXTURES / "adapters" / "sharded").weights).name == "loradiag-stamp.json"


def test_a_stamp_is_no_part_of_the_adapter(make_adapter: MakeAdapter) -> None:
    """The adapter beside it opens as before."""
    folder = make_adapter()
    before = open_adapter(folder)
    write_stamp(stamp_path(before.weights), STAMP)
    after = open_adapter(folder)
    assert (after.weights, after.other_weights) == (before.weights, before.other_weights)


def test_unknown_keys_are_left_out(tmp_path: Path) -> None:
    """A stamp of a later 1.x is read, at every level."""
    path = tmp_path / "s.json"
    later = document(stamp_version="1.7", signature={"x": [1]}, base={**document()["base"], "mirror": "x"})
    path.write_text(json.dumps(later))
    assert read_stamp(path) == msgspec.structs.replace(STAMP, stamp_version="1.7")


def test_the_least_stamp(tmp_path: Path) -> None:
    """Data, hyperparameters, evaluation, owner and notes may be left out."""
    path = tmp_path / "s.json"
    path.write_text(
        json.dumps({key: document()[key] for key in ("stamp_version", "created", "tool", "adapter", "base")})
    )
    least = read_stamp(path)
    assert (least.data, least.hyperparameters, least.evaluation, least.owner) == (None, {}, {}, None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stamp_version": ...}, "no stamp_version"),
        ({"stamp_version": 1}, "no stamp_version"),
        ({"stamp_version": "2.0"}, "version 2.0"),
        ({"stamp_version": "\x1b[31m"}, "version \\x1b[31m"),
        ({"created": 5}, "expected str, got int at created"),
        ({"owner": ["x"]}, "owner"),
        ({"adapter": ...}, "adapter"),
        ({"adapter": {"sha256": "abc", "files": []}}, "64 hexadecimal digits at adapter.sha256"),
        ({"adapter": {"sha256": A + "\n", "files": []}}, "adapter.sha256"),
        ({"adapter": {"sha256": A.upper(), "files": []}}, "adapter.sha256"),
        ({"base": {"name": "x"}}, "base"),
        ({"base": None}, "base"),
        ({"data": {"sha256": None}}, "data.sha256"),
        ({"evaluation": {"x": "0.5"}}, "expected float, got str at evaluation"),
        ({"evaluation": {"x": True}}, "evaluation"),
        ({"evaluation": [0.5]}, "evaluation"),
        ({"evaluation": {"x": 10**400}}, "evaluation"),
        ({"hyperparameters": {"r": 8}}, "hyperparameters"),
        ({"notes": "x" * 20_001}, "notes"),
        ({"notes": "\ud800"}, "no Unicode"),
        ({"hyperparameters": {"\udcff": "x"}}, "no Unicode"),
    ],
    ids=lambda value: str(value)[:40].encode("unicode_escape").decode(),
)
def test_refused_content(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    """Wrong types are named by their place, never by text of the file as it is."""
    path = tmp_path / "s.json"
    path.write_text(json.dumps(document(**changes)))
    refused(path, says, "loradiag stamp --force")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[]", "no stamp_version"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"stamp_version": "1.0", "stamp_version": "1.0"}', 'two entries called "stamp_version"'),
        (b'{"stamp_version": NaN}', "is not JSON"),
        (b" " * (MAX_STAMP + 1), "larger than"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refused_files(data: bytes, says: str, tmp_path: Path) -> None:
    """What is no JSON, or too large to be looked at."""
    path = tmp_path / "s.json"
    path.write_bytes(data)
    refused(path, says)


def test_an_infinite_result(tmp_path: Path) -> None:
    """1e999 is JSON, and no number that could be compared."""
    path = tmp_path / "s.json"
    path.write_text(json.dumps(document()).replace("0.71", "1e999"))
    refused(path, "infinite")


def test_what_is_no_file(tmp_path: Path) -> None:
    """A directory, a link that leads nowhere, and nothing."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("folder", "link", "none"):
        refused(tmp_path / name, "no regular file")


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """One line about the file."""
    with pytest.raises(UsageError, match="cannot be written"):
        write_stamp(tmp_path / "none" / "s.json", STAMP)


def test_killed_in_the_middle_of_writing(tmp_path: Path) -> None:
    """A process that writes without pause is killed at any moment: the stamp is one of those that it wrote, whole."""
    path = tmp_path / "s.json"
    write_stamp(path, STAMP)
    script = (
        "import sys, msgspec; from pathlib import Path\n"
        "from loradiag.adapters.stamps import read_stamp, write_stamp\n"
        "path = Path(sys.argv[1]); stamp = read_stamp(path)\n"
        "print('ready', flush=True)\n"
        "for number in range(10**9): write_stamp(path, msgspec.structs.replace(stamp, notes=str(number) * 2000))"
    )
    notes = set()
    for attempt in range(6):
        process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        before = read_stamp(path).notes
        while read_stamp(path).notes == before:
            pass
        deadline = time.monotonic() + 0.013 * attempt
        while time.monotonic() < deadline:
            notes.add(read_stamp(path).notes)  # a reader meanwhile never sees half of one either
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        notes.add(read_stamp(path).notes)
    assert STAMP.notes not in notes
    assert all(note and len(note) % 2000 == 0 for note in notes)

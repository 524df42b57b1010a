"""``loradiag fingerprint`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import loradiag
from tests.bases.making import base_tensors, write_base, write_shards
from tests.cli.test_cli import run
from tests.conftest import FIXTURES


def test_text(tmp_path: Path) -> None:
    """Name, size, both identities and the parts; nothing on standard error."""
    base = write_base(tmp_path / "base")
    found = loradiag.fingerprint(base)
    assert found.full is not None
    done = run("fingerprint", base)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("11 tensors", "64.7 kB in 1 file", found.full, found.sampled, "model.layers.3", "lm_head"):
        assert words in done.stdout
    assert "\x1b" not in done.stdout
    assert "\x1b[1m" in run("fingerprint", base, "--color", "always").stdout


def test_fast_says_what_a_sample_can_miss(tmp_path: Path) -> None:
    """No full identity, and the limits of a sample."""
    done = run("fingerprint", write_base(tmp_path / "base"), "--fast")
    assert done.returncode == 0
    assert "not computed" in done.stdout
    assert "with a few numbers changed" in " ".join(done.stdout.split())


def test_json_has_every_field(tmp_path: Path) -> None:
    """The names that readers rely on, the same through the function."""
    base = write_shards(tmp_path / "base", base_tensors(), [4])
    done = run("fingerprint", base, "--format", "json")
    found = json.loads(done.stdout)
    assert found.keys() == {"name", "revision", "sampled", "full", "tensors", "bytes", "files", "parts", "scheme"}
    same = loradiag.fingerprint(str(base))
    assert {key: getattr(same, key) for key in found} == found
    assert found["files"] == 2
    assert json.loads(run("fingerprint", base, "--format", "json", "--fast").stdout)["full"] is None


def test_quiet_prints_the_identity_alone(tmp_path: Path) -> None:
    """For scripts."""
    base = write_base(tmp_path / "base")
    found = loradiag.fingerprint(base)
    assert run("fingerprint", base, "-q").stdout == f"{found.full}\n"
    assert run("fingerprint", base, "-q", "--fast").stdout == f"{found.sampled}\n"


def test_many_parts(tmp_path: Path) -> None:
    """A dozen are shown, and how many there are; all with --verbose."""
    base = write_base(tmp_path / "base", base_tensors(layers=20))
    done = run("fingerprint", base, "--fast")
    assert "11 parts more" in done.stdout
    assert "model.layers.19" in run("fingerprint", base, "--fast", "--verbose").stdout


def test_the_second_time_no_byte_is_hashed(tmp_path: Path) -> None:
    """Hashes of files that have been left alone are remembered: --fast then knows the full identity too."""
    cache = str(tmp_path / "cache")
    full = run("fingerprint", FIXTURES / "base", "-q", LORADIAG_CACHE=cache).stdout
    assert run("fingerprint", FIXTURES / "base", "--fast", "-q", LORADIAG_CACHE=cache).stdout == full
    assert len(list((tmp_path / "cache" / "fingerprints").iterdir())) == 2


@pytest.mark.parametrize("what", ["missing", "adapter", "empty"])
def test_what_is_no_base_is_one_line_and_3(what: str, tmp_path: Path) -> None:
    """Nothing on standard output."""
    path = {"missing": tmp_path / "\x1b[31m", "adapter": FIXTURES / "adapters" / "healthy", "empty": tmp_path}[what]
    done = run("fingerprint", path)
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr


def test_names_are_shown_escaped(tmp_path: Path) -> None:
    """Of the base and of its parts, in text and in JSON."""
    tensors = {f"\x1b]0;owned\x07{name}": tensor for name, tensor in base_tensors().items()}
    base = write_base(tmp_path / "b\u202ease", tensors)
    for arguments in ((), ("--format", "json")):
        done = run("fingerprint", base, *arguments)
        assert done.returncode == 0
        assert not set("\x1b\x07\u202e") & set(done.stdout)

"""The identity of content."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from loradiag.core.errors import InputError
from loradiag.storage.hashing import content_sha256


def test_one_file(tmp_path: Path) -> None:
    """One file has the digest of its bytes."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    # The example of FIPS 180-2, appendix B.1.
    assert content_sha256([path]) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is the reference")
def test_several_files(tmp_path: Path) -> None:
    """Several files have the digest of what sha256sum prints for them, in the order of their names."""
    for name in ("b.safetensors", "a.safetensors"):
        (tmp_path / name).write_text(name)
    printed = subprocess.run(
        ["sha256sum", "a.safetensors", "b.safetensors"], cwd=tmp_path, capture_output=True, check=True
    ).stdout
    paths = [tmp_path / "b.safetensors", tmp_path / "a.safetensors"]
    assert content_sha256(paths) == content_sha256(paths[::-1]) == hashlib.sha256(printed).hexdigest()


def test_an_unreadable_file(tmp_path: Path) -> None:
    """A file that vanished is an error about the input."""
    with pytest.raises(InputError, match="cannot be read"):
        content_sha256([tmp_path / "none"])

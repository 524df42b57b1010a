"""Baselines whose files are as their manifest says, and contradict each other."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from loradiag.baselines import manifest as parts
from loradiag.baselines.manifest import File, encode, read_manifest
from loradiag.baselines.reading import open_baseline
from loradiag.core.errors import InputError
from loradiag.storage.hashing import content_sha256
from tests.watching.making import write_baseline


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A small baseline."""
    return write_baseline(tmp_path / "support")


def rewrite(folder: Path, name: str, change: int) -> None:
    """Put a number into an array, and the array's hash into the manifest."""
    array = np.load(folder / name)
    array[-1] = change
    np.save(folder / name, array)
    told = read_manifest(folder)
    file = File(bytes=(folder / name).stat().st_size, sha256=content_sha256([folder / name]))
    (folder / parts.NAME).write_bytes(encode(msgspec.structs.replace(told, files={**told.files, name: file})))


@pytest.mark.parametrize(
    ("name", "change"), [(parts.TOPICS, -1), (parts.TOPICS, 999), (parts.EXAMPLES, -1), (parts.EXAMPLES, 10**6)]
)
def test_numbers_of_what_is_not_there(baseline: Path, name: str, change: int) -> None:
    """A topic, or a reference, that the baseline does not have: one line, and no error later."""
    rewrite(baseline, name, change)
    with pytest.raises(InputError, match=f"{name}: names what the baseline does not have"):
        open_baseline(baseline)


def test_numbers_of_what_is_there(baseline: Path) -> None:
    """The first and the last of each are sound."""
    rewrite(baseline, parts.TOPICS, 0)
    rewrite(baseline, parts.EXAMPLES, open_baseline(baseline).index.shape[0] - 1)
    assert open_baseline(baseline).name == "support"

"""kill -9 where a command opens, renames, makes or removes something: nothing is half there, and the next run does the rest."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from random import Random

import pytest

from tests.faults.commands import MODELS, QUICK, Command, run, run_to

POINTS = int(os.environ.get("LORADIAG_FAULT_POINTS", "2"))
"""Kills of each command; more of them by hand."""
NEVER = 10**9


def _survives(command: Command, tmp_path: Path, seed: str, points: int) -> None:
    """Kill it at some points, drawn by a seed, and hold what the next run leaves against an undisturbed one."""
    alone = tmp_path / "alone"
    alone.mkdir()
    words = command.prepare(alone)
    before = command.left(alone)
    done = run_to(NEVER, words, alone)
    assert done.returncode == 0, done.stderr
    expected = command.left(alone)
    count = int(Path(f"{alone}.points").read_text())
    assert count >= 2
    for point in Random(seed).sample(range(1, count + 1), min(points, count)):
        place = tmp_path / f"killed-at-{point}"
        place.mkdir()
        words = command.prepare(place)
        killed = run_to(point, words, place)
        assert killed.returncode == -signal.SIGKILL, (point, killed.stderr)
        assert _whole(command.left(place), before, expected), point
        again = run(words, place)
        assert again.returncode == 0, (point, again.stderr)
        assert command.left(place) == expected, point


def _whole(left: object, before: object, expected: object) -> bool:
    """Whether what is there is what was, what should be, or some whole parts of it."""
    if left in (before, expected) or not left:
        return True
    if isinstance(left, dict) and isinstance(expected, dict):
        return all(_whole(part, None, expected.get(name)) for name, part in left.items())
    if isinstance(left, list) and isinstance(expected, list):
        return all(part in expected for part in left)
    return isinstance(left, int) and isinstance(expected, int) and left <= expected


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(QUICK))
def test_killed_at_random_points(tmp_path: Path, name: str) -> None:
    """Of what needs no model."""
    _survives(QUICK[name], tmp_path, name, POINTS)


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.parametrize("name", sorted(MODELS))
def test_commands_with_models_killed_at_random_points(tmp_path: Path, name: str) -> None:
    """Of those with encoders and models: what was embedded or answered is not asked again, but the result is the same."""
    _survives(MODELS[name], tmp_path, name, 2)

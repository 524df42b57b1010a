"""What is refused, and that importing the room loads no scipy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from loradiag.core.margins import against_margin, documents_needed, documents_without_flips
from loradiag.statistics.checks import are_same, inside, is_binary, negligible, pair, vector, whole
from loradiag.statistics.corpus import bootstrap_difference
from loradiag.statistics.flips import flips, largest_moves
from loradiag.statistics.holm import holm
from loradiag.statistics.mcnemar import mcnemar
from loradiag.statistics.paired import paired
from loradiag.statistics.power import minimum_detectable
from loradiag.statistics.ratios import bootstrap_ratio
from loradiag.statistics.score import score_interval
from loradiag.statistics.signflips import sign_flip_p

NAN, INF = float("nan"), float("inf")


def nothing(_: Any) -> tuple[float, float]:
    """A metric that nobody should come to ask for."""
    raise AssertionError("called before the arguments were checked")


REFUSED: list[tuple[str, Callable[[], object]]] = [
    ("base has 2 documents and adapter 3", lambda: paired([0, 1], [0, 1, 1])),
    ("adapter: the value of document 1 is not finite", lambda: paired([0, 1], [0, NAN])),
    ("base: the value of document 0 is not finite", lambda: paired([INF, 1], [0, 1])),
    ("base: there are no documents", lambda: paired([], [])),
    ("base: one value a document", lambda: paired([[0, 1]], [[0, 1]])),
    ("base: values must be real numbers", lambda: paired(["yes", "no"], [0, 1])),
    ("nothing but 0 and 1", lambda: paired([0, 0.5], [0, 1], binary=True)),
    ("level must lie between 0 and 1", lambda: paired([0, 1], [0, 1], level=95)),
    ("3 labels for 2 documents", lambda: paired([0, 1], [0, 1], ["a", "b", "c"])),
    ("document 1 has no label", lambda: paired([0, 1], [0, 1], ["a", None])),
    ("document 0 has no label", lambda: paired([0, 1], [0, 1], [NAN, 1.0])),
    ("n must be", lambda: bootstrap_difference(nothing, 0)),
    ("resamples must be", lambda: bootstrap_difference(nothing, 5, resamples=1)),
    ("level must", lambda: bootstrap_difference(nothing, 5, level=1.0)),
    ("2 labels for 5 documents", lambda: bootstrap_difference(nothing, 5, ["a", "b"])),
    ("weights: 2 numbers", lambda: bootstrap_ratio([1, 2], [1, 2], [1, -1])),
    ("weights: 2 numbers", lambda: bootstrap_ratio([1, 2], [1, 2], [0, 0])),
    ("weights: 2 numbers", lambda: bootstrap_ratio([1, 2], [1, 2], [1, 1, 1])),
    ("differences: the value of document 2", lambda: sign_flip_p([1, 2, NAN])),
    ("permutations must be", lambda: sign_flip_p([1, 2], permutations=0)),
    ("lost must be a whole number", lambda: mcnemar(1.5, 2)),  # type: ignore[arg-type]
    ("won must be finite and at least 0", lambda: mcnemar(1, -2)),
    ("3 lost and 3 won of 5", lambda: score_interval(3, 3, 5, 1.96)),
    ("lost must be finite and at least 0", lambda: score_interval(-1, 3, 5, 1.96)),
    ("0 lost and 0 won of 0", lambda: score_interval(0, 0, 0, 1.96)),
    ("error must be", lambda: minimum_detectable(-1.0)),
    ("power must lie", lambda: minimum_detectable(1.0, power=1.0)),
    ("margin must be", lambda: documents_needed(0.0, 1.0, -0.1)),
    ("design_effect must be", lambda: documents_needed(0.0, 1.0, 0.1, design_effect=NAN)),
    ("margin must lie", lambda: documents_without_flips(0.0)),
    ("p_values must lie", lambda: holm([0.5, 1.5])),
    ("margin must be", lambda: against_margin(0.0, 1.0, -0.1)),
    ("the interval from 1.0 to 0.0 is none", lambda: against_margin(1.0, 0.0, 0.1)),
    ("the interval from nan", lambda: against_margin(NAN, 0.0, 0.1)),
    ("nothing but 0 and 1", lambda: flips([0, 0.5], [0, 1])),
    ("count must be a whole number", lambda: largest_moves([0, 1], [0, 1], 1.5)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("line", "call"), REFUSED)
def test_what_cannot_be_meant_is_refused_by_name(line: str, call: Callable[[], object]) -> None:
    """Each argument that is out of range raises a ValueError that names it."""
    with pytest.raises(ValueError, match=line):
        call()


def test_booleans_and_whole_numbers_count() -> None:
    """Metrics come as booleans, integers and narrow floats."""
    for kind in (bool, np.uint8, np.int64, np.float16):
        values = vector(np.array([1, 0, 1], dtype=kind), "base")
        assert values.dtype == np.float64
        assert values.tolist() == [1.0, 0.0, 1.0]
    assert paired([True, False, True], [True, True, False]).difference == 0
    first, second = pair([True], [0.25])
    assert (first.tolist(), second.tolist()) == ([1.0], [0.25])


def test_the_callers_array_is_left_alone() -> None:
    """What comes back is a copy."""
    mine = np.array([1.0, 2.0])
    vector(mine, "base")[0] = 7.0
    assert mine[0] == 1.0


def test_rounding_is_told_from_difference() -> None:
    """.4 − .3 and .8 − .7 differ by 8e-17; two documents that do differ by 1e-9 are not the same."""
    base, adapter = np.array([0.3, 0.7]), np.array([0.4, 0.8])
    assert (adapter - base)[0] != (adapter - base)[1]
    assert negligible(float(np.std(adapter - base)), base, adapter)
    assert not negligible(1e-9, base, adapter)
    assert are_same(np.array([0.1 + 0.2]), np.array([0.3]))
    assert not are_same(base, base + 1e-9)


def test_small_checks() -> None:
    """Ends of the ranges: 0 and 1 are no levels, 2.0 is a whole number."""
    assert is_binary(np.array([0.0, 1.0]), np.array([1.0]))
    assert not is_binary(np.array([0.0, 1.0]), np.array([0.5]))
    assert whole(2.0, 2, "n") == 2
    for value in (0.0, 1.0, NAN):
        with pytest.raises(ValueError, match="level"):
            inside(value, "level")


def test_importing_loads_no_scipy() -> None:
    """scipy.stats alone takes half a second; no module of the room needs it to be imported."""
    names = "checks clusters corpus flips holm mcnemar paired power ratios repeats resampling score signflips"
    code = "".join(f"import loradiag.statistics.{name}\n" for name in names.split())
    done = subprocess.run(
        [sys.executable, "-c", f"{code}import sys\nprint('scipy' in sys.modules, 'numpy' in sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["False", "True"]

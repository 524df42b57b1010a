"""What adapters are to each other is told apart: on the fixtures, and on real adapters where they are."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

import loradiag
from loradiag.core.comparing import ComparedPair, Comparison
from tests.conftest import FIXTURES, SHARED

ADAPTERS = FIXTURES / "adapters"
ZOO = SHARED / "zoo" / "adapters"

ONE_SEED = ("healthy", "no_replay", "undertrained", "over_scaled", "dora", "partly_dead")
ONE_RECIPE = ("healthy", "healthy_seed2", "rslora", "series/checkpoint-180", "over_ranked")


def compared(*paths: Path) -> Comparison:
    """The comparison of some adapters."""
    found = loradiag.compare(paths)[0].measurements.comparison
    assert found is not None
    return found


def relations(root: Path, *names: str) -> dict[tuple[str, str], ComparedPair]:
    """Every pair by its names."""
    found = compared(*(root / name for name in names))
    return {(names[pair.a], names[pair.b]): pair for pair in found.pairs}


def test_checkpoints_of_one_run() -> None:
    """They began from one start, and late ones are nearly one."""
    steps = [f"series/checkpoint-{step}" for step in (30, 60, 90, 120, 150, 180)]
    found = relations(ADAPTERS, *steps)
    assert {pair.relation for pair in found.values()} == {"one-start", "near-duplicate"}
    assert found["series/checkpoint-150", "series/checkpoint-180"].relation == "near-duplicate"
    assert found["series/checkpoint-30", "series/checkpoint-180"].relation == "one-start"


def test_runs_of_one_seed_began_alike() -> None:
    """Whatever else differs in the recipe, and even on other data."""
    found = relations(ADAPTERS, *ONE_SEED)
    assert {pair.relation for pair in found.values()} <= {"one-start", "near-duplicate"}
    other = relations(ADAPTERS, "healthy", "narrow_forgetting")["healthy", "narrow_forgetting"]
    assert other.relation == "one-start"
    assert abs(other.cosine or 1) < 0.05


def test_seeds_of_one_recipe_learned_alike() -> None:
    """From different starts."""
    found = relations(ADAPTERS, *ONE_RECIPE)
    for names in combinations(ONE_RECIPE, 2):
        assert found[names].relation == "alike", names


def test_strangers_are_strangers() -> None:
    """Different seeds on different data."""
    for name in ("healthy_seed2", "rslora", "series/checkpoint-180"):
        assert relations(ADAPTERS, name, "narrow_forgetting")[name, "narrow_forgetting"].relation == "unrelated", name


def test_copies_are_copies() -> None:
    """In other files, in another precision, byte for byte."""
    found = relations(ADAPTERS, "healthy", "bf16", "sharded")
    assert {pair.relation for pair in found.values()} == {"same"}
    assert compared(ADAPTERS / "healthy", ADAPTERS / "healthy").pairs[0].same_file


@pytest.mark.shared
@pytest.mark.skipif(not ZOO.is_dir(), reason="the zoo of adapters is not here")
def test_the_zoo_is_told_apart() -> None:
    """One run; one domain by different recipes; other domains."""
    run = ("math_traj/checkpoint-25", "math_traj/checkpoint-400", "math_traj/checkpoint-800")
    med = ("med_r16", "med_dora", "med_patterns", "med_alpha512", "med_pissa_converted")
    found = relations(ZOO, *run, *med, "bank_r16", "bank_forget", "med_hot")
    for names, pair in found.items():
        inside = [sum(name in group for name in names) for group in (run, med)]
        if inside[0] == 2:
            assert pair.relation in ("one-start", "near-duplicate"), names
        elif inside[1] == 2 and "med_pissa_converted" not in names:
            assert pair.relation == "alike", names
        elif inside[1] < 2:
            assert pair.relation == "unrelated", names


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "wild").is_dir(), reason="adapters of others are not here")
def test_a_public_run_is_one() -> None:
    """Checkpoints of somebody's training of RoBERTa."""
    run = SHARED / "wild" / "roberta-pt-series"
    names = ("checkpoint-500", "checkpoint-2500", "checkpoint-5000", "checkpoint-8610")
    found = relations(run, *names)
    assert {pair.relation for pair in found.values()} <= {"one-start", "near-duplicate"}
    assert found["checkpoint-5000", "checkpoint-8610"].relation == "near-duplicate"

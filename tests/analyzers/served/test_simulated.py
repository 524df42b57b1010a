"""False alarms and faults that are found, over simulated servers; benchmarks/served.py has more of both."""

from __future__ import annotations

import pytest

from loradiag.api.served import PROMPTS
from tests.analyzers.served.simulating import Kind, shares

SOUND = {
    "steady": Kind(),
    "rounds": Kind(noise=0.05, wobble=0.01),
    "rounds much": Kind(noise=0.2, wobble=0.01),
    "rounds, no logprobs": Kind(noise=0.05, logprobs=False),
    "rounds to another's short answers": Kind(noise=0.05, lands=1.0, logprobs=False, short=True),
    "rounds more under load": Kind(noise=0.02, loaded=5, logprobs=False),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_servers_are_seldom_faulted(name: str) -> None:
    """Of 150 at most three, where one and a half are the level; no adapter is taken for the base."""
    besides, loads = shares(SOUND[name], 150)
    assert loads.get("mixed-up", 0.0) + loads.get("changed", 0.0) <= 0.02
    assert besides.get("same", 0.0) == 0.0
    assert besides.get("differs", 0.0) > 0.95


FAULTY = {
    "a twentieth": (Kind(mixed=0.05), 0.95),
    "a twentieth, no logprobs": (Kind(mixed=0.05, logprobs=False), 0.85),
    "a tenth of what rounds": (Kind(mixed=0.1, noise=0.05, wobble=0.01), 0.95),
    "a fifth of short answers": (Kind(mixed=0.2, logprobs=False, short=True), 0.95),
}


@pytest.mark.parametrize("name", FAULTY)
def test_mix_ups_are_found(name: str) -> None:
    """Of 100 servers the share that is promised."""
    kind, least = FAULTY[name]
    assert shares(kind, 100)[1].get("mixed-up", 0.0) >= least


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_silent_adapters_are_found(noise: float) -> None:
    """On servers that repeat themselves, and on those that do not quite."""
    assert shares(Kind(differs=0, shift=0, noise=noise, wobble=noise / 5), 100)[0].get("same", 0.0) >= 0.95


def test_by_texts_alone_few_prompts_decide_nothing() -> None:
    """24 do not; 32, as many as are asked by default, do."""
    assert shares(Kind(differs=0, logprobs=False, prompts=24), 20)[0] == {"undecided": 1.0}
    assert shares(Kind(differs=0, logprobs=False, prompts=PROMPTS), 20)[0] == {"same": 1.0}

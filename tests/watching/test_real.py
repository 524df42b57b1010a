"""The watch on real requests: adapters of seven kinds, asked what they were made for, and then also what they were not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.fleets import HELD_OUT, adapters, contaminated, domains
from benchmarks.watch import episode
from loradiag.embeddings.encoder import load_encoder
from loradiag.watching.episodes import signals, take, together
from tests.conftest import SHARED

pytestmark = [pytest.mark.models, pytest.mark.shared]


@pytest.fixture(scope="module")
def kinds():
    """Real requests as seven kinds of adapters see them."""
    if not (SHARED / "data/traffic").is_dir():
        pytest.skip("the public requests are not here")
    return domains(SHARED / "data/traffic", load_encoder(str(SHARED / "encoder/m2v-bge-64")), 0)


def test_real_requests_alarm_only_once_they_are_contaminated(kinds) -> None:
    """After 2,000 requests without an alarm, 20% out of scope are found within a median of 300."""
    generator = np.random.default_rng(7)
    delays = []
    for adapter in adapters(kinds, 15, generator):
        watched = episode(adapter, 1)
        line = math.log(1 / (0.045 * watched.weight))
        calm = contaminated(adapter, 0.0, 2000, generator)
        take(watched, calm.cosine, calm.topic)
        assert together(signals(watched)) < line
        assert watched.counted == 2000
        delay = 0
        while together(signals(watched)) < line and delay < 3000:
            part = contaminated(adapter, 0.2, 10, generator)
            take(watched, part.cosine, part.topic)
            delay += 10
        delays.append(delay)
    assert np.median(delays) <= 300
    assert max(delays) < 3000


def test_the_kinds_are_what_they_are_said_to_be(kinds) -> None:
    """Held-out and asked requests are real and apart, and what is out of scope is stranger than either."""
    generator = np.random.default_rng(8)
    for adapter in adapters(kinds, 10, generator):
        assert adapter.held.cosine.size == HELD_OUT
        novel = (adapter.asked.cosine < adapter.calibrated.threshold).mean()
        assert 0.01 < novel < 0.12
        assert (adapter.domain.strange.cosine < adapter.calibrated.threshold).mean() > 3 * novel

"""What makes no sense is refused in one line, before any work is done."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import msgspec
import pytest

import loradiag
from loradiag.api.weakening import sweeping
from loradiag.core.errors import UsageError
from tests.conftest import FIXTURES


@pytest.mark.parametrize(
    "word",
    ["rank", "rank:", "rank:0", "rank:2.5", "rank:inf", "rank:nan", "scale:0", "scale:1.5", "scale:inf", "intruders:1", "x:1"],
)  # fmt: skip
def test_weaker_forms_that_are_none(word: str) -> None:
    """A kind that there is, and a number that it can have."""
    with pytest.raises(UsageError, match=r"write scale:0\.5, rank:8 or intruders:0\.75"):
        sweeping([word], {}, ["adapter"], None, allow_pickle=False, force=False)


@pytest.mark.parametrize("every", [0, -1, float("nan"), float("inf"), 1e300])
def test_times_that_nobody_can_wait(every: float, tmp_path: Path) -> None:
    """Longer than a thread can sleep, or no time at all."""
    with pytest.raises(UsageError, match="every: seconds above 0"):
        loradiag.keep_watching(tmp_path, [tmp_path], lambda *_: None, stop=Event(), every=every)


def test_two_reports_of_one_name() -> None:
    """One would be left out, and nobody knows which was meant; the same one twice is one."""
    report = loradiag.inspect(FIXTURES / "adapters" / "healthy")
    other = msgspec.structs.replace(loradiag.inspect(FIXTURES / "adapters" / "untrained"), subject=report.subject)
    with pytest.raises(UsageError, match=r"two are about .*healthy; say whose each is"):
        loradiag.serve_check("no address", reports=[report, other])
    with pytest.raises(UsageError, match="no address"):
        loradiag.serve_check("no address", reports=[report, report])

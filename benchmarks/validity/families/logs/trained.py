"""Runs that were really trained, labelled by the loss on held-out text that their trainer did not see."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator
from typing import Any

from benchmarks.validity.cases import Expected
from benchmarks.validity.families.logs.defects import Case
from benchmarks.validity.families.logs.train import FILE
from benchmarks.validity.families.words import expect

WORSE, SURELY = 0.02, 0.06
"""Nats by which the other half's loss may end above its best, and by which it surely is worse."""


def cases() -> Iterator[Case]:
    """All runs that are kept."""
    for run in json.loads(gzip.decompress(FILE.read_bytes()))["runs"]:
        label, expected = labelled(run)
        yield Case(f"trained: {label}", run["state"], expected, sound=label == "sound")


def labelled(run: dict[str, Any]) -> tuple[str, Expected]:
    """What became of a run, and what that says of rules."""
    plan, losses = run["plan"], [loss for _, loss in run["others"]]
    if plan["event"] == "NaN":
        return "NaN put in", expect("LD902 LD905", "LD901 LD903 LD904 LD906 LD912 LD915")
    if plan["lr"] == 0:
        return "rate zero", expect("LD915")
    if plan["event"] == "leap":
        # Of the losses logged every fourth step one has it; whether it came back, the rest of the run decides.
        return "a leap in the middle", expect(may="LD904 LD903 LD901 LD906 LD912 LD915")
    rise = losses[-1] - min(losses)
    if not all(map(math.isfinite, losses)) or losses[-1] > losses[0] + 0.3:
        return "came apart", expect("LD903", "LD901 LD904 LD906 LD915 LD902 LD905 LD912")
    if rise > SURELY:
        return "overfit", expect("LD901 LD906", "LD903 LD904 LD912 LD915")
    if rise > WORSE or plan["lr"] > 0.02:
        return "nearly overfit, or hot", expect(may="LD901 LD903 LD904 LD906 LD912 LD915")
    return "sound", expect(may="LD912")

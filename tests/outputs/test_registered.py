"""What the registry knows, in every output."""

from __future__ import annotations

import re

import pytest

from loradiag.api.judging import default_policy, judged
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Report, Subject
from loradiag.outputs import FORMATS, renderer
from loradiag.outputs.style import Style
from tests.outputs.samples import HOSTILE, MARKUP, RAW
from tests.rules.registered import known

HASH = "a" * 64


def report(text: str = "ledger team", **changes: object) -> Report:
    """An adapter in the registry of which some text is from strangers."""
    changes = {"owner": text, "tags": [text], "registry": text, "inspection_decided": [text], **changes}
    subject = Subject(path=text, sha256=HASH, base=text, modules=4)
    return judged(subject, Measurements(registered=known(**changes)), Accounting(), default_policy())


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_words(name: str) -> None:
    """No control character and no markup of an owner, a tag or a base gets through; one report or several."""
    for many in (1, 3):
        text = renderer(name)([report(HOSTILE, inspection="fail")] * many, Style(verbose=True))
        assert RAW.search(text) is None
        assert "LD533" in text
        assert name not in MARKUP or "<script>alert" not in text


@pytest.mark.parametrize("name", ["text", "markdown", "html", "junit"])
def test_facts(name: str) -> None:
    """Stage, owner and ages are told, and no spectra are looked for."""
    text = renderer(name)([report()], Style())
    for part in ("live", "ledger team", "3 results, the newest of 2026-10-20", "2026-10-01 to 2026-11-01 in 1 place"):
        assert part in text, part
    assert "LoRA" not in text


@pytest.mark.parametrize("name", ["text", "markdown", "html"])
def test_stages_in_an_overview(name: str) -> None:
    """A word for each of several."""
    text = renderer(name)([report(), report(stage=None)], Style()).partition("<details")[0]
    assert re.search(r"\bstage\b", text)
    assert "no stage" in text

"""The callback's page says what there is."""

from __future__ import annotations

import inspect
import re

import pytest

from loradiag.callbacks.stopping import AFTER_GRACE, AT_ONCE
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "callback.md").read_text(encoding="utf-8")


@pytest.mark.models
def test_every_argument_is_documented_with_its_default() -> None:
    """As the signature has them."""
    from loradiag.callbacks import LoraHealthCallback

    for name, parameter in list(inspect.signature(LoraHealthCallback.__init__).parameters.items())[1:]:
        row = re.search(rf"^\| `{name}` \| (.+?) \|", PAGE, re.MULTILINE)
        assert row, name
        shown = f'"{parameter.default}"' if isinstance(parameter.default, str) else str(parameter.default)
        assert row[1].strip("`") == shown


def test_the_rules_that_may_stop_a_run_are_documented() -> None:
    """All of both tables, and no other as one that may."""
    table = PAGE.partition("## Stopping")[2].partition("| rule |")[2].partition("\n\n")[0]
    assert set(re.findall(r"LD\d{3}", table)) == AT_ONCE.keys() | AFTER_GRACE.keys()

"""The table of independent sources: its quick version agrees in every line, and a line that does not says so."""

from __future__ import annotations

import pytest

from benchmarks.agreement.__main__ import agreements, table
from benchmarks.agreement.rows import Agreement

pytest.importorskip("peft", reason="PEFT is one of the sources")

pytestmark = [pytest.mark.models, pytest.mark.filterwarnings("ignore")]


def test_everything_agrees() -> None:
    """Few cases of everything but lm-eval."""
    rows = list(agreements(quick=True))
    assert len(rows) > 15
    assert [row.quantity for row in rows if not row.holds] == []
    assert all(row.cases for row in rows)


def test_what_does_not_agree_is_told() -> None:
    """A difference above the tolerance."""
    row = Agreement(quantity="a sum", source="by hand", cases=3, difference=0.2, tolerance=0.1)
    assert not row.holds
    assert "**NO**" in table([row])

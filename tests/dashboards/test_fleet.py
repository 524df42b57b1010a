"""The page of the fleet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dashboards.conftest import Show


@pytest.mark.models
def test_the_worst_comes_first(show: Show, made: Path) -> None:
    """An open alarm, then what fails; the metrics count all rows."""
    page = show("fleet", reports=made / "reports", traffic=made / "lake")
    table = page.dataframe[0].value
    order = [row[0].split()[-1] for row in table["state"]]
    assert order[0] == "alarm"
    assert order == sorted(order, key=["alarm", "fail", "open", "look", "sound", "unknown"].index)
    counted = {metric.label.split()[-1]: metric.value for metric in page.metric}
    assert counted["Failing"] == str(order.count("fail"))

"""What reports about endpoints and canaries say of each adapter."""

from __future__ import annotations

import msgspec
import pytest

import loradiag
from loradiag.api import default_policy
from loradiag.core.policy import Ignore
from loradiag.core.report import encode
from loradiag.overview.cards import SERVED_ROW, Card, cards_of
from loradiag.overview.roster import Row, roster
from tests.conftest import FIXTURES
from tests.outputs.test_canary import BACK
from tests.outputs.test_canary import report as of_canary
from tests.rules.served import MIXED, NEVER, OPEN, SILENT, model, report, served


def cards(*models: object, ignored: str | None = None) -> dict[str, Card]:
    """The cards of the adapters behind an endpoint, by name."""
    made = report(served(model("sound"), *models))  # type: ignore[arg-type]
    if ignored:
        policy = msgspec.structs.replace(default_policy(), ignore=[Ignore(code=ignored, reason="known")])
        made = loradiag.judge(made, policy)
    return {card.path: card for card in cards_of(encode(made), "served.json") if card.row >= 0}


def test_each_by_the_findings_that_name_it() -> None:
    """One that fails makes no other fail, and one that is open is no quiet pass because others fail."""
    found = cards(SILENT, MIXED, NEVER, OPEN)
    assert {name: card.verdict for name, card in found.items()} == {
        "sound": "pass",
        "silent": "fail",
        "mixed": "fail",
        "gone": "fail",
        "open": "inconclusive",
    }
    assert {card.kind for card in found.values()} == {SERVED_ROW}
    assert found["silent"].codes == ["LD414"]
    assert found["silent"].words == "serves the base"
    assert found["mixed"].measures == pytest.approx({"changed": 5 / 48, "taken": 5 / 44, "switch": 1.02})
    assert "switch" not in found["gone"].measures


def test_what_the_policy_sets_aside_fails_nobody() -> None:
    """The word of the check stays."""
    card = cards(SILENT, ignored="LD414")["silent"]
    assert (card.verdict, card.words, card.errors) == ("pass", "serves the base", 0)


def test_the_card_of_the_whole_report_says_how_many() -> None:
    """In the words of the overviews of other outputs."""
    [card] = [card for card in cards_of(encode(report(served(model(), SILENT))), "served.json") if card.row < 0]
    assert (card.kind, card.verdict, card.words) == ("serve-check", "fail", "1 of 2 adapters as itself")


def row_of(*found: Card) -> list[Row]:
    """The roster of some cards, the newest first."""
    return roster(sorted(found, key=lambda card: (card.created, card.key), reverse=True))


def test_an_adapter_that_is_served_is_the_one_that_was_inspected() -> None:
    """By its name, where only one is called so; what is wrong with how it is served is its state."""
    inspected = list(cards_of(encode(loradiag.inspect(FIXTURES / "adapters" / "healthy")), "healthy.json"))
    silent = msgspec.structs.replace(SILENT, name="healthy")
    behind = list(cards_of(encode(report(served(silent, MIXED))), "served.json"))
    rows = {row.name: row for row in row_of(*inspected, *behind)}
    assert set(rows) == {"healthy", "mixed"}
    assert set(rows["healthy"].newest) == {"inspect", SERVED_ROW}
    assert (rows["healthy"].state, rows["healthy"].why) == ("fail", "served: serves the base")
    assert rows["mixed"].newest[SERVED_ROW].words == "mixed up with others"


def test_a_canary_keeps_what_it_came_to() -> None:
    """Of which two adapters, and each metric with its interval and margin."""
    made = of_canary(BACK)
    [card] = cards_of(encode(made), "canary.json")
    found = made.measurements.canary
    assert found is not None
    assert card.canary is not None
    assert (card.canary.old, card.canary.decision, card.canary.pairs) == ("v1", "roll back", 900)
    kept = [(row.metric, row.status, row.difference, row.low, row.high, row.margin) for row in card.canary.metrics]
    assert kept == [(row.metric, row.status, row.difference, row.low, row.high, row.margin) for row in found.metrics]

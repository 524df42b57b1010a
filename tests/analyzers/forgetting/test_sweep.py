"""Choosing among weaker forms: on one half of the documents, reported on the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from loradiag.analyzers.forgetting.questions import Questions
from loradiag.analyzers.forgetting.sweep import Heard, Weaker, default_specs, name_of, swept
from loradiag.analyzers.forgetting.wanted import Spec
from loradiag.models.harness.answers import Answer, Metric, Scored
from tests.conftest import FIXTURES

ACC = Metric("acc", "none", True, "mean")
PPL = Metric("perplexity", "none", False, "weighted_perplexity")
LIMITS = {"margin": 0.05, "alpha": 0.05}
N = 400


class Fake:
    """A question of which only the name and the role matter."""

    def __init__(self, name: str, role: Any) -> None:
        self.name, self.role, self.asked = name, role, True

    def aggregate(self, metric: Metric) -> None:
        """No metric needs one."""


QUESTIONS = Questions([Fake("toy", "task"), Fake("domain", "domain")], (), frozenset({"toy"}))  # type: ignore[list-item]


def answers(right: int, nats: float) -> dict[str, Scored]:
    """So many right answers of the toy task, and so many nats for each of 10 tokens of each document of the domain."""
    toy = [Answer(i, f"toy{i}", f"{right}", {"acc,none": float(i < right)}) for i in range(N)]
    text = [Answer(i, f"text{i}", f"{nats}", {"perplexity,none": [-10 * nats, 10.0]}) for i in range(60)]
    return {"toy": Scored("toy", "1", [ACC], toy), "domain": Scored("domain", "1", [PPL], text)}


BASE, WHOLE = answers(N, 5.0), answers(N // 2, 1.0)


def heard(name: str, found: Mapping[str, Scored] | None, reason: str | None = None) -> Heard:
    """A form with its answers."""
    return Heard(Weaker(name, Spec("scale", 0.5), Path("x") if found else None, reason), found)


def sweep(*forms: Heard, limits: Mapping[str, float] = LIMITS) -> Any:
    """Run it."""
    return swept(QUESTIONS, BASE, WHOLE, forms, limits=limits, metrics={}, domain="d.jsonl")


def test_the_form_that_keeps_most_within_the_margin_is_chosen() -> None:
    """Not the one that keeps more and loses too much, nor the one that loses nothing and keeps less."""
    found = sweep(
        heard("gentle", answers(N, 4.0)), heard("good", answers(N - 8, 3.0)), heard("harsh", answers(N - 60, 1.5))
    )
    assert found.chosen == "good"
    assert found.margin == 0.05
    rows = {row.name: row for row in found.candidates}
    assert list(rows) == ["base", "gentle", "good", "harsh", "adapter"]
    assert rows["good"].kept_report == pytest.approx(0.5)  # (5 − 3)/(5 − 1)
    assert rows["good"].domain_report == pytest.approx(math.exp(3.0))
    assert rows["adapter"].kept_report == pytest.approx(1.0)
    assert rows["base"].kept_report == 0


def test_the_halves_are_disjoint_and_make_the_whole() -> None:
    """Losses on both, weighted by their sizes, are the loss on all documents."""
    found = sweep(heard("form", answers(N - 40, 3.0)))
    assert found.documents_choose + found.documents_report == N
    assert min(found.documents_choose, found.documents_report) > N / 3
    row = next(row for row in found.candidates if row.name == "form")
    lost = row.loss_choose * found.documents_choose + row.loss_report * found.documents_report
    assert lost == pytest.approx(40)


def test_nothing_is_chosen_where_all_lose_too_much() -> None:
    """The base itself is no choice."""
    assert sweep(heard("harsh", answers(N // 2, 1.5))).chosen is None


def test_the_whole_adapter_is_chosen_where_it_is_within_the_margin() -> None:
    """Then there is nothing to weaken."""
    assert sweep(heard("gentle", answers(N, 4.0)), limits={"margin": 0.6}).chosen == "adapter"


def test_a_margin_of_a_task_counts() -> None:
    """``margin.toy`` in place of the common one."""
    form = heard("form", answers(N - 60, 2.0))
    assert sweep(form).chosen is None
    assert sweep(form, limits={**LIMITS, "margin.toy": 0.25}).chosen == "form"


def test_a_form_that_could_not_be_made_says_why() -> None:
    """It stays in the table, without numbers."""
    found = sweep(heard("broken", None, "DoRA's magnitudes are not scaled"))
    row = next(row for row in found.candidates if row.name == "broken")
    assert (row.reason, row.kept_report, row.loss_report) == ("DoRA's magnitudes are not scaled", None, None)


def test_an_adapter_that_learned_nothing_has_no_share_that_is_kept() -> None:
    """And nothing is chosen."""
    found = swept(
        QUESTIONS, BASE, answers(N // 2, 6.0), [heard("x", answers(N, 5.5))], limits=LIMITS, metrics={}, domain=""
    )
    assert found.chosen is None
    assert all(row.kept_report is None for row in found.candidates)


def test_the_grid_suits_the_adapter() -> None:
    """Half and a quarter of its rank; intruder dimensions where singular vectors are cheap."""
    from loradiag.adapters.opening import open_adapter

    adapter = open_adapter(FIXTURES / "adapters" / "healthy")
    rank = max(module.rank for module in adapter.modules)
    names = [name_of(spec) for spec in default_specs(adapter, 96, "cpu")]
    assert names[:3] == ["scale 0.25", "scale 0.5", "scale 0.75"]
    assert f"rank {rank // 2}" in names
    assert names[-1] == "intruders 0.75"
    assert "intruders 0.75" not in [name_of(spec) for spec in default_specs(adapter, 4096, "cpu")]
    assert "intruders 0.75" in [name_of(spec) for spec in default_specs(adapter, 4096, "cuda")]

"""Metrics as Prometheus reads them."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from loradiag.core.watching import WatchTotals
from loradiag.watching.metrics import Metrics
from tests.rules.watching import alarm, watch


def totals(**changes: Any) -> WatchTotals:
    """A watch that has counted something."""
    fields: dict[str, Any] = {
        "started": "2026-11-01T00:00:00Z",
        "polled": "2026-11-20T10:00:00Z",
        "seconds": 1.5,
        "behind": 3.0,
        "polls": 12,
        "requests": 1500,
        "unattributed": 20,
        "unwatched": 30,
        "late": 4,
        "flawed_files": 2,
        "alpha": 0.05,
        "budget_left": 0.5,
    }
    return WatchTotals(**{**fields, **changes})


def read(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample, by its name and labels."""
    text = metrics.text()[0].decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(found: dict[Any, float], name: str, **labels: str) -> float:
    """One sample."""
    return found[(name, tuple(sorted(labels.items())))]


def test_everything_that_is_known_is_exposed() -> None:
    """Totals, the adapter's evidence and line, each signal, and alarms."""
    metrics = Metrics()
    metrics.update(totals(), [watch(alarm(), alarm(id=4, signal="mix", status="acknowledged"))])
    found = read(metrics)
    assert of(found, "loradiag_requests_total", adapter="support") == 1500
    assert of(found, "loradiag_logged_requests_total") == 1500
    assert of(found, "loradiag_unattributed_requests_total") == 20
    assert of(found, "loradiag_unwatched_requests_total") == 30
    assert of(found, "loradiag_late_requests_total") == 4
    assert of(found, "loradiag_last_poll_timestamp_seconds") == 1_795_168_800
    assert of(found, "loradiag_poll_duration_seconds") == 1.5
    assert of(found, "loradiag_behind_seconds") == 3.0
    assert of(found, "loradiag_lake_flawed_files") == 2
    assert (of(found, "loradiag_alpha"), of(found, "loradiag_budget_left")) == (0.05, 0.5)
    assert of(found, "loradiag_e_value", adapter="support") == 4.2e5
    assert of(found, "loradiag_alarm_line", adapter="support") == 44.0
    assert of(found, "loradiag_alarm_open", adapter="support", signal="novelty") == 1.0
    assert of(found, "loradiag_alarm_open", adapter="support", signal="mix") == 0.5
    assert of(found, "loradiag_signal_recent", adapter="support", signal="novelty") == 0.05
    assert of(found, "loradiag_signal_tolerated", adapter="support", signal="novelty") == 0.08
    assert of(found, "loradiag_signal_e_value", adapter="support", signal="novelty") == 0.4


def test_before_the_first_poll_there_is_only_the_version() -> None:
    """Nothing is made up."""
    assert [name for name, _ in read(Metrics())] == ["loradiag_build_info"]


@pytest.mark.parametrize("name", ['a"b\\c\nd', "x" * 10_000, "\x1b[31m\x00", "\u202eevil", "", "other"])
def test_names_of_adapters_may_be_anything(name: str) -> None:
    """They come from logs: escaped, bounded, and never taken for another's."""
    metrics = Metrics()
    metrics.update(totals(), [watch(adapter=name, requests=5), watch(adapter="plain", requests=7)])
    found = {
        dict(labels).get("adapter"): value
        for (metric, labels), value in read(metrics).items()
        if metric == "loradiag_requests_total"
    }
    assert found.pop("plain") == 7
    ((label, value),) = found.items()
    assert value == 5
    assert label is not None
    assert label != "other"
    assert 0 < len(label) <= 130
    assert label.isprintable()


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=1.0.0x", "text/plain;version=\xff;escaping=", ";;;"]
)
def test_whatever_a_client_accepts(accept: str) -> None:
    """A version that is no number gets the plain format, as a client without wishes does."""
    told = Metrics()
    told.update(totals(), [watch()])
    assert b"loradiag_polls" in told.text(accept)[0]


def test_two_names_that_look_alike_have_labels_of_their_own() -> None:
    """Cut to the same beginning, they are told apart."""
    metrics = Metrics()
    metrics.update(totals(), [watch(adapter="y" * 500 + end, requests=1) for end in "abc"])
    counts = [value for (name, _), value in read(metrics).items() if name == "loradiag_requests_total"]
    assert counts == [1, 1, 1]


def test_labels_are_bounded_and_counters_never_fall() -> None:
    """Those with alarms have labels first; who has one keeps it; the rest are counted together."""
    metrics = Metrics(most=3)
    rows = [watch(adapter=f"a{number}", requests=number) for number in range(10)] + [
        watch(alarm(), adapter="z", requests=0)
    ]
    metrics.update(totals(), rows)
    before = {labels: value for (name, labels), value in read(metrics).items() if name == "loradiag_requests_total"}
    assert {dict(labels)["adapter"] for labels in before} == {"z", "a9", "a8", "other"}
    assert before[(("adapter", "other"),)] == sum(range(8))
    more = [watch(adapter=f"a{number}", requests=100 - number) for number in range(10)] + [
        watch(adapter="z", requests=1)
    ]
    metrics.update(totals(), more)
    after = {labels: value for (name, labels), value in read(metrics).items() if name == "loradiag_requests_total"}
    assert after.keys() == before.keys()
    assert all(after[labels] >= before[labels] for labels in before)


def test_an_alarm_without_a_label_left_is_not_silent() -> None:
    """It is one of the others', once for each signal, and open as long as one of them is."""
    metrics = Metrics(most=1)
    quiet = [watch(adapter="first", requests=9)]
    metrics.update(totals(), quiet)
    known = alarm(status="acknowledged")
    metrics.update(
        totals(), [*quiet, watch(known, adapter="a"), watch(alarm(), adapter="b"), watch(known, adapter="c")]
    )
    found = read(metrics)
    assert of(found, "loradiag_alarm_open", adapter="other", signal="novelty") == 1.0
    assert [name for name, _ in found].count("loradiag_alarm_open") == 1


def test_a_scrape_never_sees_half_of_an_update() -> None:
    """While another thread hands over, requests of all adapters are of one poll."""
    metrics = Metrics()
    stop = []

    def hand_over() -> None:
        number = 0
        while not stop:
            number += 1
            metrics.update(
                totals(requests=number), [watch(adapter=f"a{place}", requests=number) for place in range(30)]
            )

    thread = Thread(target=hand_over)
    thread.start()
    try:
        for _ in range(60):
            values = {
                value
                for (name, _), value in read(metrics).items()
                if name in ("loradiag_requests_total", "loradiag_logged_requests_total")
            }
            assert len(values) <= 1
    finally:
        stop.append(True)
        thread.join()

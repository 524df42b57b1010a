"""What is recorded: once, whole, and whatever the order."""

from __future__ import annotations

import itertools
import zlib

import msgspec
import pytest
from sqlalchemy import func, select

from loradiag.core.answers import Detail
from loradiag.core.report import Report
from loradiag.registry.lookup import find, stored
from loradiag.registry.models import Adapter, Base, Evaluation, Event, Sighting, StoredReport, values
from loradiag.registry.queries import detail, listed
from loradiag.registry.recording import record, record_all
from loradiag.registry.store import Store
from tests.registry.building import evaluated, inspection, score, sha, stamped


def counts(store: Store) -> dict[str, int]:
    """Rows of every table."""
    with store.reading() as session:
        tables = (Adapter, Sighting, StoredReport, Evaluation, Event)
        return {table.__name__: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def shown(store: Store, name: str) -> Detail:
    """All of one adapter."""
    with store.reading() as session:
        return detail(session, find(session, name))


def test_the_same_twice_is_once(store: Store) -> None:
    """Reports, results, places and history: nothing doubles."""
    items = [(inspection(), None, None), (evaluated("a", score()), None, "/fleet/a"), (stamped("b"), None, None)]
    first = record_all(store, items)
    once = counts(store)
    again = record_all(store, [*items, *items])
    assert [(row.new, row.new_report, row.evaluations) for row in first] == [
        (True, True, 0),
        (False, True, 1),
        (True, True, 1),
    ]
    assert {(row.new, row.new_report, row.evaluations) for row in again} == {(False, False, 0)}
    assert counts(store) == once == {"Adapter": 2, "Sighting": 2, "StoredReport": 3, "Evaluation": 2, "Event": 3}


def test_a_report_made_again_confirms_the_first(store: Store) -> None:
    """The same but for its time is one report with two times; whichever comes first."""
    days = ["2026-08-03T00:00:00Z", "2026-08-01T00:00:00Z", "2026-08-02T00:00:00Z"]
    for day in days:
        record(store, inspection(created=day))
    (row,) = shown(store, sha("a")).reports
    assert (row.created, row.confirmed) == (min(days), max(days))
    adapter = shown(store, sha("a")).adapter
    assert (adapter.first_seen, adapter.last_seen) == (min(days), max(days))


def test_every_order_comes_to_the_same(store: Store) -> None:
    """An old report that arrives late does not overwrite what a newer one says."""
    reports = [
        inspection(created="2026-08-01T00:00:00Z", base="old/name"),
        inspection(created="2026-08-02T00:00:00Z", base="new/name", failing=True),
        evaluated("a", score(), created="2026-08-03T00:00:00Z"),
    ]
    seen = set()
    for number, order in enumerate(itertools.permutations(reports)):
        moved = [
            msgspec.structs.replace(row, subject=msgspec.structs.replace(row.subject, sha256=sha(str(number))))
            for row in order
        ]
        record_all(store, [(row, None, "/fleet/a") for row in moved])
        row = shown(store, sha(str(number))).adapter
        seen.add((row.base, row.verdict, row.first_seen, row.last_seen, row.reports, row.evaluations))
    assert seen == {("owner/Base-8B", "fail", "2026-08-01T00:00:00Z", "2026-08-03T00:00:00Z", 3, 1)}


def test_the_report_comes_back_whole(store: Store) -> None:
    """What was stored is what was given, and is compressed."""
    given = evaluated("a", score(), score("other", 0.3))
    record(store, given)
    with store.reading() as session:
        assert stored(session, find(session, sha("a")), "forgetting") == given
        row = session.scalars(select(StoredReport)).one()
        assert msgspec.json.decode(zlib.decompress(row.document), type=Report) == given
        assert (row.kind, row.schema_version, row.size > len(row.document)) == (
            "forgetting",
            given.schema_version,
            True,
        )


def test_results_of_a_report(store: Store) -> None:
    """Scores with the interval of Wilson: 240 of 400 is [0.5513, 0.6468] (by hand from his formula)."""
    record(
        store, evaluated("a", score(), score("ppl", 12.5, metric="perplexity", binary=False, higher_is_better=False))
    )
    first, second = shown(store, sha("a")).evaluations
    assert (first.task, first.metric, first.value, first.n, first.setup) == ("toy", "acc", 0.6, 400, "0-shot")
    assert (first.low, first.high) == pytest.approx((0.5513, 0.6468), abs=1e-4)
    assert (first.base_value, first.difference, first.difference_low) == pytest.approx((0.5, 0.1, 0.05))
    assert (second.low, second.high, second.higher_is_better) == (None, None, False)


def test_a_stamp_is_taken_over(store: Store) -> None:
    """Owner, data and results; a stamp of other weights says nothing; a newer stamp has the word, and is an event."""
    record(store, stamped("a"))
    record(store, stamped("b", weights_match=False))
    record(
        store, stamped("a", created="2026-08-05T00:00:00Z", owner="heirs", evaluation={"ledger_val": 0.7, "more": 1.0})
    )
    known = shown(store, sha("a"))
    assert (known.adapter.owner, known.adapter.data_sha256, known.adapter.missing) == ("heirs", "d" * 64, [])
    assert [(row.task, row.value, row.source, row.at) for row in known.evaluations] == [
        ("ledger_val", 0.7, "stamp", "2026-07-01T00:00:00Z"),
        ("more", 1.0, "stamp", "2026-07-01T00:00:00Z"),
    ]
    assert [row.what for row in known.history] == ["seen", "stamp", "stamp"]
    assert shown(store, sha("b")).adapter.missing == ["owner", "data", "evaluation"]


def test_what_cannot_be_recorded_costs_only_itself(store: Store) -> None:
    """No hash, an unreadable adapter, a time that is none or has not come: each says why, and the others are recorded."""
    good = inspection("good")
    bad = [
        inspection(sha256=None),
        inspection(sha256="../../etc"),
        inspection(created="yesterday"),
        inspection(created="2999-01-01T00:00:00Z"),
    ]
    done = record_all(store, [(row, None, None) for row in (*bad, good)])
    assert [bool(row.problem) for row in done] == [True] * 4 + [False]
    assert "future" in (done[3].problem or "")
    assert counts(store)["Adapter"] == 1


def test_hostile_text_is_stored_and_found(store: Store) -> None:
    """Null characters, which PostgreSQL refuses, names of a megabyte, and statements stay text."""
    nasty = "x\0'; DROP TABLE loradiag_adapters; --"
    record(store, inspection("a", path=nasty, base="b" * 1_000_000, revision=nasty))
    row = shown(store, sha("a")).adapter
    assert "\\x00" in (row.path or "")
    assert len(row.base or "") == 500
    long = "".join(f"{number:x}" for number in range(3_000))  # what an index would refuse
    record(store, inspection("c", path=long, base=long))
    assert len(shown(store, sha("c")).adapter.path or "") == 4_000
    record(store, evaluated("b", score(nasty, metric=nasty), score(long)))
    assert "DROP TABLE" in shown(store, sha("b")).evaluations[0].task


def test_batches_are_committed_one_by_one(store: Store) -> None:
    """What was recorded before a source fails is kept."""

    def source() -> object:
        for number in range(450):
            yield inspection(str(number)), None, None
        raise RuntimeError

    done: list[int] = []
    with pytest.raises(RuntimeError):
        record_all(store, source(), progress=done.append)  # type: ignore[arg-type]
    assert done == [200, 400]
    assert counts(store)["Adapter"] == 400


def test_a_name_in_traffic_is_no_place(store: Store) -> None:
    """A report on traffic knows the adapter by its name there."""
    from loradiag.core.measurements import Measurements
    from tests.registry.building import report
    from tests.rules.watching import watch

    made = report(Measurements(watch=watch()), "2026-08-01T00:00:00Z", False, path="support", sha256=sha("a"))
    record(store, made)
    row = shown(store, "support").adapter
    assert (row.name, row.path, row.verdicts) == ("support", None, {"watch": "pass"})


def test_a_thousand_adapters(store: Store) -> None:
    """Fleets come in thousands: recorded and listed without a query for each."""
    items = [(inspection(str(number), failing=number % 10 == 0), None, None) for number in range(1000)]
    record_all(store, items)
    with store.reading() as session:
        rows = listed(session)
    assert len(rows) == 1000
    assert sum(row.verdict == "fail" for row in rows) == 100


def test_values_of_a_row_are_its_columns() -> None:
    """As the tables have them."""
    assert set(values(Adapter(sha256="a"))) == {column.key for column in Adapter.__table__.columns}
    assert all(table.name.startswith("loradiag_") for table in Base.metadata.tables.values())

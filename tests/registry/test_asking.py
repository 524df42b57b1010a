"""Asking the registry: filters, names, rankings; and saying things of adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from loradiag.core.answers import Best
from loradiag.core.errors import InputError, UsageError
from loradiag.registry.best import Asked, best
from loradiag.registry.gauging import registered
from loradiag.registry.lifecycle import Change, Result, change
from loradiag.registry.lookup import find
from loradiag.registry.models import Event
from loradiag.registry.queries import Wanted, detail, listed
from loradiag.registry.recording import record, record_all
from loradiag.registry.store import Store
from tests.conftest import MakeAdapter
from tests.registry.building import evaluated, inspection, score, sha, stamped


def say(store: Store, name: str, why: str | None = None, **said: Any) -> list[str]:
    """Say something of an adapter."""
    with store.writing() as session:
        return change(session, find(session, sha(name)), Change(**said), who="ann", why=why)


def names(store: Store, **wanted: Any) -> set[str]:
    """The adapters that a filter finds."""
    with store.reading() as session:
        return {row.name for row in listed(session, Wanted(**wanted))}


@pytest.fixture
def fleet(store: Store) -> Store:
    """Four adapters: nothing is said of ``bare``, ``whole`` lacks nothing, ``broken`` fails, ``other`` has another base."""
    record_all(
        store,
        [
            (inspection("bare"), None, None),
            (stamped("whole"), None, None),
            (inspection("broken", failing=True), None, None),
            (inspection("other", base="owner/Base-8B-Instruct"), None, None),
        ],
    )
    say(store, "whole", stage="live", tags=("eu", "ledger"))
    say(store, "broken", stage="canary", owner="Bob", tags=("eu",))
    return store


def test_filters(fleet: Store) -> None:
    """Stage, owner, base, tag, failing, and what is missing."""
    everything = {"bare", "whole", "broken", "other"}
    assert names(fleet) == everything
    assert names(fleet, stages=("live",)) == {"whole"}
    assert names(fleet, stages=("live", "none")) == {"whole", "bare", "other"}
    assert names(fleet, owner="bob") == {"broken"}
    assert names(fleet, owner="Stamping Team") == {"whole"}
    assert names(fleet, base="base-8b") == everything - {"other"}
    assert names(fleet, base="owner/Base-8B-Instruct") == {"other"}
    assert names(fleet, base="8B") == names(fleet, base="%") == set()
    assert names(fleet, tags=("eu",)) == {"whole", "broken"}
    assert names(fleet, tags=("eu", "ledger")) == {"whole"}
    assert names(fleet, failing=True) == {"broken"}
    assert names(fleet, missing=("owner",)) == {"bare", "other"}
    assert names(fleet, missing=("data", "evaluation")) == everything - {"whole"}


def test_the_newest_of_each_kind_counts(store: Store) -> None:
    """A failure that was repaired is over; a report of another kind has a verdict of its own."""
    record(store, inspection("a", failing=True, created="2026-08-01T00:00:00Z"))
    assert names(store, failing=True) == {"a"}
    record(store, inspection("a", created="2026-08-02T00:00:00Z"))
    record(store, evaluated("a", score(), created="2026-08-01T00:00:00Z"))
    with store.reading() as session:
        (row,) = listed(session)
    assert (row.verdict, row.verdicts, row.failing) == ("pass", {"forgetting": "pass", "inspect": "pass"}, [])


def test_an_adapter_is_found_by_many_names(fleet: Store, make_adapter: MakeAdapter) -> None:
    """Hash, its beginning, label, name, recorded path, and the weights that lie at a path now."""
    import loradiag

    path = make_adapter(name="mine")
    record(fleet, loradiag.inspect(path), None, path)
    say(fleet, "whole", label="ledger-v3")
    with fleet.reading() as session:
        for word in (sha("whole"), sha("whole")[:8].upper(), "ledger-v3", "whole", "/fleet/whole"):
            assert find(session, word).sha256 == sha("whole"), word
        mine = find(session, str(path))
        assert find(session, "mine").id == find(session, str(path / "adapter_model.safetensors")).id == mine.id
    path.joinpath("adapter_model.safetensors").write_bytes(
        make_adapter(name="x", r=4).joinpath("adapter_model.safetensors").read_bytes() + b" "
    )
    with fleet.reading() as session:
        with pytest.raises(InputError, match="does not know"):
            find(session, str(path))
        for word in ("nobody", "long" * 2000):  # no file can have such a name
            with pytest.raises(InputError, match="is no adapter of the registry"):
                find(session, word)


def test_who_reads_sees_one_state(store: Store) -> None:
    """However many queries it takes, and whoever writes meanwhile."""
    record(store, inspection("before"))
    with store.reading() as session:
        assert [row.sha256 for row in listed(session)] == [sha("before")]
        record(store, inspection("meanwhile"))
        assert [row.sha256 for row in listed(session)] == [sha("before")]
        assert detail(session, find(session, sha("before"))).adapter.reports == 1
    with store.reading() as session:
        assert len(listed(session)) == 2


def test_a_name_of_several_is_refused(store: Store) -> None:
    """With the hashes to choose from; a label decides before names of directories do."""
    for number in range(3):
        record(store, inspection(str(number), path=f"/runs/{number}/adapter"))
    with store.reading() as session, pytest.raises(UsageError, match=f"{sha('0')[:12]}.*name one by its hash"):
        find(session, "adapter")
    say(store, "1", label="adapter")
    with store.reading() as session:
        assert find(session, "adapter").sha256 == sha("1")


def test_a_name_that_is_the_beginning_of_another_hash_is_refused(
    store: Store, make_adapter: MakeAdapter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else somebody who means the one puts the other live. A label, a directory's name and a path are names."""
    import loradiag

    record(store, inspection("0"))
    record(store, inspection("1"))
    word = sha("0")[:4]
    say(store, "1", label=word)
    with store.reading() as session:
        with pytest.raises(UsageError, match=f"several adapters.*{sha('0')[:12]}.*{sha('1')[:12]}"):
            find(session, word)
        assert find(session, sha("0")[:5]).sha256 == sha("0")
    say(store, "1", label=sha("0"))  # a whole hash is never a name
    with store.reading() as session:
        assert find(session, sha("0")).sha256 == sha("0")
        assert find(session, word).sha256 == sha("0")
    path = make_adapter(name="mine")
    record(store, loradiag.inspect(path), None, path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / word).symlink_to(path)
    with store.reading() as session, pytest.raises(UsageError, match="several adapters"):
        find(session, word)


def test_stages_go_on_and_back_only_with_a_reason(store: Store) -> None:
    """From nothing to any; one on; out; everything else says why, and is remembered."""
    record(store, inspection("a"))
    for stage in ("staging", "canary", "live", "retired"):
        assert say(store, "a", stage=stage)
    for stage in ("staging", "live", "canary"):  # back, over one, back
        with pytest.raises(UsageError, match="say --why"):
            say(store, "a", stage=stage)
        with pytest.raises(UsageError, match="say --why"):
            say(store, "a", stage=stage, why="  ")
        say(store, "a", stage=stage, why="because")
    assert say(store, "a", stage="canary") == []
    with pytest.raises(UsageError, match="no stage is called"):
        say(store, "a", stage="production")
    with store.reading() as session:
        events = [row for row in detail(session, find(session, sha("a"))).history if row.what == "stage"]
    assert [(row.before, row.after, row.who, row.why) for row in events][-2:] == [
        ("staging", "live", "ann", "because"),
        ("live", "canary", "ann", "because"),
    ]
    assert len(events) == 7


def test_what_people_say_goes_before_the_stamp(store: Store) -> None:
    """And can be taken back, so that the stamp holds again; a stamp that is read anew does not overwrite it."""
    record(store, stamped("a"))
    say(store, "a", owner="ledger", data_sha256="e" * 64, tags=("x",), notes="good")
    record(store, stamped("a", created="2026-08-09T00:00:00Z", owner="heirs"))
    with store.reading() as session:
        (row,) = listed(session)
    assert (row.owner, row.data_sha256, row.tags, row.notes) == ("ledger", "e" * 64, ["x"], "good")
    assert say(store, "a", owner="", data_sha256="", untagged=("x", "y"), notes="") != []
    with store.reading() as session:
        (row,) = listed(session)
    assert (row.owner, row.data_sha256, row.tags, row.notes) == ("heirs", "d" * 64, [], None)


def test_nothing_said_is_nothing_happened(store: Store) -> None:
    """What is so already makes no event; the same result at the same time neither."""
    record(store, inspection("a"))
    result = Result("toy", 0.5, "acc", 100, 0.05, "2026-08-01T00:00:00Z")
    for _ in range(2):
        say(store, "a", owner="x", stage="live", tags=("t", "t"), results=(result,))
    with store.reading() as session:
        events = session.scalars(select(Event.what).order_by(Event.id)).all()
        (found,) = detail(session, find(session, sha("a"))).evaluations
    assert events == ["seen", "stage", "owner", "tag", "evaluation"]
    assert (found.low, found.high) == pytest.approx((0.402, 0.598), abs=1e-3)  # 0.5 ± 1.96 · 0.05


def ranked(store: Store, task: str = "toy", **asked: Any) -> Best:
    """Who is best."""
    with store.reading() as session:
        return best(session, Asked(task=task, **asked))


def order(found: Best) -> list[str]:
    """Names in their order."""
    return [row.name for row in found.rows]


@pytest.fixture
def scored(store: Store) -> Store:
    """Three adapters on one task: b is best in July, a in August; c has few documents; one result is of perplexity."""
    record_all(
        store,
        [
            (evaluated("a", score(value=0.5), created="2026-07-10T00:00:00Z"), None, None),
            (evaluated("a", score(value=0.8), created="2026-08-10T00:00:00Z"), None, None),
            (evaluated("b", score(value=0.7), created="2026-07-20T00:00:00Z"), None, None),
            (evaluated("c", score(value=0.9, n=10), created="2026-07-20T00:00:00Z"), None, None),
            (evaluated("d", score(value=9.5, metric="ppl", binary=False, higher_is_better=False)), None, None),
            (evaluated("e", score(value=7.5, metric="ppl", binary=False, higher_is_better=False)), None, None),
        ],
    )
    return store


def test_the_best_of_a_time(scored: Store) -> None:
    """The newest result of each within the time; its end is not within."""
    assert order(ranked(scored)) == ["c", "a", "b"]
    assert order(ranked(scored, until="2026-08-10T00:00:00Z")) == ["c", "b", "a"]
    assert order(ranked(scored, since="2026-08-10T00:00:00Z")) == ["a"]
    assert order(ranked(scored, least=400)) == ["a", "b"]


def test_only_like_is_compared_with_like(scored: Store) -> None:
    """Another metric, another number of shots, another route: counted, and not ranked; perplexities rise to be worse."""
    record(scored, evaluated("f", score(value=0.99), shots=5))
    record(scored, evaluated("g", score(value=0.99, route="nf4")))
    record(scored, evaluated("h", score(value=0.99, filter="strict-match")))
    found = ranked(scored)
    assert order(found) == ["c", "a", "b"]
    assert (found.metric, found.setup, found.route, found.higher_is_better) == ("acc", "0-shot", "", True)
    assert found.others == {
        "ppl · 0-shot": 2, "acc · 5-shot": 1, "acc · as nf4 · 0-shot": 1, "acc · strict-match · 0-shot": 1,
    }  # fmt: skip
    assert order(ranked(scored, metric="ppl")) == ["e", "d"]
    assert order(ranked(scored, route="nf4")) == ["g"]
    assert order(ranked(scored, setup="5-shot")) == ["f"]


def test_what_is_not_told_apart_is_said(scored: Store) -> None:
    """0.9 of 10 reaches down to 0.60, so it does not beat 0.8 and 0.7 of 400; these two do not overlap each other."""
    assert [row.tied for row in ranked(scored).rows] == [False, True, True]
    assert ranked(scored).sizes == [10, 400]
    assert [row.tied for row in ranked(scored, least=400).rows] == [False, False]


def test_stage_and_base_of_a_time(scored: Store) -> None:
    """Live at some time of the window counts, also if it is retired since; without a window, live now."""
    for name, stage in (("a", "live"), ("b", "live"), ("b", "retired")):
        say(scored, name, stage=stage)
    assert order(ranked(scored, stages=("live",))) == ["a"]
    assert order(ranked(scored, stages=("live",), since="2026-07-01T00:00:00Z")) == ["a", "b"]
    with pytest.raises(InputError, match="no result that answers"):
        ranked(scored, stages=("live",), until="2026-10-01T00:00:00Z")  # nobody was live before today
    assert order(ranked(scored, base="Base-8B")) == ["c", "a", "b"]
    with pytest.raises(InputError, match="no result that answers"):
        ranked(scored, base="other")


def test_results_that_people_told(store: Store) -> None:
    """Without a metric, nobody says which way is better; names of errors do; an option decides."""
    for name, value in (("a", 0.5), ("b", 0.6)):
        record(store, inspection(name))
        say(store, name, results=(Result("toy", value), Result("toy_wer", value)))
    found = ranked(store)
    assert (order(found), found.assumed) == (["b", "a"], True)
    assert order(ranked(store, higher_is_better=False)) == ["a", "b"]
    found = ranked(store, "toy_wer")
    assert (order(found), found.assumed) == (["a", "b"], False)


@pytest.mark.parametrize("result", [Result("toy", float("nan")), Result("toy", 0.5, standard_error=float("inf"))])
def test_results_are_numbers(store: Store, result: Result) -> None:
    """What is none is refused, and changes nothing: no database would be at fault."""
    record(store, inspection("a"))
    with pytest.raises(UsageError, match="toy: a result, and its standard error, are finite numbers"):
        say(store, "a", owner="x", results=(result,))
    with store.reading() as session:
        (row,) = listed(session)
    assert (row.owner, row.evaluations) == (None, 0)


def test_an_unknown_task_names_the_nearest(scored: Store) -> None:
    """And an empty registry says that there is none."""
    with pytest.raises(InputError, match="there are toy"):
        ranked(scored, "toi")


def test_what_rules_are_told(fleet: Store) -> None:
    """What was recorded and said, with ages in days."""
    with fleet.reading() as session:
        (row,) = listed(session, Wanted(stages=("live",)))
    subject, found = registered(row, "here", "2026-08-31T12:00:00Z")
    assert (subject.sha256, subject.path, subject.base) == (sha("whole"), "/fleet/whole", "owner/Base-8B")
    assert (found.stage, found.owner, found.inspection, found.inspected_days) == ("live", "stamping team", "pass", 30.5)
    assert (found.evaluations, found.evaluated_days) == (1, 61.5)


@pytest.mark.parametrize(
    ("at", "said"), [("soon", "is no time"), ("2999-01-01", "is to come"), ("2999-01-01T00:00:00Z", "is to come")]
)
def test_a_result_of_no_time_or_of_one_to_come_is_refused(store: Store, at: str, said: str) -> None:
    """Times are sorted as text, and the newest result is the one that counts."""
    record(store, inspection("a"))
    with pytest.raises(UsageError, match=f"toy: {at} {said}"):
        say(store, "a", results=(Result("toy", 0.5, at=at),))
    say(store, "a", results=(Result("toy", 0.5, at="2020-11-02T05:30:00+05:30"),))
    with store.reading() as session:
        (row,) = detail(session, find(session, sha("a"))).evaluations
    assert row.at == "2020-11-02T00:00:00Z"

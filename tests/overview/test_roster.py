"""Which reports are about one adapter, and what its row says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.core.watching import AlarmStatus, Watch, WatchAlarm
from loradiag.overview.cards import FLEET_ROW, Card
from loradiag.overview.lineage import place_of
from loradiag.overview.roster import STATES, Requests, Row, roster

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def card(path: str, created: str = "2026-11-01T00:00:00Z", **said: object) -> Card:
    """A card of an inspection that passed, unless something else is said."""
    values = {"file": f"{path}-{created}.json", "kind": "inspect", "verdict": "pass", "sha256": A} | said
    name = path.rstrip("/").rpartition("/")[2]
    return Card(path=path, created=created, name=name, **values)  # type: ignore[arg-type]


def named(rows: list[Row]) -> dict[str, Row]:
    """Rows by name."""
    return {row.name: row for row in rows}


def watch(adapter: str, *statuses: AlarmStatus) -> Watch:
    """An adapter under watch, with alarms."""
    alarms = [
        WatchAlarm(
            id=number,
            adapter=adapter,
            signal="novelty",
            raised="2026-11-20T00:00:00Z",
            e_value=900.0,
            line=400.0,
            requests=300,
            message="30% of recent requests are unlike the baseline",
            status=status,
        )
        for number, status in enumerate(statuses, 1)
    ]
    return Watch(
        adapter=adapter,
        lake="lake",
        baseline=None,
        since=None,
        seen=None,
        requests=10,
        counted=9,
        alpha=0.05,
        share=0.1,
        e_value=1.0,
        line=400.0,
        signals=[],
        alarms=alarms,
    )


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("runs/a/", "runs/a"),
        ("./runs/a/adapter_model.safetensors", "runs/a"),
        ("runs/a/checkpoint-200", "runs/a"),
        ("runs/a/checkpoint-200/adapter_model.bin", "runs/a"),
        ("runs/mlx/0000100_adapters.safetensors", "runs/mlx"),
        ("loras/style.safetensors", "loras/style.safetensors"),
        ("adapter_model.safetensors", "adapter_model.safetensors"),
        ("", ""),
    ],
)
def test_where_an_adapter_lies(path: str, place: str) -> None:
    """Without the common names of weight files, and without checkpoints."""
    assert place_of(path) == place


def test_retraining_is_one_adapter_with_a_history() -> None:
    """Reports about one path keep together though its weights change; the newest decide."""
    old = card("out/support", "2026-10-01T00:00:00Z", sha256=A, verdict="fail", file="old.json", codes=["LD106"])
    merge = card("out/support", "2026-10-02T00:00:00Z", sha256=A, verdict="fail", kind="merge-drift", file="merge.json")
    new = card("out/support", "2026-11-01T00:00:00Z", sha256=B, file="new.json")
    [row] = roster([new, merge, old])
    assert (row.sha256, row.weights, len(row.cards)) == (B, 2, 3)
    assert row.newest["inspect"] == new
    assert row.stale == ["merge-drift"]
    assert row.state == "pass"  # the failed merge was of weights that are gone


def test_one_path_in_two_folders_of_reports_is_two_adapters() -> None:
    """Every build server has an ``out/``: only the weights tell whether it is the same."""
    first = card("out", sha256=A, file="team-a/out.json")
    second = card("out", sha256=B, file="team-b/out.json")
    assert sorted(row.name for row in roster([first, second])) == ["out", "out (2)"]
    same = card("out", sha256=A, file="team-b/out.json")
    assert len(roster([first, same])) == 1


def test_copies_are_one_adapter() -> None:
    """The same weights in two places, by a report of each, and by a fleet's table."""
    whole = card("adapters/ledger", "2026-11-01T00:00:00Z", file="a/one.json")
    row_only = card("prod/ledger", "2026-11-09T00:00:00Z", kind=FLEET_ROW, file="fleet.json", row=3)
    [row] = roster([row_only, whole])
    assert row.newest["inspect"] == whole  # what knows more goes first, though it is older
    assert row.path == "prod/ledger"


def test_traffic_belongs_to_the_adapter_of_its_hash() -> None:
    """A name in the traffic may differ from the path; without a hash only the one adapter of that name is meant."""
    inspected = card("adapters/healthy", sha256=A)
    drift = card("ledger", kind="drift", sha256=A, file="drift.json", words="novel 49%", verdict="fail")
    traffic = {
        "ledger": Requests(total=9, recent=4, newest=None, daily=[4]),
        "other": Requests(total=1, recent=1, newest=None, daily=[1]),
    }
    rows = named(roster([drift, inspected], [watch("ledger")], traffic))
    assert set(rows) == {"ledger", "other"}
    assert rows["ledger"].path == "adapters/healthy"
    assert rows["ledger"].requests == traffic["ledger"]
    assert rows["ledger"].watch is not None
    assert rows["ledger"].state == "fail"
    assert rows["ledger"].why == "drift: novel 49%"
    assert (rows["other"].state, rows["other"].why) == ("unknown", "never checked")


def test_a_name_that_two_adapters_share_gets_no_traffic() -> None:
    """It cannot be known whose it is: a row of its own says so."""
    cards = [card("a/support", sha256=A), card("b/support", sha256=B)]
    rows = roster(cards, (), {"support": Requests(total=1, recent=1, newest=None, daily=[1])})
    assert sorted((row.name, row.served) for row in rows) == [
        ("a/support", None),
        ("b/support", None),
        ("support", "support"),
    ]


@pytest.mark.parametrize(
    ("cards", "alarms", "state"),
    [
        ([], ["open"], "alarm"),
        ([card("x", verdict="fail")], ["open"], "alarm"),
        ([card("x", verdict="unreadable")], [], "fail"),
        ([card("x", verdict="inconclusive"), card("x", verdict="fail", kind="forgetting")], [], "fail"),
        ([card("x", verdict="inconclusive")], ["acknowledged"], "inconclusive"),
        ([card("x")], ["acknowledged"], "warning"),
        ([card("x", warnings=2)], [], "warning"),
        ([card("x")], ["resolved"], "pass"),
        (
            [card("x", kind="watch", verdict="fail")],
            [],
            "unknown",
        ),  # the watch itself is asked, not an old report of it
    ],
)
def test_the_worst_decides_the_state(cards: list[Card], alarms: list[AlarmStatus], state: str) -> None:
    """Alarms, then failures, then what is not known, then warnings."""
    still = [status for status in alarms if status != "resolved"]
    [row] = roster(cards, [watch("x", *still)])
    assert row.state == state


def test_several_adapters_together_are_no_adapter() -> None:
    """Reports that compare adapters, or check a server, have no row."""
    kinds = ("compare", "fleet", "trajectory", "serve-check")
    assert roster([card("a, b", kind=kind, sha256=None) for kind in kinds]) == []


def test_checkpoints_of_one_report_are_one_run() -> None:
    """The last step is the adapter as it is now."""
    series = [card(f"runs/a/checkpoint-{step}", step=step, sha256=str(step) * 16, place=step) for step in (1, 2, 3)]
    [row] = roster(series)
    assert row.newest["inspect"].step == 3
    assert row.weights == 3


def test_hostile_names_are_safe_and_told_apart() -> None:
    """No control character is left in a name; equal ones get a number."""
    cards = [card(f"{folder}/\x1b[2Jx", sha256=sha) for folder, sha in (("a", A), ("b", B), ("a", C))]
    cards[2] = card("a/\x1b[2Jx", sha256=C, file="elsewhere/c.json")
    names = [row.name for row in roster(cards)]
    assert len(set(names)) == 3
    assert not any("\x1b" in name for name in names)


_NAMES = st.sampled_from(["x", "a/x", "b/x", "a/b/x", "a/x/checkpoint-1"])


@given(
    st.lists(
        st.builds(
            card,
            _NAMES,
            st.sampled_from([f"2026-11-0{day}T00:00:00Z" for day in range(1, 6)]),
            sha256=st.sampled_from([None, A, B, C]),
            kind=st.sampled_from(["inspect", "merge-drift", "drift", "watch", FLEET_ROW]),
            verdict=st.sampled_from(["pass", "fail", "inconclusive", "unreadable"]),
            file=st.sampled_from(["one.json", "deep/two.json"]),
        ),
        max_size=12,
    ),
    st.lists(st.sampled_from(["x", "y", "a/x"]), max_size=3, unique=True),
)
def test_no_card_is_lost_and_none_counts_twice(cards: list[Card], served: list[str]) -> None:
    """Every card stands in one row, names and keys of adapters with different places are unique, the worst come first."""
    ordered = sorted(cards, key=lambda one: one.created, reverse=True)
    rows = roster(ordered, (), {name: Requests(total=1, recent=1, newest=None, daily=[1]) for name in served})
    assert sorted(id(one) for row in rows for one in row.cards) == sorted(map(id, ordered))
    assert len({row.name for row in rows}) == len(rows)
    assert len({row.key for row in rows}) == len(rows)
    states = [STATES.index(row.state) for row in rows]
    assert states == sorted(states)
    assert {row.served for row in rows if row.requests} == set(served)

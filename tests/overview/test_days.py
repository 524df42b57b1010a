"""Days and hours of a lake beside the same by pandas."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.core.errors import InputError
from loradiag.overview.days import TrafficReader
from loradiag.traffic.reading import Lake
from loradiag.traffic.schema import DAY
from loradiag.traffic.stats import stats
from tests.conftest import FIXTURES
from tests.overview.lakes import START, counted, expected, filled, read, row, same, write_file
from tests.traffic.filling import ingest

HOUR = timedelta(hours=1)
LATE = timedelta(days=365)


def test_the_month_of_the_fixtures(tmp_path: Path) -> None:
    """All columns of every adapter's day as pandas has them, and the totals that ``traffic stats`` tells."""
    ingest(tmp_path / "lake", FIXTURES / "traffic" / "requests.jsonl.gz")
    reader = TrafficReader(tmp_path / "lake", cache=tmp_path / "cache")
    assert reader.refresh()
    found = counted(reader.table())
    same(found, expected(tmp_path / "lake"))
    told = stats(tmp_path / "lake")
    assert sum(day["requests"] + day["failed"] for day in found.values()) == told.requests
    last = max(coverage.last for coverage in told.rows if coverage.last)
    assert reader.newest is not None
    assert reader.newest.strftime("%Y-%m-%dT%H:%M:%SZ") == last


def whole(most: int) -> st.SearchStrategy[int | None]:
    """Numbers, or none."""
    return st.none() | st.integers(0, most)


SHARES = st.none() | st.floats(0, 3, width=32) | st.just(float("nan"))
COLUMNS = st.fixed_dictionaries(
    {
        "conversation": st.none() | st.integers(1, 4),
        "text_hash": st.none() | st.integers(1, 3),
        "prompt_tokens": whole(100),
        "response_tokens": whole(2**31 - 1),
        "nll": SHARES,
        "repetition": SHARES,
        "latency_ms": SHARES,
        "first_token_ms": SHARES,
        "truncated": st.none() | st.booleans(),
        "refusal_like": st.none() | st.booleans(),
        "failed": st.booleans(),
        "encoder": st.none() | st.just("e" * 64),
    }
)


def record(key: int, columns: dict[str, Any]) -> dict[str, Any]:
    """The record of a key: its adapter and time follow from it, as in a lake the key from these."""
    time = None if key % 9 == 0 else START + key % 2 * DAY + key * 1_000_003
    return row(key, (None, "a", "b/ü")[key % 3], time, **columns)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(1, 40), COLUMNS), max_size=25), max_size=3))
def test_any_lake(files: list[list[tuple[int, dict[str, Any]]]]) -> None:
    """Keys in two files or twice in one, nulls, NaN, failed and undated ones: as pandas has them, also from the cache."""
    with tempfile.TemporaryDirectory() as name:
        lake = Path(name) / "lake"
        lake.mkdir()
        for rows in files:
            write_file(lake, (record(*one) for one in rows))
        wanted = expected(lake)
        same(read(lake, Path(name) / "cache"), wanted)
        same(read(lake, Path(name) / "cache"), wanted)


def test_requests_are_those_of_the_lake(tmp_path: Path) -> None:
    """A record that failed in one file and not in another is a request, as of ``Lake.rows``; failed ones count as such only."""
    write_file(tmp_path / "lake", [row(1, failed=True, nll=3.0), row(2, failed=True), row(3, nll=1.0)])
    write_file(tmp_path / "lake", [row(1, nll=1.0, prompt_tokens=7)])
    found = read(tmp_path / "lake", tmp_path / "cache")[("support", date(2026, 11, 1))]
    assert found["requests"] == Lake(tmp_path / "lake").rows("support", "").key.size == 2
    assert (found["failed"], found["conversations"], found["logprobs"]) == (1, 2, 2)
    assert (found["prompt_tokens"], found["response_tokens"]) == (7, None)
    assert found["perplexity"] == pytest.approx(np.e)


def test_an_interval_by_hand(tmp_path: Path) -> None:
    """Conversations of 2, 1 and 1 requests with nats of 0 and 1, 1, 2: mean 1, residual sums −1, 0, 1; t of 2 is 4.3027."""
    nats = [(1, 0.0), (1, 1.0), (None, 1.0), (2, 2.0)]
    write_file(tmp_path / "lake", (row(key, conversation=c, nll=x) for key, (c, x) in enumerate(nats)))
    found = read(tmp_path / "lake", tmp_path / "cache")[("support", date(2026, 11, 1))]
    reach = 4.302652729911275 * np.sqrt(3 / 2 * 2) / 4
    ends = [found[name] for name in ("perplexity", "perplexity_low", "perplexity_high")]
    assert ends == pytest.approx([np.e, np.exp(1 - reach), np.exp(1 + reach)], rel=1e-9)


def test_what_is_too_large_is_a_number(tmp_path: Path) -> None:
    """Log-probabilities of −900 and an interval beyond what a float holds."""
    write_file(tmp_path / "lake", (row(key, nll=300.0 * key) for key in range(1, 4)))
    found = read(tmp_path / "lake", tmp_path / "cache")[("support", date(2026, 11, 1))]
    assert found["perplexity"] == pytest.approx(np.exp(600))
    assert 0 <= found["perplexity_low"] < found["perplexity"] < found["perplexity_high"] < np.inf


@pytest.mark.parametrize("adapter", ["a", "team/ü", None])
def test_hours(tmp_path: Path, adapter: str | None) -> None:
    """Whole hours of UTC, counted in Python; bounds within an hour hold, and undated requests have none."""
    lake = filled(tmp_path / "lake")
    write_file(lake, [row(7000, adapter, None), row(10 * 4, "a", START + 4 * 3_000_000_000, failed=True)])
    since = datetime(2026, 11, 1, 10, 30, tzinfo=UTC)
    until = datetime(2026, 11, 2, 9, 59, tzinfo=UTC)
    wanted: dict[datetime, list[int]] = {}
    for _ in range(2):
        for number in range(28):
            for day in range(3):
                time = datetime.fromtimestamp(START / 1e6, UTC) + timedelta(days=day, seconds=3000 * number)
                if (None, "a", "b", "team/ü")[number % 4] == adapter and since <= time < until:
                    hour = wanted.setdefault(time.replace(minute=0, second=0), [0, 0])
                    hour[number % 13 == 0] += 1
    found = TrafficReader(lake, cache=tmp_path / "cache").by_hour(adapter, since, until).to_pylist()
    assert {one["hour"]: [one["requests"], one["failed"]] for one in found} == wanted
    assert [one["hour"] for one in found] == sorted(wanted)


def test_hours_of_nobody(tmp_path: Path) -> None:
    """An adapter without requests has none, and other buckets are not even looked at."""
    lake = tmp_path / "lake"
    (path,) = write_file(lake, [row(1, "a")])
    path.write_bytes(b"spoiled")
    reader = TrafficReader(lake, cache=tmp_path / "cache")
    moment = datetime.fromtimestamp(START / 1e6, UTC)
    assert reader.by_hour(None, moment - HOUR, moment + LATE).num_rows == 0
    assert reader.by_hour(None, moment - HOUR, moment + LATE).column_names == ["hour", "requests", "failed"]


def test_no_lake(tmp_path: Path) -> None:
    """A folder that is missing, or holds other things; an empty one has no days yet."""
    with pytest.raises(InputError, match="no such folder"):
        TrafficReader(tmp_path / "none", cache=tmp_path / "cache").refresh()
    (tmp_path / "empty").mkdir()
    reader = TrafficReader(tmp_path / "empty", "shown", cache=tmp_path / "cache")
    assert (reader.refresh(), reader.table().num_rows, reader.newest, reader.flawed) == (False, 0, None, [])
    assert reader.name == "shown"
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="other things"):
        TrafficReader(tmp_path, cache=tmp_path / "cache").refresh()

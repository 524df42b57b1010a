"""Moments, written and read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from loradiag.core.errors import UsageError
from loradiag.core.times import moment_of, now, own_moment, written, written_at, zoned

INDIA = timezone(timedelta(hours=5, minutes=30))


def test_written_in_utc_to_the_second() -> None:
    """Whatever the zone: half past five in India is midnight."""
    assert written(datetime(2026, 11, 2, 5, 30, 59, 999_999, tzinfo=INDIA)) == "2026-11-02T00:00:59Z"
    assert written_at(1_793_577_600.9) == "2026-11-02T00:00:00Z"  # date -u -d @1793577600
    assert written_at(0) == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-02", datetime(2026, 11, 2, tzinfo=UTC)),
        ("2026-11-02T10:00:00Z", datetime(2026, 11, 2, 10, tzinfo=UTC)),
        ("2026-11-02 10:00", datetime(2026, 11, 2, 10, tzinfo=UTC)),
        ("2026-11-02T15:30:00+05:30", datetime(2026, 11, 2, 10, tzinfo=UTC)),
    ],
)
def test_read(text: str, expected: datetime) -> None:
    """In UTC unless it says otherwise; always with a zone."""
    found = moment_of(text)
    assert found == expected
    assert found.tzinfo is not None


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "2026-11-02T25:00:00Z", "1793577600.5"])
def test_what_is_no_time(text: str) -> None:
    """Is a ValueError."""
    for function in (moment_of, own_moment):
        with pytest.raises(ValueError):  # noqa: PT011 - Python's own words
            function(text)


def test_own_moments_and_no_others() -> None:
    """What was written comes back; other spellings are somebody else's."""
    moment = datetime(2026, 11, 2, 10, 0, 1, tzinfo=UTC)
    assert own_moment(written(moment)) == moment
    for other in ("2026-11-02", "2026-11-02T10:00:01+00:00", "2026-11-02T10:00:01"):
        with pytest.raises(ValueError, match="does not match"):
            own_moment(other)


def test_beyond_all_time() -> None:
    """Errors, never a wrong year."""
    with pytest.raises(OverflowError):
        written(datetime(1, 1, 1, tzinfo=INDIA))
    for seconds in (1e300, float("nan"), -1e18):
        with pytest.raises((OverflowError, ValueError, OSError)):
            written_at(seconds)


def test_a_zone_is_kept() -> None:
    """UTC is taken only where none is said."""
    assert zoned(datetime(2026, 11, 2, tzinfo=INDIA)).tzinfo is INDIA
    assert zoned(datetime(2026, 11, 2)).tzinfo is UTC


@pytest.mark.parametrize("fixed", ["9" * 13, "9" * 30, "9" * 5000, "\u00b2"])
def test_a_time_beyond_all_time_is_refused_or_none(monkeypatch: pytest.MonkeyPatch, fixed: str) -> None:
    """Of the variable that fixes the time of reports: one line, or the time as it is where it is no number."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", fixed)
    if fixed.isdecimal():
        with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
            now()
    else:
        assert now() > "2026"

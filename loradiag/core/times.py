"""Moments as documents, tables and logs write them: ISO 8601, in UTC where nothing else is said."""

from __future__ import annotations

import datetime
import os

from loradiag.core.errors import UsageError

_OWN = "%Y-%m-%dT%H:%M:%SZ"


def now() -> str:
    """Return the time in UTC, to the second; ``SOURCE_DATE_EPOCH`` fixes it for reproducible reports.

    Raises:
        UsageError: That is beyond all time.
    """
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        return written_at(int(fixed)) if fixed.isdecimal() else written(datetime.datetime.now(datetime.UTC))
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError("SOURCE_DATE_EPOCH is no time: set it to seconds since 1970, or unset it") from error


def written(moment: datetime.datetime) -> str:
    """A moment as reports write it: in UTC, to the second.

    Args:
        moment: With its zone.

    Raises:
        OverflowError: It is beyond all time in UTC.
    """
    return moment.astimezone(datetime.UTC).strftime(_OWN)


def written_at(seconds: float) -> str:
    """Seconds since 1970 as reports write them.

    Raises:
        OSError: They are beyond all time.
        OverflowError: They are beyond all time.
        ValueError: They are beyond all time, or no number.
    """
    return written(datetime.datetime.fromtimestamp(seconds, datetime.UTC))


def moment_of(text: str) -> datetime.datetime:
    """A date, which is its beginning, or a time, with its zone.

    Raises:
        ValueError: It is neither.
    """
    return zoned(datetime.datetime.fromisoformat(text))


def own_moment(text: str) -> datetime.datetime:
    """A moment as :func:`written` writes it, and no other.

    Raises:
        ValueError: It is none.
    """
    return datetime.datetime.strptime(text, _OWN).replace(tzinfo=datetime.UTC)


def zoned(moment: datetime.datetime) -> datetime.datetime:
    """A moment with its zone: UTC if it has none."""
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)

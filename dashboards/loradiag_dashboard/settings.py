"""What the dashboard was started with."""

from __future__ import annotations

import os

import msgspec

from loradiag.core.errors import UsageError

VARIABLE = "LORADIAG_DASHBOARD"
"""Settings as JSON, where the app is started by ``streamlit run`` and not by ``loradiag dashboard``."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where reports, lake, the state of the watch and a registry lie, and what is allowed.

    Attributes:
        reports: A folder of reports; None shows none.
        traffic: A lake, or its URL; None shows no traffic.
        state: Of the watch, where it is not in the lake.
        registry: A registry: a file, or the URL of a database; None shows none.
        allow_writes: Whether alarms may be acknowledged and resolved.
        every: Seconds from one look at reports, lake and registry to the next.
    """

    reports: str | None = None
    traffic: str | None = None
    state: str | None = None
    registry: str | None = None
    allow_writes: bool = False
    every: float = 5.0


def from_environment() -> Settings:
    """Return the settings of an app that was started by hand.

    Raises:
        UsageError: They cannot be used.
    """
    try:
        return msgspec.json.decode(os.environ.get(VARIABLE, "{}"), type=Settings)
    except msgspec.DecodeError as error:
        raise UsageError(f"{VARIABLE}: {error}; start the dashboard by 'loradiag dashboard'") from error

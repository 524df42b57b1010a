"""What a user may ask of the callback, checked when it is made: an hour into a run is too late."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import msgspec

from loradiag.api.judging import default_policy, read_policy
from loradiag.callbacks.stopping import StopOn
from loradiag.core.errors import UsageError
from loradiag.core.policy import Policy
from loradiag.core.text import printable


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """As :class:`~loradiag.callbacks.health.LoraHealthCallback` documents them, the policy read."""

    every: int | None
    budget: float | None
    adapter_name: str | None
    policy: Policy
    stop_on: StopOn | None
    grace: int
    reports: bool
    prefix: str


def checked(*, policy: Policy | str | Path | None, trainer: Any, **given: Any) -> Options:
    """Check options and read the policy.

    Raises:
        UsageError: One of them cannot be.
        PolicyError: The policy cannot be read or used.
    """
    if trainer is not None and not hasattr(trainer, "callback_handler"):
        raise UsageError("the first argument is the Trainer; name the others: LoraHealthCallback(trainer, every=50)")
    for name, least in (("every", 1), ("grace", 0)):
        value = given[name]
        if not (name == "every" and value is None) and (type(value) is not int or value < least):
            raise UsageError(f"{name} must be a whole number of steps from {least} on, not {_shown(value)}")
    budget = given["budget"]
    if budget is not None and not (type(budget) in (int, float) and 0 < budget <= 1):
        raise UsageError(
            f"budget must be a share of the time, more than 0 and at most 1, or None, not {_shown(budget)}"
        )
    if given["stop_on"] not in (None, *get_args(StopOn)):
        raise UsageError(f"stop_on must be 'error', 'warning' or None, not {_shown(given['stop_on'])}")
    for name in ("adapter_name", "prefix"):
        if not isinstance(given[name], str) and not (name == "adapter_name" and given[name] is None):
            raise UsageError(f"{name} must be text, not {_shown(given[name])}")
    resolved = policy if isinstance(policy, Policy) else default_policy() if policy is None else read_policy(policy)
    return Options(policy=resolved, **given)


def _shown(value: object) -> str:
    return printable(repr(value))[:60]

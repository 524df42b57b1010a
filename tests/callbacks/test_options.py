"""What a user may ask for is checked when the callback is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loradiag.callbacks.options import Options, checked
from loradiag.core.errors import PolicyError, UsageError

USUAL: dict[str, Any] = {
    "trainer": None,
    "every": 50,
    "budget": 0.01,
    "adapter_name": None,
    "policy": None,
    "stop_on": None,
    "grace": 100,
    "reports": False,
    "prefix": "lora/",
}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"every": 0}, "every must be a whole number of steps from 1 on, not 0"),
        ({"every": True}, "every must be"),
        ({"every": 2.0}, "every must be"),
        ({"grace": -1}, "grace must be a whole number of steps from 0 on"),
        ({"grace": None}, "grace must be"),
        ({"budget": 0}, "budget must be a share"),
        ({"budget": 1.5}, "budget must be a share"),
        ({"budget": "1%"}, "budget must be a share"),
        ({"budget": float("nan")}, "budget must be a share"),
        ({"stop_on": "info"}, "stop_on must be 'error', 'warning' or None, not 'info'"),
        ({"adapter_name": 3}, "adapter_name must be text"),
        ({"prefix": None}, "prefix must be text"),
        ({"trainer": 50}, "the first argument is the Trainer"),
    ],
)
def test_wrong_arguments_are_refused(wrong: dict[str, Any], words: str) -> None:
    """Each with a sentence that names the argument."""
    with pytest.raises(UsageError, match=words):
        checked(**USUAL | wrong)


def test_a_policy_may_be_a_file(tmp_path: Path) -> None:
    """A path is read; what is wrong in it is said at once."""
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('fail-on = "warning"\n')
    bad.write_text("colour = 1\n")
    options = checked(**USUAL | {"policy": good})
    assert isinstance(options, Options)
    assert options.policy.fail_on == "warning"
    assert checked(**USUAL | {"policy": options.policy}).policy is options.policy
    with pytest.raises(PolicyError):
        checked(**USUAL | {"policy": str(bad)})

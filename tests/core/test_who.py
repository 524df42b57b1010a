"""Who runs the program."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from loradiag.core.who import user

VARIABLES = ("LOGNAME", "USER", "LNAME", "USERNAME")


def test_the_environment_says_who(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system's own programs take it."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "ada")
    assert user() == "ada"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may become somebody else")
def test_a_user_without_a_name() -> None:
    """Containers run as such."""
    code = "import os, getpass; from loradiag.core.who import user; os.setuid(54321); print(user())"
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "unknown\n"

"""What importing the functions costs."""

import subprocess
import sys
from pathlib import Path

import pytest

import loradiag.api


def test_a_function_brings_no_other_commands_along() -> None:
    """Inspecting starts without the modules of the watch, the registry or forgetting."""
    code = "import sys; from loradiag.api import inspect_all; print(*sorted(m for m in sys.modules if 'loradiag.api.' in m))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert found == ["loradiag.api.inspecting", "loradiag.api.judging"]


def test_every_name_is_there() -> None:
    """What is offered can be had, under the name that it was given where it is written."""
    for name in loradiag.api.__all__:
        assert getattr(loradiag.api, name).__name__ == name


def test_no_file_has_the_name_of_a_function() -> None:
    """Python puts an imported file in its package's place of that name, where the function would be."""
    files = {path.stem for path in Path(loradiag.api.__file__).parent.glob("*.py")}
    assert not files & set(loradiag.api.__all__)


def test_a_name_that_is_not_there() -> None:
    """The error names the module, as Python's own does."""
    with pytest.raises(AttributeError, match=r"module 'loradiag\.api' has no attribute 'inspekt'"):
        loradiag.api.inspekt  # noqa: B018

"""What importing the callbacks costs, and what is said where transformers is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.test_imports import HEAVY, imported


@pytest.mark.parametrize("module", ["loradiag", "loradiag.callbacks"])
def test_importing_loads_no_framework(module: str) -> None:
    """Neither torch nor transformers nor numpy is imported before the class is asked for."""
    assert not imported(f"import {module}\ndir({module})") & {"numpy", "msgspec", *HEAVY}


def test_the_class_is_listed_without_being_imported() -> None:
    """Completion finds it."""
    import loradiag.callbacks

    assert dir(loradiag.callbacks) == ["LoraHealthCallback"]


@pytest.mark.parametrize("package", ["transformers", "peft"])
def test_a_missing_package_is_named_with_its_extra(package: str) -> None:
    """Asking for the class without the package says what to install, as everywhere else."""
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from loradiag.core.errors import MissingExtraError\n"
        "try:\n    from loradiag.callbacks import LoraHealthCallback\n"
        "except MissingExtraError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == f"this needs the package {package}: pip install 'loradiag[merge]'", done.stderr


def test_other_names_are_missing() -> None:
    """The module has no other names."""
    import loradiag.callbacks

    with pytest.raises(AttributeError, match="no attribute 'Callback'"):
        _ = loradiag.callbacks.Callback

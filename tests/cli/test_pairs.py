"""Options of the form NAME=VALUE."""

from __future__ import annotations

import pytest

from loradiag.cli.pairs import name_and_number, name_and_value
from loradiag.core.errors import UsageError


@pytest.mark.parametrize(
    ("word", "last", "expected"),
    [
        ("a=b", False, ("a", "b")),
        (" a = b ", False, ("a", "b")),
        ("a=b=c", False, ("a", "b=c")),
        ("a=b=c", True, ("a=b", "c")),
        ("a=", False, ("a", "")),
    ],
)
def test_both_sides(word: str, last: bool, expected: tuple[str, str]) -> None:
    """Of the first sign, or of the last."""
    assert name_and_value("--x", word, last=last) == expected


@pytest.mark.parametrize("word", ["", "a", "=b", " =b"])
def test_what_is_no_pair(word: str) -> None:
    """Is said with the option and the form."""
    for function in (name_and_value, name_and_number):
        with pytest.raises(UsageError, match=f"^--x {word}: write KEY=1$"):
            function("--x", word, "KEY=1")


def test_numbers() -> None:
    """As Python reads them; what is none is shown without what a terminal obeys."""
    assert name_and_number("--x", "a=1e-3") == ("a", 0.001)
    for value in ("", "much", "\x1b[31m"):
        with pytest.raises(UsageError, match="is no number; write NAME=NUMBER") as caught:
            name_and_number("--x", f"a={value}")
        assert "\x1b" not in str(caught.value)

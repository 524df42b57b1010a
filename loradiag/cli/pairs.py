"""Options of the form NAME=VALUE."""

from __future__ import annotations

from loradiag.core.errors import UsageError
from loradiag.core.text import printable


def name_and_value(option: str, word: str, form: str = "NAME=VALUE", *, last: bool = False) -> tuple[str, str]:
    """Return both sides of the equals sign, without the space around them.

    Args:
        option: For messages.
        word: What was given.
        form: What should have been given, for messages.
        last: Whether the last sign parts them, so that names may have some; else the first one, so that values may.

    Raises:
        UsageError: There is no sign, or no name before it.
    """
    name, sign, value = word.rpartition("=") if last else word.partition("=")
    if not (sign and name.strip()):
        raise UsageError(f"{option} {printable(word)}: write {form}")
    return name.strip(), value.strip()


def name_and_number(option: str, word: str, form: str = "NAME=NUMBER", *, last: bool = False) -> tuple[str, float]:
    """Do so where the value is a number.

    Raises:
        UsageError: As of :func:`name_and_value`, or the value is no number.
    """
    name, value = name_and_value(option, word, form, last=last)
    try:
        return name, float(value)
    except ValueError as error:
        raise UsageError(f"{option} {printable(word)}: {printable(value)!r} is no number; write {form}") from error

"""Who runs the program, as diaries name whoever did something."""

from __future__ import annotations


def user() -> str:
    """The name of the user, or ``unknown``."""
    import getpass  # takes milliseconds

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user that has no name
        return "unknown"

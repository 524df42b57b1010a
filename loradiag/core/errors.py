"""What can go wrong, as families that the command line turns into one line and an exit code."""

from __future__ import annotations

from loradiag.core.text import printable, shorten

EXIT_OK = 0
EXIT_GATE_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREADABLE = 3
EXIT_INTERRUPTED = 130
"""As a shell reports a program that an interrupt ended."""


def reason_of(error: BaseException, width: int = 160) -> str:
    """The first line of what a package's own error says, fit to stand in a line of ours; its type where it says nothing."""
    return shorten(printable(str(error).strip().partition("\n")[0] or type(error).__name__), width)


class LoradiagError(Exception):
    """Any failure that loradiag foresees. Its text is one line, fit to be shown to a user."""

    exit_code = EXIT_USAGE


class UsageError(LoradiagError):
    """The command, an option or a configuration is wrong."""


class PolicyError(UsageError):
    """A policy file cannot be used."""


class MissingExtraError(UsageError):
    """A package that only an extra installs is not here.

    Args:
        package: The package that could not be imported.
        extra: The extra of loradiag that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(f"this needs the package {package}: pip install 'loradiag[{extra}]'")


class InputError(LoradiagError):
    """An input cannot be read, or holds no adapter.

    Args:
        path: The file or directory in question, shown escaped.
        problem: What is wrong with it, in a few words.
        remedy: What the user can do about it; may be empty.
        kind: A stable word for the sort of problem (see :class:`loradiag.core.integrity.Unreadable`).
    """

    exit_code = EXIT_UNREADABLE

    def __init__(self, path: object, problem: str, remedy: str = "", kind: str = "unreadable") -> None:
        self.path = printable(str(path))
        self.problem = problem
        self.remedy = remedy
        self.kind = kind
        super().__init__(f"{self.path}: {problem}" + (f"; {remedy}" if remedy else ""))

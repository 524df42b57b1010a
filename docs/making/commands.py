"""A page for every command: what it does, arguments, options, examples and exit codes, as ``--help`` has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from loradiag.cli.main import cli
from making.prose import escaped, from_help, table

EXIT_CODES = (
    ("0", "Nothing at or above the fail level (`--fail-on`, by default `error`)."),
    ("1", 'The gate failed, or was inconclusive under a policy with `inconclusive = "fail"`.'),
    ("2", "Wrong usage, a wrong configuration, or an extra that is not installed."),
    ("3", "The input could not be read, or holds no adapter."),
    ("130", "Interrupted. What was finished is shown or kept."),
)

SHARED = frozenset({"--format", "--output", "--policy", "--fail-on", "--quiet", "--color", "--help"})

_DEFAULT = "[default: "


class Page(NamedTuple):
    """One command: its words after ``loradiag``, and the object."""

    words: tuple[str, ...]
    command: click.Command

    @property
    def address(self) -> str:
        """Where its page lies below ``commands/``."""
        place = "/".join(self.words)
        return f"{place}/index.md" if isinstance(self.command, click.Group) else f"{place}.md"

    @property
    def name(self) -> str:
        """As one types it."""
        return " ".join(("loradiag", *self.words))


def all_commands() -> list[Page]:
    """Every command and every group, in the order of ``loradiag --help``."""
    return [page for page in _below((), cli) if page.words]


def _below(words: tuple[str, ...], command: click.Command) -> Iterator[Page]:
    yield Page(words, command)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from _below((*words, name), found)


def page_of(page: Page, more: str = "") -> str:
    """The page of one command; ``more`` is put before the exit codes."""
    context = _context(page)
    first, _, rest = (page.command.help or "").partition("\n\n")
    lines = [f"# {page.name}", "", f"**{from_help(_flat(first))}**", "", "```text", _usage(page, context), "```", ""]
    lines += [f"{from_help(_flat(part))}\n" for part in rest.split("\n\n") if part.strip()]
    if isinstance(page.command, click.Group):
        lines += ["## Commands", "", *_subcommands(page, context)]
    options = [each for each in page.command.get_params(context) if isinstance(each, click.Option)]
    own = [each for each in options if not SHARED & set(each.opts)]
    lines += _options("Options", own, context)
    lines += _examples(page.command.epilog or "")
    lines += _options("Output, policy and the like", [each for each in options if each not in own], context)
    if more:
        lines += [more, ""]
    return "\n".join([*lines, "## Exit codes", "", *table(("code", "when"), EXIT_CODES)])


def navigation() -> list[Any]:
    """All pages, groups with their commands below them."""
    entries: list[Any] = ["commands/index.md"]
    groups: dict[tuple[str, ...], list[Any]] = {(): entries}
    for page in all_commands():
        place = f"commands/{page.address}"
        above = groups[page.words[:-1]]
        if isinstance(page.command, click.Group):
            groups[page.words] = [place]
            above.append({page.words[-1]: groups[page.words]})
        else:
            above.append({page.words[-1]: place})
    return entries


def index() -> str:
    """The table of all commands."""
    rows = [(f"[`{page.name}`]({page.address})", from_help(_flat(_first(page)))) for page in all_commands()]
    lines = ["# Commands", "", "Every page here is made from the program's own `--help`.", ""]
    lines += table(("command", "what it does"), rows)
    lines += ["The same exit codes hold for all of them:", "", *table(("code", "when"), EXIT_CODES)]
    return "\n".join(lines)


def _first(page: Page) -> str:
    return (page.command.help or "").partition("\n\n")[0]


def _context(page: Page) -> click.Context:
    return click.Context(page.command, info_name=page.name, help_option_names=["-h", "--help"])


def _usage(page: Page, context: click.Context) -> str:
    return " ".join([page.name, *page.command.collect_usage_pieces(context)])


def _flat(text: str) -> str:
    return " ".join(text.replace("\b", "").split())


def _subcommands(page: Page, context: click.Context) -> list[str]:
    assert isinstance(page.command, click.Group)
    rows = []
    for name in page.command.list_commands(context):
        below = Page((*page.words, name), page.command.get_command(context, name) or page.command)
        rows.append((f"[`{name}`]({name}.md)", from_help(_flat(_first(below)))))
    return table(("command", "what it does"), rows)


def _options(title: str, options: list[click.Option], context: click.Context) -> list[str]:
    rows = []
    for option in options:
        words, default = _split(option.help or "")
        if option.required:
            default = "required"
        rows.append((_named(option, context), from_help(words) + _choices(option), default))
    found = table(("option", "meaning", "default"), rows)
    return [f"## {title}", "", *found] if found else []


def _split(text: str) -> tuple[str, str]:
    """The words of a help text, and what it says of the default."""
    words, _, default = _flat(text).partition(_DEFAULT)
    return words.strip(), from_help(default.removesuffix("]"))


def _named(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    if option.is_flag or option.count:
        return names
    if isinstance(option.type, click.Choice):
        return names
    return f"{names} {escaped(option.make_metavar(context))}"


def _choices(option: click.Option) -> str:
    if not isinstance(option.type, click.Choice):
        return ""
    return " One of " + ", ".join(f"`{each}`" for each in option.type.choices) + "."


def _examples(epilog: str) -> list[str]:
    """Examples as a block, and what else stands below a help text as prose."""
    commands: list[str] = []
    prose: list[str] = []
    for part in epilog.replace("\b\n", "\n\n").split("\n\n"):
        text = part.strip("\n")
        if text.startswith(("Example:", "Examples:")):
            commands += _commands_of(text.partition(":")[2])
        elif text.strip():
            prose.append(from_help(_flat(text)) + "\n")
    block = ["## Examples", "", "```bash", *commands, "```", ""] if commands else []
    return [*block, *prose]


def _commands_of(text: str) -> list[str]:
    lines = [line.removeprefix("  ") for line in text.split("\n") if line.strip()]
    if len(lines) == 1 and not text.startswith("\n"):
        return [each.strip() for each in re.split(r"\s{3,}", lines[0].strip())]
    return lines

"""Identities and stamps for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from loradiag.core.text import plural, printable, shorten
from loradiag.outputs.console import as_text
from loradiag.outputs.facts import size
from loradiag.stamping.fingerprint import BaseIdentity
from loradiag.stamping.stamp import Stamped

PARTS = 12
_SAMPLE = (
    "A sample of 64 KiB of each tensor: it tells one model or training run from another, not a base from itself with a few "
    "numbers changed."
)


def render_identity(identity: BaseIdentity, *, color: bool, width: int, verbose: bool) -> str:
    """Return the text of a base's identity."""
    return as_text(_identity(identity, verbose), color=color, width=width)


def render_stamped(result: Stamped, *, color: bool, width: int) -> str:
    """Return the text of a stamp that was written, or was there already."""
    return as_text(_stamped(result, width), color=color, width=width)


def _facts() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _identity(identity: BaseIdentity, verbose: bool) -> Iterable[RenderableType]:
    yield Text(printable(identity.name), style="bold underline")
    facts = _facts()
    if identity.revision:
        facts.add_row("revision", printable(identity.revision))
    scheme = f", quantized ({printable(identity.scheme)})" if identity.scheme else ""
    held = f"{plural(identity.tensors, 'tensor')}, {size(identity.bytes)} in {plural(identity.files, 'file')}{scheme}"
    facts.add_row("weights", held)
    facts.add_row("full", Text(identity.full or "not computed", style="bold" if identity.full else "dim"))
    facts.add_row("sampled", identity.sampled)
    yield facts
    yield ""
    parts = list(identity.parts.items())
    shown = parts if verbose or len(parts) <= PARTS else parts[:PARTS]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False, header_style="dim")
    table.add_column("part", overflow="fold")
    table.add_column("sampled", no_wrap=True)
    for name, digest in shown:
        table.add_row(Text(shorten(printable(name), 80)), digest)
    yield table
    if len(parts) > len(shown):
        yield Text(f"  and {plural(len(parts) - len(shown), 'part')} more: --verbose shows all", style="dim")
    if identity.full is None:
        yield ""
        yield Text(_SAMPLE, style="dim")


def _stamped(result: Stamped, width: int) -> Iterable[RenderableType]:
    stamp = result.stamp
    head = Text("✓ written: ", style="bold green") if result.written else Text("unchanged: ", style="bold")
    yield head.append(printable(result.path), style="default")
    facts = _facts()
    facts.add_row("weights", f"sha256 {stamp.adapter.sha256}")
    revision = f" @ {shorten(printable(stamp.base.revision), 40)}" if stamp.base.revision else ""
    facts.add_row("base", f"{printable(stamp.base.name)}{revision}")
    kind, digest = (
        ("full", stamp.base.fingerprint_full) if stamp.base.fingerprint_full else ("sampled", stamp.base.fingerprint)
    )
    facts.add_row("", f"{kind} {digest}")
    if stamp.data is not None:
        named = f" {printable(stamp.data.file)}" if stamp.data.file else ""
        facts.add_row("data", f"sha256 {stamp.data.sha256}{named}")
    for name, value in stamp.hyperparameters.items():
        facts.add_row(*_pair(name, value, width))
    for task, reached in stamp.evaluation.items():
        facts.add_row(*_pair(f"evaluation {task}", f"{reached:.6g}", width))
    for name, said in (("owner", stamp.owner), ("notes", stamp.notes)):
        if said:
            facts.add_row(*_pair(name, said, width))
    yield facts
    missing = [
        option
        for option, value in (("--owner", stamp.owner), ("--data", stamp.data), ("--evaluation", stamp.evaluation))
        if not value
    ]
    if missing:
        yield Text(f"not said: {', '.join(missing)} (--update adds them)", style="dim")


def _pair(name: str, value: str, width: int) -> tuple[str, str]:
    return shorten(printable(name), 30), shorten(printable(value), max(2 * (width - 32), 60))

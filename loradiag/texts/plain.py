"""Plain text: a sample a line, or a sample a paragraph."""

from __future__ import annotations

from collections.abc import Generator
from itertools import chain

from loradiag.texts.fields import MAX_SAMPLE
from loradiag.texts.flaws import TextsError
from loradiag.texts.lines import bare, lines
from loradiag.texts.source import Source

Numbered = Generator[tuple[int, str]]


def read_plain(source: Source, field: str | None) -> tuple[str, Numbered]:
    """Return ``lines`` or ``paragraphs``, and the samples with the number of the line in which each begins.

    A file in which a blank line stands between others has paragraphs, which keep their line breaks; in any other file
    each line is a sample. Blank lines separate, and are no samples.

    Args:
        source: The file.
        field: ``lines`` or ``paragraphs`` to have it so; None to let blank lines decide.

    Raises:
        TextsError: It is not UTF-8, or ``field`` is something else.
    """
    ways = {"lines": _lines, "paragraphs": _paragraphs}
    if field is None:
        field = "paragraphs" if _has_gap(source) else "lines"
    if field not in ways:
        raise TextsError(f"is plain text, of which fields are {' and '.join(ways)}", "name one of these, or none")
    return field, ways[field](source)


def _has_gap(source: Source) -> bool:
    """Whether a blank line stands between two that are not."""
    seen = gap = False
    for _, line in lines(source):
        if line.strip():
            if gap:
                return True
            seen = True
        else:
            gap = seen
    return False


def _lines(source: Source) -> Numbered:
    return ((number, bare(line)) for number, line in lines(source) if line.strip())


def _paragraphs(source: Source) -> Numbered:
    start, size, held = 0, 0, list[str]()
    for number, line in chain(lines(source), [(0, "")]):
        if line.strip():
            start = start if held else number
            held.append(bare(line))
            size += len(line)
            if size > 2 * MAX_SAMPLE:  # far too long, told before the rest of it is read; line breaks count here too
                raise TextsError(f"line {start:,}: begins a paragraph that is too long", "break it up", kind="large")
        elif held:
            yield start, "\n".join(held)
            size, held = 0, []

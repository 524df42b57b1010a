"""Results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.rounds import Series


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return an aligned table; every column but the first is set to the right."""
    body = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in body) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [":" + "-" * (width - 1) if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join([line(body[0]), line(rule), *(line(row) for row in body[1:])])


COSTS = ("process", "wall median", "wall min", "spread", "CPU", "peak", "× control", "× control (min)")


def costs(series: Iterable[Series], control: Series) -> str:
    """Return the table of what some processes cost beside the control."""
    return markdown(COSTS, (_cost(found, control) for found in series))


def _cost(found: Series, control: Series) -> list[str]:
    return [
        found.name,
        f"{found.wall:.3f} s",
        f"{found.best:.3f} s",
        f"{found.spread:.0%}",
        f"{found.cpu:.3f} s",
        f"{found.peak:.0f} MB",
        f"{found.wall / control.wall:.2f}",
        f"{found.best / control.best:.2f}",
    ]


def met(what: str, value: float, limit: float, unit: str = "") -> str:
    """Say in one line whether a target is met."""
    return f"- {what}: {value:.3g}{unit}, target at most {limit:g}{unit}: {'met' if value <= limit else 'MISSED'}"

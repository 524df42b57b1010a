"""``loradiag fleet``: hundreds of adapters at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import output_options, pickle_option
from loradiag.core.errors import EXIT_INTERRUPTED, UsageError
from loradiag.core.text import printable

if TYPE_CHECKING:
    from loradiag.cli.emit import Output
    from loradiag.core.report import Report


@click.command(
    epilog="""\b
Examples:
  loradiag fleet adapters/                                    # every adapter below; the second time in a moment
  loradiag fleet 'teams/*/adapters' s3://models/adapters -o fleet.html -o fleet.json --table fleet.parquet
  loradiag fleet adapters/ --overlap '*.layers.0.self_attn.q_proj' --overlap-folder overlaps/
  loradiag fleet adapters/ --registry fleet.sqlite            # and keep what is known of them
  loradiag fleet /mnt/adapters --engine ray --ray-address auto"""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=str))
@click.option("--checkpoints", is_flag=True, help="Count every checkpoint of a run. [default: its last one]")
@click.option("--fresh", is_flag=True, help="Measure again what is remembered.")
@click.option("--related/--no-related", default=True, help="Look for related adapters. [default: on]")
@click.option(
    "--overlap",
    multiple=True,
    metavar="MODULE",
    help="Hold all adapters against all on these modules (with * and ?); may be repeated.",
)
@click.option(
    "--overlap-folder", metavar="DIR", type=click.Path(path_type=str), help="Write the matrices there, as .npy."
)
@click.option(
    "--table", metavar="FILE", type=click.Path(path_type=str), help="Write the table: .parquet, .csv or .json."
)
@click.option(
    "--reports", metavar="DIR", type=click.Path(path_type=str), help="Write the report of every adapter there."
)
@click.option(
    "--registry",
    metavar="PATH_OR_URL",
    help="Record every adapter in this registry (see loradiag registry). [default: none]",
)
@click.option("--engine", default="local", metavar="NAME", help="local, or ray: the same results. [default: local]")
@click.option("--ray-address", metavar="ADDRESS", help="Of a cluster: auto, ray://host:10001. [default: a local one]")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes. [default: as many as there are cores]")
@pickle_option
@click.option("-v", "--verbose", is_flag=True, help="Show every adapter and every pair.")
@output_options
def fleet(
    paths: tuple[str, ...],
    table: str | None,
    reports: str | None,
    registry: str | None,
    verbose: bool,
    output: Output,
    **options: Any,
) -> None:
    """Measure every adapter below some paths, and say what they are together.

    PATH is a directory that is searched through, an adapter, a pattern, or a URL (s3://…, hf://owner/name). Each adapter is
    inspected once for each state of its files and remembered; a bad one costs only its own row. Together they are held
    against their own bands; copies, relatives, bases of one name and orphans are found.
    """
    from loradiag.api import InterruptedScanError
    from loradiag.api import scan_fleet as run
    from loradiag.cli.emit import exit_code, tell_unused
    from loradiag.cli.progress import Bar

    output.check_places(reports)
    if table:
        from loradiag.fleet.tables import check_table

        check_table(table)
    interrupted = False
    with Bar(enabled=not output.quiet) as bar, _recorder(registry) as record:
        write = _writer(reports)

        def each(report: Report) -> None:
            for told in filter(None, (write, record)):
                told(report)

        try:
            asked = each if reports or registry else None
            report = run(paths, policy=output.policy, each=asked, progress=bar.stage, **options)
        except InterruptedScanError as stopped:
            report, interrupted = stopped.report, True
    if table and report.measurements.fleet is not None:
        from loradiag.fleet.tables import write_table

        write_table(report.measurements.fleet, Path(table))
    output.emit([report], verbose=verbose)
    tell_unused([report])
    if interrupted:
        click.echo("loradiag: interrupted; what was measured is remembered, and the same command goes on", err=True)
    sys.exit(EXIT_INTERRUPTED if interrupted else exit_code([report]))


@contextmanager
def _recorder(where: str | None) -> Iterator[Callable[[Report], None] | None]:
    """What records the reports of adapters that could be read, some hundred at a time."""
    if where is None:
        yield None
        return
    from loradiag.registry.recording import BATCH, Item, record_all
    from loradiag.registry.store import open_store

    store = open_store(where)
    waiting: list[Item] = []

    def record(report: Report) -> None:
        if report.subject.sha256:
            waiting.append((report, None, report.subject.path))
        if len(waiting) >= BATCH:
            record_all(store, waiting)
            waiting.clear()

    try:
        yield record
        record_all(store, waiting)
    finally:
        store.close()


def _writer(folder: str | None) -> Callable[[Report], None] | None:
    """What writes the report of each adapter, named by its content; of those of one name by its path as well.

    Raises:
        UsageError: The folder cannot be made.
    """
    if folder is None:
        return None
    import hashlib

    from loradiag.core.report import encode
    from loradiag.storage.writing import write_whole

    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--reports {printable(folder)}: cannot be written ({error.strerror})") from error
    taken: dict[str, str] = {}

    def write(report: Report) -> None:
        path = report.subject.path
        stem = printable(Path(path).name).encode()[:80].decode(errors="ignore") or "adapter"
        name = f"{stem}-{(report.subject.sha256 or 'unreadable')[:16]}"
        if taken.setdefault(name, path) != path:
            name += f"-{hashlib.sha256(path.encode()).hexdigest()[:8]}"
        write_whole(place / f"{name}.json", encode(report))

    return write

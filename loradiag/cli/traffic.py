"""``loradiag traffic``: request logs into the lake, and what is in it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.emit import Display, echo_json
from loradiag.cli.options import result_options
from loradiag.core.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_UNREADABLE
from loradiag.core.text import plural, printable, shorten

if TYPE_CHECKING:
    from loradiag.outputs.style import Style
    from loradiag.traffic.ingesting import Ingested
    from loradiag.traffic.stats import Coverage, Stats

_lake_option = click.option(
    "--lake", required=True, metavar="DIR_OR_URL", type=click.Path(path_type=str), help="The lake."
)


@click.group(
    epilog="""\b
Examples:
  loradiag traffic ingest logs/*.jsonl.gz --lake lake/ --encoder encoders/minilm/
  loradiag traffic stats --lake lake/
  loradiag traffic compact --lake lake/"""
)
def traffic() -> None:
    """Request logs into the lake, a folder of Parquet files, and what is in it."""


@traffic.command(
    "ingest",
    epilog="""\b
Examples:
  loradiag traffic ingest logs/*.jsonl.gz --lake lake/ --encoder encoders/minilm/
  loradiag traffic ingest fixtures/traffic/requests.jsonl.gz --lake lake/ --encoder fixtures/encoder --base-model base
  loradiag traffic ingest /var/log/vllm/ --follow --lake lake/ --encoder encoders/minilm/ --models models.json
  loradiag traffic ingest export.csv --lake lake/ --map text=prompt_col,adapter=lora,time=ts
  kubectl logs deploy/vllm | loradiag traffic ingest - --lake lake/""",
)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(path_type=str))
@_lake_option
@click.option("--encoder", metavar="NAME_OR_DIR", help="A sentence-transformers model that embeds what users asked.")
@click.option("--device", metavar="DEVICE", help="Where the encoder runs. [default: a GPU if there is one]")
@click.option(
    "--from", "source", metavar="FORMAT", help="openai, litellm, otel, langfuse or generic. [default: by record]"
)
@click.option("--map", "fields", metavar="NAME=FIELD,…", help="Where text, time, adapter, id, … are in other records.")
@click.option("--adapter", metavar="NAME", help="The adapter of all requests. [default: as logged]")
@click.option(
    "--base-model", "base_models", multiple=True, metavar="NAME", help="A model that is no adapter; may be repeated."
)
@click.option(
    "--models",
    metavar="FILE",
    type=click.Path(path_type=str),
    help="What /v1/models answered: tells adapters from bases.",
)
@click.option(
    "--alias", "aliases", multiple=True, metavar="LOGGED=NAME", help="Another name of an adapter; may be repeated."
)
@click.option("--embeddings-by", metavar="NAME_OR_DIR", help="The encoder that made the vectors which the logs carry.")
@click.option("--keep-text", is_flag=True, help="Store prompts and responses too. [default: only numbers and vectors]")
@click.option("--follow", is_flag=True, help="Go on with what is appended to the files, until interrupted.")
@click.option(
    "--every",
    type=click.FloatRange(0.1),
    default=10.0,
    metavar="SECONDS",
    help="With --follow: write so often. [default: 10]",
)
@result_options()
def ingest(sources: tuple[str, ...], lake: str, *, display: Display, **options: Any) -> None:
    """Read request logs into the lake; what lies there already is not doubled.

    SOURCE is a file (JSON a line, JSON, CSV, TSV, Parquet, also gzipped), a pattern, a directory, or - for standard input:
    logs of OpenAI-style servers (vLLM, SGLang, Ray Serve), LiteLLM, OpenTelemetry GenAI, Langfuse, or any other by --map.
    Texts are embedded and forgotten unless --keep-text. Lines that cannot be read are counted and kept aside with the reason.
    """
    from loradiag.api.traffic import InterruptedIngestError
    from loradiag.api.traffic import ingest as run
    from loradiag.cli.progress import Bar

    code = EXIT_OK
    with Bar(enabled=not display.quiet, unit="records") as bar:
        bar.subject("records")
        try:
            done = run(sources, lake, progress=lambda count: bar.advance(count, 0), **options)
        except InterruptedIngestError as stopped:
            done, code = stopped.done, EXIT_INTERRUPTED
    if display.json:
        echo_json(done)
    elif not display.quiet:
        _told(done, lake, display.style().color)
    for path, problem in done.unreadable.items():
        click.echo(f"loradiag: {path}: {problem}", err=True)
    if code:
        click.echo("loradiag: interrupted; what was read is in the lake, and the same command goes on", err=True)
    elif done.records and not done.requests and not done.skipped:
        code = EXIT_UNREADABLE
        if display.quiet or display.json:
            click.echo("loradiag: no record could be read", err=True)
    sys.exit(code)


def _told(done: Ingested, lake: str, colored: bool) -> None:
    title = f"{printable(lake)}: {plural(done.written, 'request')} written"
    known = f", {done.duplicates:,} known already" if done.duplicates else ""
    click.echo(click.style(title, bold=True) + known if colored else title + known)
    said = [("records", f"{done.records:,} read" + (f", {done.skipped:,} about other things" if done.skipped else ""))]
    said += [("from", _counts(done.sources))]
    said += [("adapters", _counts(done.adapters))] if done.adapters else []
    said += [("bases", _counts(done.bases))] if done.bases else []
    missing = [
        f"{count:,} without {what}"
        for count, what in (
            (done.unattributed, "adapter"),
            (done.without_text, "text"),
            (done.without_time, "time"),
            (done.written - done.embedded, "embedding"),
        )
        if count
    ]
    said += [("missing", ", ".join(missing))] if missing else []
    said += [("cut", f"{plural(done.cut, 'text')} to a million characters")] if done.cut else []
    said += [("rejected", _counts(done.rejected))] if done.rejected else []
    for label, text in said:
        if text:
            click.echo(f"  {label:<9} {text}")


def _counts(found: dict[str, int]) -> str:
    rows = sorted(found.items(), key=lambda row: -row[1])
    shown = ", ".join(f"{shorten(printable(name), 60)} {count:,}" for name, count in rows[:8])
    return shown if len(rows) <= 8 else f"{shown} and {len(rows) - 8:,} more"


@traffic.command("stats", epilog="Example: loradiag traffic stats --lake lake/ --csv coverage.csv")
@_lake_option
@click.option(
    "--csv", "csv_path", metavar="FILE", type=click.Path(dir_okay=False, path_type=str), help="Write the table as CSV."
)
@result_options()
def stats(lake: str, csv_path: str | None, *, display: Display) -> None:
    """Say what the lake has, by adapter, and how much of it can be judged."""
    from pathlib import Path

    from loradiag.api.traffic import traffic_stats
    from loradiag.storage.writing import write_whole

    found = traffic_stats(lake)
    if csv_path:
        from loradiag.traffic.stats import as_csv

        write_whole(Path(csv_path), as_csv(found))
    if display.json:
        echo_json(found)
    elif not display.quiet:
        _table(found, display.style())


def _table(found: Stats, style: Style) -> None:
    from rich.text import Text

    from loradiag.outputs.console import as_text
    from loradiag.outputs.terminal.columns import columns, fitting, plain

    every = columns(
        found.rows,
        [
            ("requests", 9, lambda row: f"{row.requests:,}"),
            ("days", 8, lambda row: f"{row.days:,}"),
            ("first", 2, lambda row: (row.first or "–")[:10]),
            ("last", 3, lambda row: (row.last or "–")[:10]),
            ("text", 5, lambda row: _share(row, row.texts)),
            ("embedded", 7, lambda row: _share(row, row.embedded)),
            ("logprobs", 6, lambda row: _share(row, row.logprobs)),
            ("prompt logprobs", 1, lambda row: _share(row, row.prompt_logprobs)),
            ("answers", 4, lambda row: _share(row, row.responses)),
            ("failed", 0, lambda row: _share(row, row.failed)),
        ],
    )
    names = [shorten(printable(_name(row)), 40) for row in found.rows]
    widest = max(map(len, names), default=0)
    kept = fitting(every, style.width - max(widest, 7) - 3)
    table = plain()
    table.add_column("adapter", no_wrap=True)
    for column in kept:
        table.add_column(column.title, justify="right", no_wrap=True)
    for number, (name, row) in enumerate(zip(names, found.rows, strict=True)):
        shown = Text(name, style="" if row.adapter is not None else "dim")
        table.add_row(shown, *(column.cells[number] for column in kept))
    head = f"{printable(found.lake)}: {plural(found.requests, 'request')} in {plural(found.files, 'file')}"
    parts: list[Any] = [Text(head, style="bold"), table, *(Text(line, style="dim") for line in _below(found))]
    sys.stdout.write(as_text(parts, color=style.color, width=style.width))


def _name(row: Coverage) -> str:
    if row.adapter is not None:
        return row.adapter
    return f"(base {row.base})" if row.base is not None else "(nobody)"


def _share(row: Coverage, count: int) -> str:
    if not row.requests or not count:
        return "–"
    return "100%" if count == row.requests else f"{min(count / row.requests, 0.999):.1%}"


def _below(found: Stats) -> list[str]:
    lines = [f"from {_counts(found.sources)}"] if found.sources else []
    lines += (
        [f"encoders {_counts({name[:16]: count for name, count in found.encoders.items()})}"] if found.encoders else []
    )
    lines += [f"kept aside {_counts(found.rejected)}"] if found.rejected else []
    return lines + [f"left out {printable(file.file)}: {printable(file.problem)}" for file in found.flawed_files]


@traffic.command("compact", epilog="Example: loradiag traffic compact --lake lake/")
@_lake_option
@result_options()
def compact(lake: str, *, display: Display) -> None:
    """Merge the small files that many runs have left; safe while others read and write.

    Merged files are passed over at once, and removed by a later run, an hour after.
    """
    from loradiag.api.traffic import compact as run
    from loradiag.cli.progress import Bar

    with Bar(enabled=not display.quiet, unit="folders") as bar:
        bar.subject("folders")
        done = run(lake, progress=bar.advance)
    if display.json:
        echo_json(done)
    elif not display.quiet:
        said = f", {plural(done.repeated, 'repeated row')} left out" if done.repeated else ""
        said += f", {plural(done.removed, 'merged file')} removed" if done.removed else ""
        title = f"{printable(lake)}: {plural(done.before, 'file')} → {done.after:,}"
        click.echo((click.style(title, bold=True) if display.style().color else title) + said)


@traffic.command(
    "embed",
    epilog="""\b
Examples:
  loradiag traffic embed --lake lake/ --encoder encoders/minilm/
  loradiag traffic embed --lake s3://ops/lake --encoder encoders/minilm/ --engine ray --ray-address auto""",
)
@_lake_option
@click.option("--encoder", required=True, metavar="NAME_OR_DIR", help="A sentence-transformers model.")
@click.option("--device", metavar="DEVICE", help="Where the encoder runs. [default: a GPU if there is one]")
@click.option("--engine", default="local", metavar="NAME", help="local, or ray. [default: local]")
@click.option("--ray-address", metavar="ADDRESS", help="Of a cluster: auto, ray://host:10001. [default: a local one]")
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Processes. [default: 1; of ray the cluster's CPUs]"
)
@result_options()
def embed(lake: str, *, display: Display, **options: Any) -> None:
    """Embed the texts that the lake keeps, where they have no vector yet by this encoder.

    For a lake that was filled with --keep-text and without an encoder, or with another one. Goes on where it was interrupted.
    """
    from loradiag.api import embed_traffic as run
    from loradiag.cli.progress import Bar

    with Bar(enabled=not display.quiet, unit="files") as bar:
        done = run(lake, progress=bar.stage, **options)
    if display.json:
        echo_json(done)
    elif not display.quiet:
        said = f", {done.known:,} had a vector" if done.known else ""
        said += f", {done.without_text:,} have no text" if done.without_text else ""
        title = f"{printable(lake)}: {plural(done.embedded, 'request')} embedded"
        click.echo((click.style(title, bold=True) if display.style().color else title) + said)
    for name, problem in done.problems.items():
        click.echo(f"loradiag: {printable(name)}: {printable(problem)}", err=True)
    sys.exit(EXIT_UNREADABLE if done.problems else EXIT_OK)

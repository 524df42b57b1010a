"""``loradiag traffic ingest``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import result_options
from loradiag.cli.traffic.shared import counts, lake_option
from loradiag.core.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_UNREADABLE
from loradiag.core.text import plural, printable

if TYPE_CHECKING:
    from loradiag.cli.emit import Display
    from loradiag.traffic.ingesting import Ingested


@click.command(
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
@lake_option
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
    from loradiag.cli.emit import echo_json
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
        _told(done, lake, display)
    for path, problem in done.unreadable.items():
        click.echo(f"loradiag: {path}: {problem}", err=True)
    if code:
        click.echo("loradiag: interrupted; what was read is in the lake, and the same command goes on", err=True)
    elif done.records and not done.requests and not done.skipped:
        code = EXIT_UNREADABLE
        if display.quiet or display.json:
            click.echo("loradiag: no record could be read", err=True)
    sys.exit(code)


def _told(done: Ingested, lake: str, display: Display) -> None:
    title = f"{printable(lake)}: {plural(done.written, 'request')} written"
    known = f", {done.duplicates:,} known already" if done.duplicates else ""
    click.echo(display.title(title) + known)
    said = [("records", f"{done.records:,} read" + (f", {done.skipped:,} about other things" if done.skipped else ""))]
    said += [("from", counts(done.sources))]
    said += [("adapters", counts(done.adapters))] if done.adapters else []
    said += [("bases", counts(done.bases))] if done.bases else []
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
    said += [("rejected", counts(done.rejected))] if done.rejected else []
    for label, text in said:
        if text:
            click.echo(f"  {label:<9} {text}")

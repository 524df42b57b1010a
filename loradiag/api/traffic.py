"""Request logs into the lake, and what is in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loradiag.api.places import file_here, here, sent_back
from loradiag.core.errors import InputError, UsageError
from loradiag.core.text import printable
from loradiag.storage.urls import is_remote, remote_files, shown

if TYPE_CHECKING:
    from loradiag.traffic.compacting import Compacted
    from loradiag.traffic.ingesting import Ingested, Ingestion
    from loradiag.traffic.stats import Stats

Progress = Callable[[int], None]


class InterruptedIngestError(KeyboardInterrupt):
    """Ingestion was interrupted. What was read by then is in the lake, and ``done`` says how much it was."""

    def __init__(self, done: Ingested) -> None:
        self.done = done
        super().__init__("interrupted")


def ingest(
    sources: Sequence[str | Path],
    lake: str | Path,
    *,
    encoder: str | None = None,
    device: str | None = None,
    source: str | None = None,
    fields: str | None = None,
    adapter: str | None = None,
    base_models: Sequence[str] = (),
    models: str | Path | None = None,
    aliases: Sequence[str] = (),
    embeddings_by: str | None = None,
    keep_text: bool = False,
    follow: bool = False,
    every: float = 10.0,
    progress: Progress | None = None,
) -> Ingested:
    """Read request logs into a lake. A record that lies there already is not written again.

    Args:
        sources: Files, patterns, directories, URLs of these, or ``-`` for standard input.
        lake: A folder, or the URL of one; made if there is none.
        encoder: A sentence-transformers model that embeds what users asked; without one nothing is embedded.
        device: Where the encoder runs; a GPU if there is one, where None.
        source: The format of all records: openai, litellm, otel, langfuse, generic; told record by record if None.
        fields: Where things are in records of no known format: ``text=prompt_col,time=ts``.
        adapter: The adapter of all requests.
        base_models: Models that are no adapters.
        models: A file with what a server's ``/v1/models`` answered.
        aliases: ``LOGGED=NAME``.
        embeddings_by: The encoder that made the vectors which logs carry, so that they can be compared with a baseline's.
        keep_text: Whether prompts and responses are stored in the lake.
        follow: Whether to go on with what is appended, until interrupted.
        every: With ``follow``: seconds after which what was read is written.
        progress: Told how many records are done.

    Raises:
        InputError: No source, or not the encoder, can be read. Of several sources those that cannot are in the result.
        InterruptedIngestError: It was interrupted; what was read is in the lake.
        MissingExtraError: A package of the drift extra is not installed.
        UsageError: An option makes no sense, or the lake cannot be written.
    """
    from loradiag.embeddings.encoder import load_encoder
    from loradiag.traffic.following import Follower
    from loradiag.traffic.ingesting import Ingestion, Options
    from loradiag.traffic.naming import names_of
    from loradiag.traffic.sources import SOURCES
    from loradiag.traffic.sources.generic import parse_map

    if source is not None and source not in SOURCES:
        raise UsageError(f"--from {printable(source)}: there are {', '.join(SOURCES)}")
    if fields and source not in (None, "generic"):
        raise UsageError("--map says where things are in records of no known format: leave --from out")
    paths = [str(path) for path in sources]
    if follow and any(path == "-" or is_remote(path) for path in paths):
        raise UsageError("--follow watches files and directories of this machine, no URL and not standard input")
    named, unread = (paths, {}) if follow else _named(paths, Path(lake))
    options = Options(
        names=names_of(adapter, tuple(base_models), models, tuple(aliases)),
        source=source,
        fields=parse_map(fields) if fields else {},
        keep_text=keep_text,
        given_by=load_encoder(embeddings_by, device=device).identity if embeddings_by else None,
    )
    loaded = load_encoder(encoder, device=device) if encoder else None
    with sent_back(lake) as (place, send):
        run = Ingestion(place, loaded, options, progress or _silent)
        for path, error in unread.items():
            run.unread(path, error)
        try:
            if follow:
                Follower(run, place, named, every, send).follow()
            _take(run, named, unread)
            run.finish()
        except KeyboardInterrupt as stopped:
            run.flush()  # a second interrupt leaves it, to be read again
            raise InterruptedIngestError(run.done) from stopped
    if unread and not run.done.records:
        raise next(iter(unread.values()))
    return run.done


def _take(run: Ingestion, named: Sequence[str], unread: dict[str, InputError]) -> None:
    """Take file after file; those that cannot be read are put into ``unread``."""
    from loradiag.traffic.records import records

    for path in named:
        try:
            with file_here(path) as file:
                run.take(shown(path), records(file))
        except InputError as error:
            unread[path] = error
            run.unread(shown(path), error)


def _named(paths: Sequence[str], lake: Path) -> tuple[list[str], dict[str, InputError]]:
    """The files that sources name, and those sources that name none.

    Raises:
        InputError: No source names anything.
    """
    from loradiag.traffic.records import is_log, sources_of

    found: dict[str, None] = {}
    unread: dict[str, InputError] = {}
    for path in paths:
        try:
            names = remote_files(path, is_log) if is_remote(path) else sources_of([path], lake)
            if not names:
                raise InputError(shown(path), "names no log", "check the URL", "missing")
            found.update(dict.fromkeys(names))
        except InputError as error:
            unread[path] = error
    if unread and not found:
        raise next(iter(unread.values()))
    return list(found), unread


def traffic_stats(lake: str | Path) -> Stats:
    """Count what a lake has: requests by adapter, how much of them is known, and what was left out.

    Raises:
        InputError: There is no such lake.
        MissingExtraError: A package of the drift extra is not installed.
    """
    from loradiag.traffic.stats import stats

    return stats(here(lake), shown(lake))


def compact(lake: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Compacted:
    """Merge the small files of a lake.

    Raises:
        InputError: There is no such lake.
        MissingExtraError: A package of the drift extra is not installed.
        UsageError: It cannot be written.
    """
    from loradiag.traffic.compacting import compact as run

    here(lake)  # a URL that holds nothing
    removed: list[Path] = []
    with sent_back(lake) as (place, send):
        try:
            return run(place, progress or _silent_of, removed=removed.append)
        finally:
            send(removed)


def _silent(done: int) -> None:
    """Progress that nobody watches."""


def _silent_of(done: int, total: int) -> None:
    """Progress that nobody watches."""

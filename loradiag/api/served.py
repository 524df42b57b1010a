"""Adapters behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from loradiag.api.beside import Stages, silent
from loradiag.api.judging import default_policy, judged, read_reports
from loradiag.core.errors import InputError, UsageError
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import Accounting, Report, Subject
from loradiag.core.text import printable

if TYPE_CHECKING:
    from loradiag.analyzers.served.answers import Api
    from loradiag.analyzers.served.prompts import Prompts

PROMPTS = 32
"""Prompts that are asked, if nothing else is said."""


def serve_check(
    url: str,
    adapters: Sequence[str] = (),
    *,
    base: str | None = None,
    prompts: str | Path | None = None,
    field: str | None = None,
    limit: int = PROMPTS,
    reports: Sequence[str | Path | Report] = (),
    api: Literal["auto", "completions", "chat"] = "auto",
    key_env: str | None = None,
    max_tokens: int = 24,
    rounds: int = 2,
    concurrency: int = 8,
    switches: int = 8,
    timeout: float = 60.0,
    max_requests: int = 6500,
    seed: int = 0,
    show_text: bool = False,
    policy: Policy | None = None,
    progress: Stages | None = None,
) -> Report:
    """Ask an endpoint whether every adapter answers, as itself and not as its base, also while others are asked.

    Args:
        url: Of an OpenAI-compatible server, with or without ``/v1``.
        adapters: Their names there; those that it lists as adapters if empty.
        base: The name of the base there; what the server says of each adapter if None.
        prompts: A file of prompts of the adapters' own domain, in any format of texts; neutral ones if None.
        field: Where in a record of the file the prompt is.
        limit: Prompts at most.
        reports: ``loradiag inspect`` reports: files, ``NAME=file``, or reports. They tell what to expect of an adapter.
        api: Which API is asked; by what the server answers if ``auto``.
        key_env: The environment variable that holds the key; ``OPENAI_API_KEY`` if None.
        max_tokens: Of each answer.
        rounds: How often every prompt is asked under load, with others and without.
        concurrency: Requests at once under load.
        switches: How often each adapter is switched to, to time the first token; 0 to time nothing.
        timeout: Seconds for one answer.
        max_requests: Nothing is asked where more would be needed.
        seed: Of the order of requests under load.
        show_text: Keep the texts of answers that changed; otherwise hashes and lengths.
        policy: What to judge by; the default policy if None.
        progress: Told the stage, and how many of how many requests are done.

    Raises:
        InputError: The server cannot be asked, or serves no adapter; the file or a report cannot be read.
        UsageError: An option makes no sense, or it cannot be told which names are adapters.
    """
    from loradiag.analyzers.served.address import endpoint_at
    from loradiag.analyzers.served.client import Client
    from loradiag.analyzers.served.expecting import matched
    from loradiag.analyzers.served.models import cast
    from loradiag.analyzers.served.served import PROBES, Wish, requests_of, run

    _check(limit, max_tokens, rounds, concurrency, switches, timeout, max_requests)
    apis: tuple[Api, ...] = ("completions", "chat") if api == "auto" else (api,)
    known = _reports(reports)
    client = Client(endpoint_at(url, key_env), timeout=timeout, most=2 * max_requests + PROBES)
    wish = Wish(_prompts(prompts, field, limit), apis, max_tokens, rounds, concurrency, switches, seed, show_text)
    asked = cast(client, adapters, base)
    needed = requests_of(len(asked.everyone), wish)
    if needed > max_requests:
        raise UsageError(
            f"{len(asked.everyone):,} models and {len(wish.prompts.texts):,} prompts need {needed:,} requests: "
            f"--max-requests {needed} allows them, --limit asks fewer prompts, --adapters fewer adapters"
        )
    named = _named(known, list(asked.adapters))
    found = run(client, asked, wish, matched(named, list(asked.adapters), asked.roots), progress or silent)
    subject = Subject(path=found.url)
    return judged(subject, Measurements(served=found), Accounting(), policy or default_policy())


def _check(
    limit: int, max_tokens: int, rounds: int, concurrency: int, switches: int, timeout: float, max_requests: int
) -> None:
    for name, value, least, most in (
        ("limit", limit, 1, 10_000),
        ("max tokens", max_tokens, 1, 4096),
        ("rounds", rounds, 1, 100),
        ("concurrency", concurrency, 1, 256),
        ("switches", switches, 0, 1000),
        ("timeout", timeout, 0.01, 3600),
        ("max requests", max_requests, 1, 1_000_000),
    ):
        if not least <= value <= most:
            raise UsageError(f"{name}: from {least:,} to {most:,}")


def _prompts(path: str | Path | None, field: str | None, limit: int) -> Prompts:
    from loradiag.analyzers.served.prompts import Prompts, built_in

    if path is None:
        if field is not None:
            raise UsageError("--field names a field of --prompts")
        return built_in(limit)
    from loradiag.texts.requests import open_requests

    texts: dict[str, None] = {}
    with open_requests(path, field) as (file, asked):
        for row in asked:
            texts[row.text] = None
            if len(texts) == limit:
                break
        if not texts:
            raise InputError(file.path, "has no prompt", "give at least one", "empty")
        return Prompts(tuple(texts), file.path, file.sha256)


def _reports(given: Sequence[str | Path | Report]) -> dict[str, Report]:
    """Reports by the names that the user gave them, else by what they are about."""
    found: dict[str, Report] = {}
    for name, report in _called(given):
        if found.setdefault(name, report) != report:
            raise UsageError(f"--report: two are about {printable(name)}; say whose each is: --report NAME=FILE")
    return found


def _called(given: Sequence[str | Path | Report]) -> Iterator[tuple[str, Report]]:
    for entry in given:
        if isinstance(entry, Report):
            yield entry.subject.path, entry
            continue
        name, equals, path = str(entry).partition("=")
        named = bool(equals) and not Path(str(entry)).exists()
        rows = read_reports(path if named else entry)
        if named and len(rows) != 1:
            raise UsageError(
                f"--report {printable(name)}=…: the file has {len(rows):,} reports; give it without a name"
            )
        yield from ((name if named else row.subject.path, row) for row in rows)


def _named(reports: Mapping[str, Report], adapters: Sequence[str]) -> dict[str, Report]:
    """One report and one adapter need no names to find each other."""
    if len(reports) == len(adapters) == 1:
        return {adapters[0]: next(iter(reports.values()))}
    return dict(reports)

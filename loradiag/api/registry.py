"""The registry of a fleet: what is known of every adapter, kept, asked, changed and judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from loradiag.api.beside import Stages, silent
from loradiag.api.judging import default_policy, judged, read_reports
from loradiag.core.errors import InputError, LoradiagError
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import Accounting, Report
from loradiag.core.text import printable
from loradiag.core.times import now

if TYPE_CHECKING:
    from loradiag.core.answers import Best, Detail, Listed
    from loradiag.fleet.finding import Found
    from loradiag.registry.lifecycle import Change
    from loradiag.registry.mlflow import Logged
    from loradiag.registry.queries import Wanted
    from loradiag.registry.recording import Item, Recorded
    from loradiag.registry.store import Store


def open_registry(where: str | Path | None = None, *, create: bool = True, read_only: bool = False) -> Registry:
    """Open a registry; use it with ``with``, or close it.

    >>> import loradiag
    >>> with loradiag.open_registry("registry.sqlite") as registry:
    ...     recorded = registry.add(["fixtures/adapters/healthy"])
    ...     [adapter.name for adapter in registry.ls()]
    ['healthy']

    Args:
        where: A file (SQLite), or ``postgresql://user@host/database``; ``LORADIAG_REGISTRY``, or the user's own, if None.
        create: Whether to make it where there is none.
        read_only: Whether nothing will be written.

    Raises:
        InputError: There is none, it is damaged or of another version, or the server cannot be reached.
        MissingExtraError: SQLAlchemy, or the driver of PostgreSQL, is not installed.
        UsageError: It cannot be made or written, or the URL is none of a database that can be used.
    """
    from loradiag.registry.store import open_store

    return Registry(open_store(where, create=create, read_only=read_only))


class Registry:
    """An open registry. Adapters are named by a beginning of their hash, by label or name, or by where they lie.

    Every method raises InputError where the registry is damaged or lost or an adapter is unknown, and UsageError where it
    cannot be written or a name means several.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def add(
        self,
        paths: Iterable[str | Path],
        *,
        policy: Policy | None = None,
        allow_pickle: bool = False,
        who: str | None = None,
        progress: Stages | None = None,
    ) -> list[Recorded]:
        """Record adapters, which are inspected, and JSON reports. What cannot be read costs only itself.

        Args:
            paths: Adapters, directories of them, JSON files of reports, URLs, ``models:/…`` and ``runs:/…`` of MLflow.
            policy: What adapters are judged by.
            allow_pickle: Whether ``.bin`` and ``.pt`` files may be read, by torch's weights-only loader.
            who: Who does so; the user if None.
            progress: Told what is being read, and how many of how many were.
        """
        from loradiag.registry.recording import record_all

        unread: list[Recorded] = []
        items = _items([*paths], unread, policy or default_policy(), allow_pickle, progress or silent)
        return [*record_all(self.store, items, who=who), *unread]

    def record(self, items: Iterable[Item], *, who: str | None = None) -> list[Recorded]:
        """Record reports that are at hand. See :func:`loradiag.registry.recording.record_all`."""
        from loradiag.registry.recording import record_all

        return record_all(self.store, items, who=who)

    def ls(self, wanted: Wanted | None = None) -> list[Listed]:
        """List adapters, those seen last first."""
        from loradiag.registry.queries import listed

        with self.store.reading() as session:
            return listed(session, wanted)

    def show(self, name: str) -> Detail:
        """Return all of an adapter."""
        from loradiag.registry.lookup import find
        from loradiag.registry.queries import detail

        with self.store.reading() as session:
            return detail(session, find(session, name))

    def report(self, name: str, which: str = "inspect") -> Report:
        """Return a stored report of an adapter: by its number, or the newest of a kind."""
        from loradiag.registry.lookup import find, stored

        with self.store.reading() as session:
            return stored(session, find(session, name), which)

    def set(
        self, names: Sequence[str], change: Change, *, who: str | None = None, why: str | None = None
    ) -> dict[str, list[str]]:
        """Write what people say of adapters: of all of them, or of none. Return what changed, by hash."""
        from loradiag.core.who import user
        from loradiag.registry.lifecycle import change as write
        from loradiag.registry.lookup import find

        with self.store.writing() as session:
            found = {adapter.sha256: adapter for adapter in (find(session, name) for name in names)}
            return {
                sha256: write(session, adapter, change, who=who or user(), why=why) for sha256, adapter in found.items()
            }

    def best(self, task: str, **asked: Any) -> Best:
        """Rank adapters on a task. ``asked`` is as :class:`loradiag.registry.best.Asked` has it, times as dates or ``90d``."""
        from loradiag.registry.best import Asked, best
        from loradiag.registry.texts import bound

        times = {name: bound(f"--{name}", asked.get(name), now()) for name in ("since", "until")}
        with self.store.reading() as session:
            return best(session, Asked(task=task, **{**asked, **times}))

    def check(
        self, names: Sequence[str] = (), wanted: Wanted | None = None, *, policy: Policy | None = None
    ) -> list[Report]:
        """Judge what the registry knows of adapters (LD530 and its kin): a report each."""
        from loradiag.registry.gauging import registered
        from loradiag.registry.lookup import find
        from loradiag.registry.queries import Wanted, listed

        wanted = wanted or Wanted()
        with self.store.reading() as session:
            if names:
                hashes = tuple(find(session, name).sha256 for name in names)
                wanted = msgspec.structs.replace(wanted, hashes=hashes)
            at = now()
            known = [registered(row, self.store.name, at) for row in listed(session, wanted)]
        policy = policy or default_policy()
        return [judged(subject, Measurements(registered=found), Accounting(), policy) for subject, found in known]

    def export(
        self, format_: str = "json", table: str = "adapters", wanted: Wanted | None = None, *, documents: bool = False
    ) -> str | bytes:
        """Return everything as JSON, or one table as CSV or Parquet. ``documents``: stored reports too, in JSON."""
        from loradiag.registry.exporting import as_csv, as_json, as_parquet, columns_of, rows_of

        with self.store.reading() as session:
            if format_ == "json":
                return as_json(session, wanted, documents=documents)
            rows, columns = rows_of(session, table, wanted), columns_of(table)
        return as_parquet(rows, columns) if format_ == "parquet" else as_csv(rows, columns)

    def close(self) -> None:
        """Close it."""
        self.store.close()

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def fetch_from_mlflow(uri: str, *, tracking_uri: str | None = None) -> Path:
    """Fetch an adapter from MLflow into the cache. See :func:`loradiag.registry.mlflow.adapter_from`."""
    from loradiag.registry.mlflow import adapter_from

    return adapter_from(uri, tracking_uri=tracking_uri)


def log_to_mlflow(
    reports: Sequence[Report],
    *,
    run_id: str | None = None,
    experiment: str | None = None,
    tracking_uri: str | None = None,
) -> list[Logged]:
    """Log reports to one run. See :func:`loradiag.registry.mlflow.log_report`."""
    from loradiag.registry.mlflow import log_report

    done: list[Logged] = []
    for report in reports:
        named: dict[str, str | None] = (
            {"run_id": done[0].run_id} if done else {"run_id": run_id, "experiment": experiment}
        )
        done.append(log_report(report, tracking_uri=tracking_uri, **named))
    return done


def _items(
    paths: Sequence[str | Path], unread: list[Recorded], policy: Policy, allow_pickle: bool, progress: Stages
) -> Iterator[Item]:
    """Reports of what lies at each path; of what cannot be read, why."""
    from loradiag.fleet.finding import Found
    from loradiag.registry.recording import Recorded

    for number, path in enumerate(map(str, paths)):
        some = False
        try:
            for item in _of_path(path, policy, allow_pickle):
                some = True
                if isinstance(item, Found):
                    unread.append(Recorded(item.path, None, problem=item.problem))
                    continue
                progress(item[0].subject.path, number, len(paths))
                yield item
            if not some:
                raise InputError(path, "holds no adapter", "name an adapter, or a report as JSON", "no-adapter")
        except LoradiagError as error:
            problem = str(error).removeprefix(f"{printable(path)}: ")
            unread.append(Recorded(path, None, problem=problem))
        progress(path, number + 1, len(paths))


def _of_path(path: str, policy: Policy, allow_pickle: bool) -> Iterator[Item | Found]:
    from loradiag.api.places import file_here
    from loradiag.registry.mlflow import is_mlflow

    if path.endswith(".json") and not path.endswith(".index.json"):
        with file_here(path) as local:
            yield from ((report, None, None) for report in read_reports(local))
    elif is_mlflow(path):
        yield from _adapters(str(fetch_from_mlflow(path)), path, policy, allow_pickle)
    else:
        yield from _adapters(path, None, policy, allow_pickle)


def _adapters(path: str, origin: str | None, policy: Policy, allow_pickle: bool) -> Iterator[Item | Found]:
    """The adapter at a path or a URL, or those below it; of a run the last checkpoint. ``origin``: what it is a copy of."""
    from loradiag.api.inspecting import inspect_all
    from loradiag.fleet.finding import brought, find
    from loradiag.storage.cache import folder

    for found in find([path], folder()):
        if found.problem is not None:
            yield found
            continue
        with brought(found) as local:
            for report in inspect_all(local, policy=policy, allow_pickle=allow_pickle):
                yield report, None, origin or found.path

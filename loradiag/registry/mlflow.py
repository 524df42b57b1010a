"""MLflow: a report logged to a run, an adapter fetched from a run or from the model registry. No model is loaded."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import msgspec

from loradiag.adapters.locate import CONFIG_NAME, PREFERRED, locate
from loradiag.core.errors import InputError, LoradiagError, UsageError
from loradiag.core.kinds import kind_of
from loradiag.core.lazy import require
from loradiag.core.report import Report, encode
from loradiag.core.text import listed, printable, shorten
from loradiag.outputs import renderer
from loradiag.outputs.style import Style
from loradiag.registry.metrics import metrics, tags
from loradiag.storage.cache import folder
from loradiag.storage.syncing import sync_below
from loradiag.storage.urls import shown

SCHEMES = ("models:/", "runs:/")
VARIABLE = "MLFLOW_TRACKING_URI"
FOLDER = "loradiag"
"""Of artifacts within a run."""

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # seven, with pauses that double, are minutes until a server is said to be down
}
_DEEPEST, _MOST = 6, 2_000
"""Folders within folders, and files or folders altogether, that are looked through for an adapter."""


class Logged(msgspec.Struct, frozen=True):
    """Where a report was logged. ``metrics`` are their names; ``files`` the artifacts."""

    run_id: str
    experiment_id: str
    metrics: list[str]
    files: list[str]


def is_mlflow(path: str | Path) -> bool:
    """Whether this names something in MLflow."""
    return str(path).startswith(SCHEMES)


def log_report(
    report: Report, *, run_id: str | None = None, experiment: str | None = None, tracking_uri: str | None = None
) -> Logged:
    """Log a report: a few metrics, tags, and the report itself as JSON and as a page.

    Args:
        report: Of one adapter.
        run_id: The run to add to; it stays as it is otherwise.
        experiment: In place of a run: the name of an experiment, made if there is none, in which a run is made.
        tracking_uri: The server; ``MLFLOW_TRACKING_URI`` if None.

    Raises:
        InputError: The server cannot be reached, or refuses.
        MissingExtraError: mlflow is not installed.
        UsageError: Neither or both of run and experiment are named, or no server.
    """
    if (run_id is None) == (experiment is None):
        raise UsageError("name a run (--run-id), or an experiment to make one in (--experiment)")
    with _client(tracking_uri) as (_, client):
        made = run_id is None
        run = (
            client.create_run(_experiment(client, experiment or ""), run_name=_run_name(report))
            if made
            else client.get_run(run_id)
        )
        number, done = run.info.run_id, False
        try:
            files = _log(client, number, report)
            done = True
        finally:
            if made:
                client.set_terminated(number, "FINISHED" if done else "FAILED")
        return Logged(number, run.info.experiment_id, sorted(metrics(report)), files)


def adapter_from(uri: str, *, tracking_uri: str | None = None) -> Path:
    """Fetch an adapter, and return the directory of its copy in the cache. Only the adapter's own files are fetched.

    Args:
        uri: ``models:/name/version``, ``models:/name@alias``, or ``runs:/run/path``.
        tracking_uri: The server; ``MLFLOW_TRACKING_URI`` if None.

    Raises:
        InputError: The server cannot be reached, there is no such thing, or it holds no adapter, or several.
        MissingExtraError: mlflow is not installed.
        UsageError: It is no such URI, or no server is named.
    """
    if not is_mlflow(uri):
        raise UsageError(f"{shown(uri)}: write models:/name/version, models:/name@alias or runs:/run/path")
    with _client(tracking_uri) as (library, client):
        fixed, lasting = _version(client, uri)
        place = (
            folder()
            / "mlflow"
            / hashlib.sha256(f"{library.get_tracking_uri()}\n{fixed}\n{lasting}".encode()).hexdigest()[:24]
        )
        kept = [*place.glob("[!.]*/")] if lasting else []  # with a dot before it: half fetched
        return kept[0] if kept else _fetched(fixed, place, lasting=bool(lasting))


def _log(client: Any, run_id: str, report: Report) -> list[str]:
    entities = require("mlflow.entities", "mlflow")
    moment, step = int(time.time() * 1000), report.subject.step or 0
    client.log_batch(
        run_id,
        metrics=[entities.Metric(name, value, moment, step) for name, value in metrics(report).items()],
        tags=[entities.RunTag(name, value) for name, value in tags(report).items()],
    )
    name = f"{kind_of(report.measurements)}-{(report.subject.sha256 or 'unknown')[:12]}"
    files = {f"{name}.json": encode(report), f"{name}.html": renderer("html")([report], Style()).encode()}
    with tempfile.TemporaryDirectory(prefix="loradiag-") as temporary:
        for file, content in files.items():
            Path(temporary, file).write_bytes(content)
            client.log_artifact(run_id, str(Path(temporary, file)), FOLDER)
    return [f"{FOLDER}/{file}" for file in files]


def _run_name(report: Report) -> str:
    return f"loradiag {kind_of(report.measurements)} {shorten(printable(PurePosixPath(report.subject.path).name), 60)}"


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found is not None else client.create_experiment(name))


def _version(client: Any, uri: str) -> tuple[str, str]:
    """A URI that always means the same, and what tells that it does: empty for runs, whose files may be written over."""
    if not uri.startswith("models:/"):
        run, _, path = uri.removeprefix("runs:/").partition("/")
        return (uri if path else str(client.get_run(run).info.artifact_uri)), ""  # MLflow takes no run without a path
    name, at, alias = uri.removeprefix("models:/").partition("@")
    if at:
        version = client.get_model_version_by_alias(name, alias)
    else:
        name, slash, number = name.partition("/")
        if not (slash and number.isdecimal()):
            return uri, ""
        version = client.get_model_version(name, number)
    return f"models:/{version.name}/{version.version}", str(version.creation_timestamp)


def _fetched(uri: str, place: Path, *, lasting: bool) -> Path:
    """Download the adapter's own files beside their place, and rename them into it: over what is there, unless that lasts."""
    artifacts = require("mlflow.artifacts", "mlflow")
    inside, files = _adapter_within(uri, _files(artifacts, uri))
    place.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=place, prefix="."))
    try:
        for file in files:
            artifacts.download_artifacts(artifact_uri=f"{uri.rstrip('/')}/{file}", dst_path=str(temporary / "all"))
        found = next((path.parent for path in (temporary / "all").rglob(PurePosixPath(files[0]).name)), temporary)
        for located in locate(found):
            if isinstance(located, InputError):
                raise InputError(shown(uri), located.problem, located.remedy, located.kind)
        target = place / (PurePosixPath(inside).name or "adapter")
        _put(found, target, over=not lasting)
        return target
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put(folder: Path, target: Path, *, over: bool) -> None:
    """Rename a folder to its place: over what is there, or giving way to what another process has put there meanwhile.

    What is there is renamed before it is removed, so that nobody finds a part of it, nor another process's in its way.
    """
    if not over:
        sync_below(folder)  # it is never looked at again: one that a power cut tore would stay torn
    while True:
        try:
            os.replace(folder, target)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        if not over:
            return
        with suppress(FileNotFoundError), tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as aside:
            os.replace(target, Path(aside, "old"))


def _files(artifacts: Any, uri: str) -> list[str]:
    """Names of files, those of folders within folders too.

    Raises:
        InputError: There are too many to be one adapter's: a server may list the same folder within itself for ever.
    """
    found: list[str] = []
    folders = [""]
    for below in folders:  # grows while it is gone through
        for entry in artifacts.list_artifacts(artifact_uri=f"{uri.rstrip('/')}/{below}".rstrip("/")):
            name = PurePosixPath(entry.path).name
            if name == "..":
                continue
            path = str(PurePosixPath(below, name))
            if not entry.is_dir:
                found.append(path)
            elif path.count("/") < _DEEPEST:
                folders.append(path)
        if max(len(found), len(folders)) > _MOST:
            raise InputError(
                shown(uri), f"holds over {_MOST:,} files or folders", "name the adapter's own folder", "ambiguous"
            )
    return found


def _adapter_within(uri: str, files: list[str]) -> tuple[str, list[str]]:
    """The one folder that holds an adapter, and the files in it."""
    folders: dict[str, list[str]] = {}
    for file in files:
        folders.setdefault(str(PurePosixPath(file).parent), []).append(file)
    signs = {CONFIG_NAME, *PREFERRED}
    found = [name for name, mine in folders.items() if signs & {PurePosixPath(file).name for file in mine}]
    if not found and len(folders) == 1 and files:
        found = list(folders)  # one folder of files by other names: whoever opens it says what it is
    if len(found) == 1:
        return found[0], folders[found[0]]
    if found:
        raise InputError(
            shown(uri),
            f"holds several adapters ({listed([printable(name) for name in found])})",
            "name one",
            "ambiguous",
        )
    raise InputError(shown(uri), "holds no adapter", f"looked for {CONFIG_NAME} and {PREFERRED[0]}", "no-adapter")


@contextmanager
def _client(tracking_uri: str | None) -> Iterator[tuple[ModuleType, Any]]:
    """The library and a client of the server, whose errors come out as a line."""
    server = tracking_uri or os.environ.get(VARIABLE)
    if not server:
        raise UsageError(f"say which MLflow: --tracking-uri http://host:5000, or {VARIABLE}")
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    library = require("mlflow", "mlflow")
    try:
        library.set_tracking_uri(server)
        yield library, library.MlflowClient(tracking_uri=server)
    except LoradiagError:
        raise
    except Exception as error:  # MLflow lets errors of requests, of stores and of its own through
        raise InputError(
            shown(server), _reason(server, error), "check the URI, the server and what is asked of it"
        ) from error


def _reason(server: str, error: BaseException) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    user, at, _ = server.partition("://")[2].partition("/")[0].rpartition("@")
    for secret in (f"{user}{at}", user.partition(":")[2]):
        text = text.replace(secret, "***") if secret else text
    return f"MLflow says: {shorten(printable(text), 240)}"

"""MLflow as a server that runs: what is logged can be read there, what is registered there can be inspected here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import loradiag
from loradiag.core.errors import InputError, UsageError
from loradiag.core.report import decode
from loradiag.registry.metrics import metrics, tags
from loradiag.registry.mlflow import _fetched, adapter_from, log_report
from tests.conftest import ROOT, MakeAdapter, peft_arrays, write_safetensors
from tests.registry import tracking
from tests.registry.building import evaluated, inspection, score

pytestmark = [pytest.mark.mlflow, pytest.mark.filterwarnings("ignore")]  # of MLflow and what it imports


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server."""
    reason = tracking.why_not()
    if reason:
        pytest.skip(reason)
    with tracking.server(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


@pytest.fixture
def client(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """MLflow's own client, to look at what is there; the server is the one in force."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    return MlflowClient(tracking_uri=server)


@pytest.fixture
def run_id(client: Any, request: pytest.FixtureRequest) -> str:
    """A run that is going on."""
    experiment = client.create_experiment(request.node.name)
    return str(client.create_run(experiment).info.run_id)


def registered(client: Any, run_id: str, name: str) -> str:
    """Register what lies in a run's folder ``adapter`` under a name; return its version."""
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    made = client.create_model_version(name, f"runs:/{run_id}/adapter", run_id)
    return str(made.version)


def test_a_report_is_logged(client: Any, run_id: str, make_adapter: MakeAdapter) -> None:
    """Metrics by stable names, tags, the report as it was, and its page; the run goes on, and may be logged to again."""
    report = loradiag.inspect(make_adapter())
    for _ in range(2):
        logged = log_report(report, run_id=run_id)
    run = client.get_run(run_id)
    assert (logged.run_id, run.info.status) == (run_id, "RUNNING")
    assert {name: value for name, value in run.data.metrics.items() if name.startswith("loradiag/")} == metrics(report)
    assert run.data.metrics["loradiag/verdict"] == 1.0
    assert run.data.tags["loradiag.sha256"] == report.subject.sha256
    assert run.data.tags | tags(report) == run.data.tags
    assert {entry.path for entry in client.list_artifacts(run_id, "loradiag")} == set(logged.files)
    (file,) = [name for name in logged.files if name.endswith(".json")]
    assert decode(Path(client.download_artifacts(run_id, file)).read_bytes()) == [report]


def test_a_run_is_made_in_an_experiment(client: Any) -> None:
    """Once the experiment too; the run is finished, and scores are metrics by task."""
    report = evaluated("a", score("toy task:1", 0.6))
    first, second = (log_report(report, experiment="fresh experiment") for _ in range(2))
    assert first.experiment_id == second.experiment_id
    assert first.run_id != second.run_id
    run = client.get_run(first.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["loradiag/forgetting/toy task_1/score"] == 0.6
    assert run.data.metrics["loradiag/forgetting/toy task_1/difference"] == pytest.approx(0.1)


def test_hostile_names_are_logged(client: Any, run_id: str) -> None:
    """Names that MLflow would refuse, and texts of a megabyte."""
    nasty = "\x1b[31m<script>\n" + "x" * 1_000_000
    log_report(evaluated("a", score(nasty, 0.6)), run_id=run_id)
    log_report(inspection("b", base=nasty, path=nasty), run_id=run_id)
    assert "\x1b" not in client.get_run(run_id).data.tags["loradiag.base"]


def test_an_adapter_of_a_run(client: Any, run_id: str, make_adapter: MakeAdapter) -> None:
    """From the folder of the adapter, or from the run that holds one; written over in the run, it is fetched anew."""
    path = make_adapter()
    client.log_artifacts(run_id, str(path), "adapter")
    for uri in (f"runs:/{run_id}/adapter", f"runs:/{run_id}"):
        assert loradiag.inspect(adapter_from(uri)).subject.sha256 == loradiag.inspect(path).subject.sha256
    write_safetensors(path / "adapter_model.safetensors", peft_arrays(seed=9))
    client.log_artifacts(run_id, str(path), "adapter")
    assert (
        loradiag.inspect(adapter_from(f"runs:/{run_id}/adapter")).subject.sha256
        == loradiag.inspect(path).subject.sha256
    )


def test_an_adapter_of_the_model_registry(client: Any, run_id: str, make_adapter: MakeAdapter) -> None:
    """By version and by alias, each its own; a version is fetched once. A whole model beside it is not fetched."""
    path = make_adapter()
    client.log_artifacts(run_id, str(path), "adapter/peft")
    (path / "big").mkdir()
    (path / "big" / "model.safetensors").write_bytes(b"0" * 100_000)
    client.log_artifacts(run_id, str(path / "big"), "adapter/model")
    version = registered(client, run_id, "ledger")
    first = adapter_from(f"models:/ledger/{version}")
    assert sorted(file.name for file in first.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert loradiag.inspect(first).subject.sha256 == loradiag.inspect(path).subject.sha256
    before = first.stat().st_ino
    client.set_registered_model_alias("ledger", "champion", version)
    assert adapter_from("models:/ledger@champion") == first
    assert first.stat().st_ino == before


def test_a_fetch_that_comes_second_gives_way(client: Any, run_id: str, make_adapter: MakeAdapter) -> None:
    """Two processes that lack the same version both fetch it: the one that is late leaves what may be read already."""
    client.log_artifacts(run_id, str(make_adapter()), "adapter")
    version = registered(client, run_id, "wanted")
    first = adapter_from(f"models:/wanted/{version}")
    before = (first.stat().st_ino, (first / "adapter_model.safetensors").stat().st_ino)
    _fetched(f"models:/wanted/{version}", first.parent, lasting=True)
    assert (first.stat().st_ino, (first / "adapter_model.safetensors").stat().st_ino) == before
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_what_a_killed_fetch_has_left_is_no_adapter(client: Any, run_id: str, make_adapter: MakeAdapter) -> None:
    """Half of it lies beside where it would have been renamed to: the next one fetches it whole."""
    client.log_artifacts(run_id, str(make_adapter()), "adapter")
    version = registered(client, run_id, "interrupted")
    first = adapter_from(f"models:/interrupted/{version}")
    first.rename(first.with_name(".half"))
    (first.with_name(".half") / "adapter_model.safetensors").unlink()
    again = adapter_from(f"models:/interrupted/{version}")
    assert again == first
    assert loradiag.inspect(again).subject.modules == 8


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("models:/nothing/1", "nothing"),
        ("models:/ledger-none@champion", "MLflow says"),
        ("runs:/0123456789abcdef0123456789abcdef/adapter", "0123456789abcdef"),
    ],
)
def test_what_is_not_there(client: Any, uri: str, said: str) -> None:
    """One line, and exit code 3."""
    with pytest.raises(InputError, match=said) as caught:
        adapter_from(uri)
    assert "\n" not in str(caught.value)


def test_runs_without_an_adapter_or_with_several(client: Any, run_id: str, make_adapter: MakeAdapter) -> None:
    """Says which."""
    with pytest.raises(InputError, match="holds no adapter"):
        adapter_from(f"runs:/{run_id}")
    for name in ("a", "b"):
        client.log_artifacts(run_id, str(make_adapter(name=name)), name)
    with pytest.raises(InputError, match="several adapters"):
        adapter_from(f"runs:/{run_id}")
    assert loradiag.inspect(adapter_from(f"runs:/{run_id}/b")).subject.modules == 8


def test_a_server_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said within seconds, without the password; no server named is said at once."""
    pytest.importorskip("mlflow", reason="needs mlflow")
    with pytest.raises(InputError, match="MLflow says") as caught:
        log_report(inspection("a"), run_id="1", tracking_uri="http://me:s3cret@127.0.0.1:9")
    assert "s3cret" not in str(caught.value)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UsageError, match="say which MLflow"):
        adapter_from("models:/a/1")
    with pytest.raises(UsageError, match="write models:/"):
        adapter_from("s3://a/b")
    for named in ({}, {"run_id": "1", "experiment": "x"}):
        with pytest.raises(UsageError, match="name a run"):
            log_report(inspection("a"), **named)  # type: ignore[arg-type]


def test_as_a_user_runs_it(client: Any, run_id: str, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """``log-mlflow``, ``fetch``, and ``add models:/…``: the adapter is recorded under its URI."""
    path = make_adapter()
    client.log_artifacts(run_id, str(path), "adapter")
    version = registered(client, run_id, "cli-ledger")
    report = tmp_path / "report.json"

    def ran(*arguments: str) -> str:
        command = [sys.executable, "-m", "loradiag", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    ran("inspect", str(path), "-o", str(report), "--quiet")
    assert f"logged to run {run_id}" in ran("registry", "log-mlflow", str(report), "--run-id", run_id)
    fetched = ran("registry", "fetch", f"models:/cli-ledger/{version}").strip()
    assert Path(fetched, "adapter_model.safetensors").read_bytes() == (path / "adapter_model.safetensors").read_bytes()
    where = ["--registry", str(tmp_path / "r.sqlite")]
    ran("registry", "add", f"models:/cli-ledger/{version}", *where)
    (row,) = json.loads(ran("registry", "ls", "--format", "json", *where))
    assert (row["path"], row["name"]) == (f"models:/cli-ledger/{version}", f"cli-ledger/{version}")

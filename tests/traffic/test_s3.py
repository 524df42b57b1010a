"""A lake, baselines and logs behind ``s3://``: a real S3-compatible server on this machine, asked over HTTP."""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from loradiag.cli.drift import drift
from loradiag.cli.traffic import traffic
from tests.analyzers.drift.making import DAY, START
from tests.conftest import FIXTURES

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs", reason="s3fs is not installed")
server = pytest.importorskip("moto.server", reason="no S3-compatible server (moto) is installed")

pytestmark = pytest.mark.s3

ADAPTERS = ("chant", "grammar", "ledger")


@pytest.fixture(scope="module")
def store() -> Iterator[Any]:
    """A server with an empty bucket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setitem(fsspec.config.conf, "s3", {"client_kwargs": {"endpoint_url": f"http://127.0.0.1:{port}"}})
        system = fsspec.filesystem("s3")
        system.mkdir("bucket")
        yield system
        fsspec.filesystem("s3").clear_instance_cache()
    running.stop()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test is another machine: it has no copy of anything."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run(command: Any, *arguments: str) -> Result:
    """Run a command, and let errors be seen."""
    return CliRunner().invoke(command, list(arguments))


def told(command: Any, *arguments: str) -> Any:
    """What a command says in JSON."""
    done = run(command, *arguments, "-f", "json")
    assert done.exit_code in (0, 1), done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def filled(store: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixtures' month and its baselines, on this machine and in the bucket, each made by its own commands."""
    place = tmp_path_factory.mktemp("s3")
    store.put_file(str(FIXTURES / "traffic" / "requests.jsonl.gz"), "bucket/logs/requests.jsonl.gz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LORADIAG_CACHE", str(place / "cache"))
        for source, root in (
            (str(FIXTURES / "traffic" / "requests.jsonl.gz"), str(place)),
            ("s3://bucket/logs/*.gz", "s3://bucket"),
        ):
            asked = ("--encoder", str(FIXTURES / "encoder"), "--base-model", "base")
            ingested = told(traffic, "ingest", source, "--lake", f"{root}/lake", *asked)
            assert ingested["written"] > 1000
            for name in ADAPTERS:
                data = str(FIXTURES / "traffic" / f"{name}_train.jsonl")
                adapter = str(FIXTURES / "adapters" / "healthy")
                asked = ("--data", data, "--name", name, "--encoder", str(FIXTURES / "encoder"))
                done = run(drift, "baseline", adapter, *asked, "-o", f"{root}/baselines/{name}")
                assert done.exit_code == 0, done.output
    return place


def measured(reports: Any) -> Any:
    """What must not depend on where things lie."""
    text = json.dumps([report["measurements"] for report in reports["reports"]])
    return re.sub(r'"(lake|path|created)": "[^"]*"|"age_days": [0-9.e-]+', "", text)


def test_a_check_finds_the_same(filled: Path, store: Any, cache: Path) -> None:
    """Every number of a check is that of the same lake on this machine; reports name URLs, and no copy."""
    local = told(drift, "check", "--baseline", str(filled / "baselines"), "--lake", str(filled / "lake"))
    remote = told(drift, "check", "--baseline", "s3://bucket/baselines", "--lake", "s3://bucket/lake")
    assert measured(remote) == measured(local)
    first = remote["reports"][0]["measurements"]["drift"]
    assert (first["lake"], first["baseline"]["path"]) == ("s3://bucket/lake", "s3://bucket/baselines/chant")
    assert str(cache) not in json.dumps(remote)
    assert cache.is_dir()


def test_what_lies_there_is_not_written_again(filled: Path, store: Any) -> None:
    """Another machine that reads the same logs adds nothing; stats counts the same, under the URL."""
    before = store.find("bucket/lake")
    assert before
    again = told(traffic, "ingest", "s3://bucket/logs/", "--lake", "s3://bucket/lake", "--base-model", "base")
    assert (again["written"], again["duplicates"] > 1000) == (0, True)
    store.invalidate_cache()
    assert store.find("bucket/lake") == before
    counted = told(traffic, "stats", "--lake", "s3://bucket/lake")
    assert counted["lake"] == "s3://bucket/lake"
    assert counted["requests"] == told(traffic, "stats", "--lake", str(filled / "lake"))["requests"]


def test_the_watch_counts_once(filled: Path, store: Any, tmp_path: Path) -> None:
    """A state on this machine is needed; with it a second look counts nothing again, and both find what a local watch does."""
    asked = ("watch", "--once", "--baseline", "s3://bucket/baselines", "--lake", "s3://bucket/lake")
    refused = run(drift, *asked)
    assert getattr(refused.exception, "exit_code", 0) == 2
    assert "--state FILE" in str(refused.exception)
    first = told(drift, *asked, "--state", str(tmp_path / "s3.sqlite"))
    again = told(drift, *asked, "--state", str(tmp_path / "s3.sqlite"))
    local = (
        "--baseline",
        str(filled / "baselines"),
        "--lake",
        str(filled / "lake"),
        "--state",
        str(tmp_path / "l.sqlite"),
    )
    here = told(drift, "watch", "--once", *local)

    def evidence(reports: Any) -> list[Any]:
        return [
            (report["subject"]["path"], report["measurements"]["watch"]["requests"], report["verdict"]["status"])
            for report in reports["reports"]
        ]

    assert evidence(first) == evidence(again) == evidence(here)
    watch = first["reports"][0]["measurements"]["watch"]
    assert (watch["lake"], watch["baseline"]) == ("s3://bucket/lake", "s3://bucket/baselines/chant")


def test_small_files_are_merged_there(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compaction adds the merged file; those that it replaces are removed an hour later, there too."""
    lake = "s3://bucket/small"
    for number in range(3):
        log = tmp_path / f"{number}.jsonl"
        time = (START + DAY // 2 + number) / 1e6
        log.write_text(json.dumps({"id": str(number), "text": "hi", "adapter": "a", "time": time}) + "\n")
        assert told(traffic, "ingest", str(log), "--lake", lake)["written"] == 1
    merged = told(traffic, "compact", "--lake", lake)
    assert (merged["before"], merged["after"]) == (3, 1)
    store.invalidate_cache()
    assert len(store.find("bucket/small")) == 4
    monkeypatch.setattr("loradiag.traffic.compacting.compact.__defaults__", (0.0,))
    assert told(traffic, "compact", "--lake", lake)["removed"] == 3
    store.invalidate_cache()
    assert len(store.find("bucket/small")) == 1
    assert told(traffic, "stats", "--lake", lake)["requests"] == 3


def test_a_baseline_that_is_made_again_leaves_nothing_of_the_old_one(store: Any) -> None:
    """Texts that the first one kept are gone there, when the second keeps none."""
    adapter, data = str(FIXTURES / "adapters" / "healthy"), str(FIXTURES / "traffic" / "chant_train.jsonl")
    asked = ("--data", data, "--encoder", str(FIXTURES / "encoder"), "-o", "s3://bucket/again/chant")
    kept = []
    for more in (("--keep-text",), ("--force",)):
        done = run(drift, "baseline", adapter, *asked, *more)
        assert done.exit_code == 0, done.output
        store.invalidate_cache()
        kept.append({name.rpartition("/")[2] for name in store.find("bucket/again/chant")})
    assert kept[0] - kept[1] == {"texts.parquet"}
    assert not kept[1] - kept[0]


@pytest.mark.parametrize(
    ("command", "arguments", "code", "said"),
    [
        (drift, ("check", "--baseline", "s3://bucket/baselines", "--lake", "s3://bucket/none"), 3, "holds nothing"),
        (drift, ("check", "--baseline", "s3://nobucket/b", "--lake", "s3://bucket/lake"), 3, "s3://nobucket/b"),
        (traffic, ("ingest", "s3://bucket/logs/none*", "--lake", "x"), 3, "names no log"),
        (traffic, ("ingest", "s3://bucket/logs", "--follow", "--lake", "x"), 2, "no URL"),
        (traffic, ("stats", "--lake", "nosuch://bucket/lake"), 2, "cannot be opened"),
        (traffic, ("compact", "--lake", "s3://bucket/none"), 3, "holds nothing"),
    ],
)
def test_what_cannot_be_reached_is_named(
    filled: Path, command: Any, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """One line with the URL, and the exit code of the table."""
    done = run(command, *arguments)
    assert getattr(done.exception, "exit_code", done.exit_code) == code
    assert said in str(done.exception) + done.output

"""``loradiag registry`` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("sqlalchemy", reason="the registry needs SQLAlchemy")

from loradiag.cli.main import cli
from loradiag.cli.registry import COMMANDS
from loradiag.core.errors import LoradiagError
from loradiag.core.report import decode, encode
from tests.conftest import MakeAdapter, peft_arrays
from tests.registry.building import evaluated, inspection, score, sha


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of the test's own."""
    monkeypatch.setenv("LORADIAG_REGISTRY", str(tmp_path / "own" / "registry.sqlite"))


def run(*arguments: str | Path) -> Result:
    """Run it; errors are raised as they are."""
    done = CliRunner().invoke(cli, ["registry", *map(str, arguments)])
    if isinstance(done.exception, LoradiagError):
        raise done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture
def adapters(make_adapter: MakeAdapter) -> Path:
    """A folder with two adapters that differ, one of them broken."""
    for seed, name in ((1, "one"), (2, "two")):
        arrays = peft_arrays(seed=seed)
        if name == "two":
            arrays = {key: array * 0 if "lora_B" in key else array for key, array in arrays.items()}
        folder = make_adapter(arrays, name=name)
    return folder.parent


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report of an evaluation."""
    path = tmp_path / "forgetting.json"
    path.write_bytes(encode(evaluated("a", score(), created="2026-08-01T00:00:00Z")))
    return path


def test_adding(adapters: Path, report: Path, tmp_path: Path) -> None:
    """Directories and reports; again is nothing new; what cannot be read costs itself and exit code 3."""
    done = run("add", adapters / "one", adapters / "two", report)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "3 new adapters, 3 new reports, 1 new result, of 3 inputs" in done.stdout
    again = run("add", adapters / "one", report, "--verbose")
    assert "nothing new" in again.stdout or "1 new report" in again.stdout
    (tmp_path / "no.json").write_text("{")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "adapter_model.safetensors").write_bytes(b"short")
    bad = run("add", tmp_path / "no.json", tmp_path / "bad", tmp_path / "absent", adapters / "one", "-f", "json")
    assert bad.exit_code == 3
    assert len(bad.stderr.splitlines()) == 3
    assert sorted(bool(row["problem"]) for row in json.loads(bad.stdout)) == [False, True, True, True]


def test_a_folder_of_adapters(adapters: Path) -> None:
    """All below it, by name."""
    assert "2 new adapters" in run("add", adapters).stdout
    rows = json.loads(run("ls", "-f", "json").stdout)
    assert {(row["name"], row["path"], row["verdict"]) for row in rows} == {
        ("one", str(adapters / "one"), "pass"),
        ("two", str(adapters / "two"), "fail"),
    }


def test_listing(adapters: Path) -> None:
    """As a table, and as CSV that csv reads; filters."""
    run("add", adapters)
    text = run("ls").stdout
    assert "2 adapters: 1 failing, 2 that lack something" in text
    rows = list(csv.DictReader(io.StringIO(run("ls", "--failing", "--format", "csv").stdout)))
    assert [(row["name"], row["failing"], row["missing"]) for row in rows] == [
        ("two", "inspect", "owner data evaluation")
    ]
    assert run("ls", "--stage", "live").stdout == "no adapters\n"


def test_setting_and_showing(adapters: Path) -> None:
    """What is said is shown, with who and why; live and failing is said at once."""
    run("add", adapters)
    two = adapters / "two"
    done = run("set", two, "--owner", "ledger", "--stage", "live", "--tag", "eu", "--by", "ann", "--why", "urgent")
    assert "stage: none → live" in done.stdout
    assert "two is live, and its newest report failed: inspect" in done.stderr
    shown = run("show", "two").stdout
    for part in ("ledger", "live", "eu", "LD106", "owner: ledger (urgent)", "ann"):
        assert part in shown, part
    detail = json.loads(run("show", "two", "--format", "json").stdout)
    assert (detail["adapter"]["owner"], detail["history"][-1]["who"]) == ("ledger", "ann")
    both = json.loads(run("set", "one", "two", "--owner", "all", "--format", "json").stdout)
    assert sorted(both.values()) == [["owner: ledger → all"], ["owner: none → all"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data-hash", "abc"], "64 hexadecimal digits"),
        (["--evaluation", "toy"], "write TASK=NUMBER"),
        (["--evaluation", "toy=nan"], "write TASK=NUMBER"),
        (["--evaluation", "=0.5"], "write TASK=NUMBER"),
        (["--n", "5"], "add --evaluation"),
        (["--evaluation", "toy=1", "--at", "soon"], "write a date"),
        ([], "say what to set"),
    ],
)
def test_wrong_words(adapters: Path, arguments: list[str], said: str) -> None:
    """A line that says how to write it, and nothing changes."""
    run("add", adapters)
    with pytest.raises(LoradiagError, match=said) as caught:
        run("set", "one", *arguments)
    assert caught.value.exit_code == 2


def test_all_change_or_none(adapters: Path) -> None:
    """An unknown name among others leaves the others alone."""
    run("add", adapters)
    with pytest.raises(LoradiagError, match="is no adapter"):
        run("set", "one", "nobody", "--owner", "x")
    assert json.loads(run("ls", "--owner", "x", "-f", "json").stdout) == []


def test_a_stored_report_is_printed_as_it_was(report: Path) -> None:
    """To be judged again, by number or by kind."""
    run("add", report)
    for which in ("forgetting", "1"):
        assert decode(run("show", sha("a")[:8], "--report", which).stdout.encode()) == decode(report.read_bytes())
    with pytest.raises(LoradiagError, match="has no report 'drift'"):
        run("show", sha("a"), "--report", "drift")


def test_who_was_best(tmp_path: Path) -> None:
    """In one command, within a time; as text and JSON."""
    for name, value, month in (("a", 0.5, 7), ("b", 0.7, 8), ("c", 0.9, 10)):
        path = tmp_path / f"{name}.json"
        path.write_bytes(encode(evaluated(name, score(value=value), created=f"2026-{month:02}-15T00:00:00Z")))
        run("add", path)
    asked = ["best", "toy", "--since", "2026-07-01", "--until", "2026-10-01"]
    text = run(*asked).stdout
    assert text.index("1. b") < text.index("2. a")
    assert "c" not in [row["name"] for row in json.loads(run(*asked, "-f", "json").stdout)["rows"]]
    assert "0.6534 … 0.7428" in text  # Wilson, 280 of 400
    with pytest.raises(LoradiagError, match="has no result"):
        run("best", "toi")


def test_the_gate(adapters: Path) -> None:
    """Warnings pass; a broken adapter that is live fails; --fail-on decides; every format has it."""
    run("add", adapters)
    done = run("check")
    assert done.exit_code == 0
    assert "LD530 adapter-without-owner in 2 adapters" in done.stdout
    assert run("check", "--fail-on", "warning").exit_code == 1
    run("set", "two", "--stage", "live")
    assert run("check", "--stage", "live").exit_code == 1
    for name in ("json", "html", "markdown", "sarif", "junit", "github", "gitlab"):
        failed = run("check", "two", "--format", name)
        assert (failed.exit_code, "LD533" in failed.stdout) == (1, True), name
    run("set", "one", "--owner", "x", "--data-hash", "d" * 64, "--evaluation", "toy=1")
    assert "1 adapter of 2 without a finding" in run("check").stdout
    assert run("check", "--owner", "nobody").exit_code == 0


def test_exporting(adapters: Path, tmp_path: Path) -> None:
    """To standard output and to files; the ending says the format."""
    run("add", adapters)
    assert len(json.loads(run("export").stdout)["adapters"]) == 2
    run("export", "-o", tmp_path / "all.json", "--documents")
    assert len(json.loads((tmp_path / "all.json").read_text())["adapters"][0]["documents"]) == 1
    assert run("export", "--format", "csv", "--table", "events").stdout.startswith("sha256,name,at,who,what")
    for arguments, said in (
        (["-o", tmp_path / "x.txt"], "end the name in"),
        (["--format", "parquet"], "name a file"),
        (["--format", "csv", "--documents"], "in JSON only"),
    ):
        with pytest.raises(LoradiagError, match=said):
            run("export", *arguments)


def test_without_a_registry() -> None:
    """Asking makes none: exit code 3, and how to make one."""
    for arguments in (["ls"], ["show", "a"], ["best", "toy"], ["check"], ["export"], ["set", "a", "--owner", "x"]):
        with pytest.raises(LoradiagError, match="loradiag registry add") as caught:
            run(*arguments)
        assert caught.value.exit_code == 3


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples(name: str) -> None:
    """Every command shows how it is used."""
    text = run(name, "--help").stdout
    assert "Examples:" in text
    assert f"loradiag registry {name}" in text


def test_from_python(adapters: Path, tmp_path: Path) -> None:
    """The same as functions."""
    import loradiag
    from loradiag.registry.lifecycle import Change

    with loradiag.open_registry(tmp_path / "r.sqlite") as registry:
        registry.add([adapters])
        registry.record([(inspection("c"), None, None)])
        registry.set(["one"], Change(owner="ledger"))
        assert {row.name: row.owner for row in registry.ls()} == {"one": "ledger", "two": None, "c": None}
        assert registry.show("one").adapter.owner == "ledger"
        assert registry.report("one").subject.path == str(adapters / "one")
        assert [report.verdict.status for report in registry.check(["one"])] == ["pass"]
    with pytest.raises(LoradiagError, match="does not exist"):
        loradiag.open_registry(tmp_path / "none", read_only=True)

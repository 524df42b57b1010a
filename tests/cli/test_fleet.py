"""``loradiag fleet``, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loradiag.cli.fleet import fleet
from loradiag.core.errors import InputError, UsageError
from tests.conftest import FIXTURES
from tests.fleet.making import write_adapter, write_fleet


def run(*arguments: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(fleet, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered from test to test."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))


def test_a_fleet_in_every_form(tmp_path: Path) -> None:
    """The terminal, reports, a table, and the report of each adapter."""
    root = write_fleet(tmp_path / "fleet")
    done = run(
        *(root, "-o", tmp_path / "r.json", "-o", tmp_path / "each" / "r.html", "--table", tmp_path / "t.csv"),
        *("--reports", tmp_path / "each"),
    )
    assert done.exit_code == 0
    assert "14 adapters: 14 sound." in done.stdout
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 15
    assert len(list((tmp_path / "each").glob("*.json"))) == 14
    each = json.loads(next((tmp_path / "each").glob("a00-*.json")).read_text())
    assert each["subject"]["path"] == str(root / "team0" / "a00")
    assert json.loads((tmp_path / "r.json").read_text())["measurements"]["fleet"]["read"] == 14
    assert "14 as they were" in run(root).stdout


def test_no_report_is_written_over_another(tmp_path: Path) -> None:
    """Copies, and those that cannot be read, under one name in several places; and a name as long as names may be."""
    long = "深" * 80
    for team in ("one", "two"):
        write_adapter(tmp_path / "fleet" / team / "same")
        (tmp_path / "fleet" / team / "bad").mkdir()
        (tmp_path / "fleet" / team / "bad" / "adapter_model.safetensors").write_bytes(b"version https://git-lfs")
    write_adapter(tmp_path / "fleet" / long)
    run(tmp_path / "fleet", "--reports", tmp_path / "each")
    paths = [json.loads(path.read_text())["subject"]["path"] for path in (tmp_path / "each").iterdir()]
    assert sorted(Path(path).relative_to(tmp_path / "fleet").as_posix() for path in paths) == sorted(
        [*(f"{team}/{name}" for team in ("one", "two") for name in ("same", "bad/adapter_model.safetensors")), long]
    )


def test_a_fleet_that_fails() -> None:
    """Exit 1, with why, and the worst first."""
    done = run(FIXTURES / "adapters", FIXTURES / "broken")
    assert done.exit_code == 1
    for said in ("LD522 adapters-fail", "LD523 unreadable-in-fleet", "is not JSON", "FAIL"):
        assert said in done.stdout, said


def test_overlap_on_a_module(tmp_path: Path) -> None:
    """Said, and written where it was asked for."""
    root = write_fleet(tmp_path / "fleet", 5)
    done = run(root, "--overlap", "*.layers.0.self_attn.q_proj", "--overlap-folder", tmp_path / "out")
    assert done.exit_code == 0
    assert "overlap on model.layers.0.self_attn.q_proj" in done.stdout
    assert (tmp_path / "out" / "overlap-0.npy").is_file()


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (["none*"], InputError, "names nothing"),
        (["{tmp}"], InputError, "holds no adapter"),
        (["{tmp}", "--engine", "spark"], InputError, "holds no adapter"),
        (["{adapters}", "--engine", "spark"], UsageError, "there are local, ray"),
        (["{adapters}", "--table", "x.xlsx"], UsageError, "end it in"),
        (["{adapters}", "--reports", "{adapters}/healthy/adapter_config.json"], UsageError, "--reports"),
        (["{adapters}", "-o", "nowhere/r.json"], UsageError, "nowhere/r.json: there is no such folder"),
        (["{adapters}", "--overlap", "none"], UsageError, "no two adapters"),
        (["nosuch://bucket"], UsageError, "cannot be opened"),
    ],
)
def test_wrong_usage_is_said_in_a_line(arguments: list[str], kind: type[Exception], said: str, tmp_path: Path) -> None:
    """Before or after the work, never as a traceback."""
    (tmp_path / "bare").mkdir()
    places = {"tmp": tmp_path / "bare", "adapters": FIXTURES / "adapters"}
    done = run(*(word.format(**places) for word in arguments))
    assert isinstance(done.exception, kind), done.output
    assert said in str(done.exception)


def test_help_has_examples() -> None:
    """What to type."""
    assert "loradiag fleet adapters/" in run("--help").stdout


def test_a_fleet_is_kept_in_a_registry(tmp_path: Path) -> None:
    """Every adapter once, however often it is scanned; what cannot be read is not."""
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    from sqlalchemy import func, select

    from loradiag.registry.models import Adapter, StoredReport
    from loradiag.registry.store import open_store

    root = write_fleet(tmp_path / "fleet", 6)
    (root / "bad").mkdir()
    (root / "bad" / "adapter_model.safetensors").write_bytes(b"version https://git-lfs")
    for _ in range(2):
        assert run(root, "--registry", tmp_path / "r.sqlite").exit_code == 1
    store = open_store(tmp_path / "r.sqlite")
    with store.reading() as session:
        counts = [session.scalar(select(func.count()).select_from(table)) for table in (Adapter, StoredReport)]
    store.close()
    assert counts == [6, 6]

"""The registry as a database: several at once, kills, damage, versions, and words without secrets."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from loradiag.core.errors import InputError, LoradiagError, UsageError
from loradiag.registry import upgrading
from loradiag.registry.models import Adapter, Event
from loradiag.registry.places import default_place, place_of, reason_of, shown
from loradiag.registry.queries import listed
from loradiag.registry.recording import record
from loradiag.registry.store import Store, open_store
from tests.conftest import ROOT
from tests.registry.building import inspection

WRITER = """
import sys
from loradiag.registry.recording import record
from loradiag.registry.store import open_store
from tests.registry.building import inspection
where, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open_store(where) as store:
    for number in range(count):
        record(store, inspection(f"{name}{number}"))
        print(number, flush=True)
"""


def writer(where: str, name: str, count: int) -> subprocess.Popen[str]:
    """A process that records adapters, and says the number of each when it is committed."""
    command = [sys.executable, "-c", WRITER, where, name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def adapters(where: str) -> int:
    """How many are recorded."""
    with open_store(where, read_only=True) as store, store.reading() as session:
        return session.scalar(select(func.count()).select_from(Adapter)) or 0


def test_two_writers_at_once(where: str) -> None:
    """Each makes the registry where there is none, and waits for the other; nothing is lost, readers are not kept waiting."""
    both = [writer(where, name, 40) for name in ("a", "b")]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert adapters(where) == 80


def test_a_kill_loses_nothing_that_was_committed(where: str) -> None:
    """Killed in the middle of its writes, four times over: all that it said is there, and the next one goes on."""
    least = 0
    for turn in range(4):
        process = writer(where, f"turn{turn}-", 10_000)
        assert process.stdout is not None
        last = -1
        end = time.monotonic() + 0.3 + 0.1 * turn
        while time.monotonic() < end or last < 0:
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        with process:
            rest = process.stdout.read().split()  # communicate() would not see what was read ahead of the last line
        least += (int(rest[-1]) if rest else last) + 1
        assert least <= adapters(where) <= least + 1
        least = adapters(where)
    with open_store(where, read_only=True) as store, store.reading() as session:
        assert len(listed(session)) == least
        assert session.scalar(select(func.count()).select_from(Event)) == least


def test_a_reader_is_not_kept_waiting(store: Store) -> None:
    """It sees what was committed before, while a writer is at work; and cannot write."""
    record(store, inspection("a"))
    with store.writing() as session:
        session.add(Adapter(sha256="b" * 64, first_seen="x", last_seen="x"))
        session.flush()
        with store.reading() as other:
            assert len(listed(other)) == 1
    with store.reading() as session:
        assert len(listed(session)) == 2


def test_what_fails_in_the_middle_changes_nothing(store: Store) -> None:
    """All of a change, or none of it."""

    def half() -> None:
        with store.writing() as session:
            session.add(Adapter(sha256="b" * 64, first_seen="x", last_seen="x"))
            session.flush()
            raise ValueError("halfway")

    with pytest.raises(ValueError, match="halfway"):
        half()
    with store.reading() as session:
        assert listed(session) == []


def test_read_only(where: str) -> None:
    """Nothing can be written, and nothing is made."""
    with pytest.raises(InputError, match=r"does not exist|holds no registry"):
        open_store(where, read_only=True)
    with open_store(where) as made:
        record(made, inspection("a"))
    with open_store(where, read_only=True) as store:
        with pytest.raises(LoradiagError, match="read"):
            record(store, inspection("b"))
        assert adapters(where) == 1


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A registry on a read-only disk can be read; one cannot be made there."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    folder = tmp_path / "fixed"
    folder.mkdir()
    with open_store(folder / "r.sqlite") as store:
        record(store, inspection("a"))
    folder.chmod(0o555)
    try:
        assert adapters(str(folder / "r.sqlite")) == 1
        with pytest.raises(UsageError, match="cannot be written"):
            open_store(folder / "other.sqlite")
    finally:
        folder.chmod(0o755)


def test_a_newer_version_is_left_alone(where: str) -> None:
    """One line that says so, for readers and writers."""
    with open_store(where) as store, store.writing() as session:
        session.execute(text("UPDATE loradiag_registry SET version = 99"))
    for read_only in (True, False):
        with pytest.raises(InputError, match="version 99; this loradiag reads 1"):
            open_store(where, read_only=read_only)


def test_an_older_version_is_brought_up_to_date(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever writes first; a reader says what to do. What was there stays."""
    with open_store(where) as store:
        record(store, inspection("a"))
    monkeypatch.setattr(upgrading, "VERSION", 3)
    steps = {
        1: ["ALTER TABLE loradiag_adapters ADD COLUMN color TEXT"],
        2: ["UPDATE loradiag_adapters SET color = 'red'"],
    }
    monkeypatch.setattr(upgrading, "UPGRADES", steps)
    with pytest.raises(InputError, match="version 1; this loradiag reads 3"):
        open_store(where, read_only=True)
    with open_store(where) as store, store.reading() as session:
        assert session.execute(text("SELECT color FROM loradiag_adapters")).scalar() == "red"
        assert session.execute(text("SELECT version FROM loradiag_registry")).scalar() == 3
    open_store(where, read_only=True).close()


def test_files_that_are_no_registry(tmp_path: Path) -> None:
    """Text, another program's database, a torn file, a directory: a line each, and none of them is touched."""
    (tmp_path / "text").write_bytes(b"no database " * 500)
    with sqlite3.connect(tmp_path / "other") as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    with open_store(tmp_path / "torn") as store:
        record(store, inspection("a"))
    (tmp_path / "torn").write_bytes((tmp_path / "torn").read_bytes()[:5000])
    before = {name: (tmp_path / name).read_bytes() for name in ("text", "other")}
    for name, said in (
        ("text", "not a database"),
        ("other", "of another program"),
        ("torn", "malformed|cannot be used|holds"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            open_store(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 3
    assert before == {name: (tmp_path / name).read_bytes() for name in before}
    with pytest.raises(UsageError, match="is a directory"):
        open_store(tmp_path)


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The variable, else the user's data; URLs of SQLite are files, those of other databases are refused."""
    monkeypatch.setenv("LORADIAG_REGISTRY", "/some/where")
    assert place_of(None) == Path("/some/where")
    monkeypatch.delenv("LORADIAG_REGISTRY")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_place() == f"{tmp_path}/loradiag/registry.sqlite"
    assert place_of("sqlite:////a/b.sqlite") == Path("/a/b.sqlite")
    for refused in ("mysql://u:secret@h/d", "sqlite://", "postgresql://u:secret@h:port/d"):
        with pytest.raises(UsageError) as caught:
            place_of(refused)
        assert "secret" not in str(caught.value)


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container: told to name a file, rather than that loradiag has a fault."""
    for name in ("LORADIAG_REGISTRY", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 9)
    with pytest.raises(UsageError, match="no home directory; name a file, or set LORADIAG_REGISTRY"):
        open_store()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_name_that_no_file_can_have(tmp_path: Path, read_only: bool) -> None:
    """It is said of the file, in a line."""
    with pytest.raises(InputError, match="File name too long"):
        open_store(tmp_path / ("x" * 300), read_only=read_only)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cr%20et@127.0.0.1:1/d",
        "postgresql://me@127.0.0.1:1/d?password=s3cr%20et",
        "postgres://me:s3cr%20et@127.0.0.1:1/d?sslmode=disable",
    ],
)
def test_no_password_is_ever_shown(url: str) -> None:
    """Not in the name, and not in what the server or the driver says."""
    pytest.importorskip("psycopg", reason="needs the driver of PostgreSQL")
    place = place_of(url)
    assert shown(place) == "postgresql://127.0.0.1:1/d"
    assert "s3cr" not in reason_of(place, ValueError('bad URL "postgresql://me:s3cr et@h" password=s3cr'))
    with pytest.raises(InputError, match="cannot be used") as caught:
        open_store(url)
    assert "s3cr" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_without_sqlalchemy(tmp_path: Path) -> None:
    """One line says what to install; and other commands do not import it."""
    code = (
        "import sys\nsys.modules['sqlalchemy'] = None\nsys.argv = ['loradiag', *sys.argv[1:]]\n"
        "from loradiag.cli.main import main\nmain()"
    )
    command = [sys.executable, "-c", code, "registry", "ls", "--registry", str(tmp_path / "r")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr.strip()) == (
        2,
        "loradiag: this needs the package sqlalchemy: pip install 'loradiag[registry]'",
    )
    light = "import sys, loradiag.api, loradiag.cli.main, loradiag.cli.registry\nassert 'sqlalchemy' not in sys.modules"
    subprocess.run([sys.executable, "-c", light], cwd=ROOT, check=True)

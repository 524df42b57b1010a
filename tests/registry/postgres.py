"""A PostgreSQL server of its own for tests: a temporary directory, a unix socket, no network."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def binaries() -> Path | None:
    """Where ``initdb`` and ``postgres`` are."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def _user() -> dict[str, object]:
    """PostgreSQL refuses to run as root: then it runs as the user that its package made."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def why_not() -> str | None:
    """Why no server can be started here; None where one can."""
    if binaries() is None:
        return "PostgreSQL is not installed"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed"
    try:
        _user()
    except KeyError:
        return "PostgreSQL does not run as root, and there is no user called postgres"
    return None


@contextmanager
def server() -> Iterator[str]:
    """Start a server, and yield the URL of its database; the name of the database comes last in it, and can be changed."""
    place = binaries()
    assert place is not None
    folder = Path(tempfile.mkdtemp(prefix="loradiag-pg-", dir="/tmp"))  # a path of a socket may have 107 bytes
    user = _user()
    try:
        if user:
            os.chown(folder, int(str(user["user"])), int(str(user["group"])))
        data = folder / "data"
        run = [str(place / "initdb"), "-D", str(data), "-U", "loradiag", "-A", "trust", "-E", "UTF8", "--no-sync", "-N"]
        subprocess.run(run, check=True, capture_output=True, cwd=folder, **user)  # type: ignore[call-overload]
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        start = [str(place / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start"]
        subprocess.run(start, check=True, capture_output=True, cwd=folder, **user)  # type: ignore[call-overload]
        try:
            yield f"postgresql://loradiag@/postgres?host={folder}"
        finally:
            stop = [str(place / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop"]
            subprocess.run(stop, check=True, capture_output=True, cwd=folder, **user)  # type: ignore[call-overload]
    finally:
        shutil.rmtree(folder, ignore_errors=True)

"""Servers of dashboards as processes, and what they cost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.browsing import listens
from benchmarks.teams import Team

PLAIN = Path(__file__).with_name("children") / "plain_app.py"
_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A server that runs.

    Attributes:
        url: Where.
        started: Seconds from its start until it answered.
    """

    def __init__(self, process: subprocess.Popen[bytes], url: str, started: float) -> None:
        self.process, self.url, self.started = process, url, started

    def memory(self) -> float:
        """Resident memory, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1e3

    def peak(self) -> float:
        """The most that it has been, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1e3

    def busy(self) -> float:
        """Seconds of all its threads so far."""
        told = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / _TICKS

    def threads(self) -> int:
        """How many it has."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def answers(self, seconds: float) -> list[float]:
        """Ask it again and again for some time, and return how long each answer took."""
        found, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            listens(self.url)
            found.append(time.perf_counter() - began)
            time.sleep(0.01)
        return found

    def share(self, seconds: float) -> float:
        """The share of one core that it takes over some time."""
        before, began = self.busy(), time.perf_counter()
        time.sleep(seconds)
        return (self.busy() - before) / (time.perf_counter() - began)


@contextlib.contextmanager
def served(command: Sequence[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Start a server, wait until it answers, and end it afterwards."""
    url = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=sys.stderr.fileno()
    )
    try:
        yield Server(process, url, listens(url) - began)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def plain() -> Iterator[Server]:
    """The control: Streamlit, with the options of a server."""
    port = free_port()
    options = {
        "server.address": "127.0.0.1",
        "server.port": port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "logger.level": "warning",
    }
    told = [f"--{name}={value}" for name, value in options.items()]
    with served([sys.executable, "-m", "streamlit", "run", str(PLAIN), *told], port) as server:
        yield server


@contextlib.contextmanager
def dashboard(program: Path, team: Team, cache: Path, *, every: float | None = None) -> Iterator[Server]:
    """``loradiag dashboard``, as a user starts it."""
    port = free_port()
    given = {"reports": team.reports, "traffic": team.lake, "state": team.state, "registry": team.registry}
    places = [word for name, path in given.items() for word in (f"--{name}", str(path))]
    pace = [] if every is None else ["--every", str(every)]
    command = [str(program), "dashboard", *places, *pace, "--port", str(port), "--no-browser", "--quiet"]
    with served(command, port, {"LORADIAG_CACHE": str(cache)}) as server:
        yield server


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])

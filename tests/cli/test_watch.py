"""``loradiag drift watch`` and ``loradiag drift alarms``, as a user calls them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from loradiag.cli.drift import drift
from loradiag.cli.drift.alarms import alarms
from loradiag.cli.drift.watch import _lines
from loradiag.cli.main import cli
from loradiag.core.errors import InputError, UsageError
from loradiag.core.watching import WatchTotals
from loradiag.watching.watcher import News
from tests.watching.making import write, write_baseline


def run(*arguments: str) -> Result:
    """Run a command of the group in this process; errors that ``main`` makes lines of are raised."""
    return CliRunner().invoke(cli, ["drift", *arguments], catch_exceptions=False)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A baseline, and a lake whose second day has drifted."""
    write_baseline(tmp_path / "baselines" / "support")
    write(tmp_path / "lake", 300, seed=1)
    write(tmp_path / "lake", 100, seed=2, domain=3, day=1)
    return tmp_path


def options(place: Path) -> list[str]:
    """Which lake is watched, by which baselines."""
    return ["--lake", str(place / "lake"), "--baseline", str(place / "baselines")]


def test_once_reports_and_fails_where_an_alarm_is_open(place: Path) -> None:
    """JSON has the watch and the finding; a second run says the same, since nothing has come; acknowledged, it passes."""
    first = run("watch", *options(place), "--once", "-f", "json")
    report = json.loads(first.stdout)
    assert first.exit_code == 1
    watch = report["measurements"]["watch"]
    assert (watch["adapter"], watch["requests"], watch["counted"], watch["alpha"]) == ("support", 400, 400, 0.05)
    assert watch["e_value"] > watch["line"]
    assert [alarm["status"] for alarm in watch["alarms"]] == ["open"]
    assert [finding["code"] for finding in report["findings"]] == ["LD813"]
    again = run("watch", *options(place), "--once", "-f", "json")
    assert json.loads(again.stdout)["measurements"]["watch"]["counted"] == 400
    done = run("alarms", "--lake", str(place / "lake"), "--acknowledge", "1", "--why", "a campaign", "--by", "ann")
    assert (done.exit_code, done.stdout) == (0, "alarm 1 of support is acknowledged\n")
    after = run("watch", *options(place), "--once", "-f", "json")
    assert after.exit_code == 0
    assert [finding["code"] for finding in json.loads(after.stdout)["findings"]] == ["LD814"]


def test_alarms_are_listed_acknowledged_and_resolved(place: Path) -> None:
    """Those that are not over, or all; as text and as JSON."""
    run("watch", *options(place), "--once", "-q")
    lake = ["--lake", str(place / "lake")]
    text = run("alarms", *lake)
    assert "support" in text.stdout
    assert "open" in text.stdout
    resolved = run("alarms", *lake, "--resolve", "1", "--why", "retrained", "--by", "bob", "-f", "json")
    told = json.loads(resolved.stdout)[0]
    assert (told["status"], told["by"], told["why"]) == ("resolved", "bob", "retrained")
    assert json.loads(run("alarms", *lake, "-f", "json").stdout) == []
    assert len(json.loads(run("alarms", *lake, "--all", "-f", "json").stdout)) == 1


def test_a_watch_that_was_started_again_says_so() -> None:
    """What it knows already, in the first line."""
    totals = WatchTotals(**dict.fromkeys(WatchTotals.__struct_fields__, 7))  # type: ignore[arg-type]
    assert [*_lines(totals, [], News([], []), first=True)] == ["7 requests counted, 0 adapters under watch"]
    assert [*_lines(totals, [], News([], []), first=False)] == []


def test_wrong_usage_is_said_in_a_line(place: Path) -> None:
    """No reason, both at once, no watch, no lake, an impossible budget, a report of a watch that goes on."""
    run("watch", *options(place), "--once", "-q")
    lake = ["--lake", str(place / "lake")]
    for error, arguments, said in (
        (UsageError, ["alarms", *lake, "--resolve", "1"], "--why"),
        (UsageError, ["alarms", *lake, "--resolve", "1", "--acknowledge", "1", "--why", "x"], "one alarm"),
        (UsageError, ["alarms"], "--lake"),
        (InputError, ["alarms", "--state", str(place / "none.sqlite")], "no watch"),
        (UsageError, ["watch", *options(place), "--once", "--alpha", "1.5"], "alpha"),
        (UsageError, ["watch", *options(place), "--once", "--alpha", "0.01"], "was begun with 0.05"),
        (UsageError, ["watch", *options(place), "-f", "json"], "--once"),
        (UsageError, ["watch", *options(place), "--once", "--listen", "127.0.0.1:0"], "--listen"),
        (UsageError, ["watch", *options(place), "--once", "--webhook", "ftp://x"], "--webhook"),
        (
            InputError,
            ["watch", "--lake", str(place / "no"), "--baseline", str(place / "baselines"), "--once"],
            "no lake",
        ),
        (InputError, ["watch", *lake, "--baseline", str(place / "lake"), "--once"], "holds no baseline"),
    ):
        with pytest.raises(error, match=said):
            run(*arguments)


def test_a_look_sends_what_it_found(place: Path) -> None:
    """Once; and the address may stand in the environment."""
    Received.got.clear()
    receiver = HTTPServer(("127.0.0.1", 0), Received)
    Thread(target=receiver.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{receiver.server_port}/hook"
    try:
        first = run("watch", *options(place), "--once", "--webhook", address)
        again = CliRunner().invoke(
            cli,
            ["drift", "watch", *options(place), "--once"],
            env={"LORADIAG_WEBHOOK": address},
            catch_exceptions=False,
        )
    finally:
        receiver.shutdown()
        receiver.server_close()
    assert (first.exit_code, again.exit_code) == (1, 1)
    assert [sent["status"] for sent in Received.got] == ["firing"]
    Received.got.clear()


def test_a_look_says_what_could_not_be_sent(place: Path) -> None:
    """The verdict is the same."""
    done = run("watch", *options(place), "--once", "--webhook", "http://127.0.0.1:1/secret")
    assert done.exit_code == 1
    assert "alarm 1 is not delivered yet: http://127.0.0.1:1" in done.stderr
    assert "secret" not in done.stderr


def test_a_look_shows_each_in_full_where_it_is_asked(place: Path) -> None:
    """As the last line of the table of several says."""
    write_baseline(place / "baselines" / "other", "other", domain=1)
    short, full = (run("watch", *options(place), "--once", *more).stdout for more in ((), ("--verbose",)))
    assert "--verbose" in short
    assert "under watch since" in full
    assert "under watch since" not in short


def test_help_has_examples() -> None:
    """Of both commands, and of the group, which lists them."""
    assert "Examples:" in run("watch", "--help").stdout
    assert "Examples:" in CliRunner().invoke(alarms, ["--help"]).stdout
    listed = CliRunner().invoke(drift, ["--help"]).stdout
    assert "watch" in listed
    assert "alarms" in listed


class Received(BaseHTTPRequestHandler):
    """Keeps what it was sent."""

    got: list[dict[str, object]] = []

    def do_POST(self) -> None:
        """Take a notice."""
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _until(ready, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.1)


def test_a_watch_that_goes_on_serves_sends_and_ends_when_told(place: Path) -> None:
    """Metrics and health over HTTP, the alarm to the webhook, new requests at the next look, and SIGTERM ends it with 0."""
    receiver = HTTPServer(("127.0.0.1", 0), Received)
    Thread(target=receiver.serve_forever, daemon=True).start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "loradiag", "drift", "watch", *options(place), "--every", "0.3"),
        *("--listen", f"127.0.0.1:{port}", "--webhook", f"http://127.0.0.1:{receiver.server_port}/hook"),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:

        def read(path: str) -> str:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                    return str(answer.read().decode())
            except OSError:
                return ""

        _until(lambda: 'loradiag_requests_total{adapter="support"} 400' in read("/metrics"))
        _until(lambda: Received.got)
        assert json.loads(read("/healthz"))["status"] == "ok"
        assert 'loradiag_alarm_open{adapter="support"' in read("/metrics")
        write(place / "lake", 50, seed=3, domain=3, day=2)
        _until(lambda: 'loradiag_requests_total{adapter="support"} 450' in read("/metrics"))
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
        receiver.shutdown()
        receiver.server_close()
    assert process.returncode == 0, said
    assert "ALARM 1 support" in said
    sent = Received.got[0]
    assert sent["status"] == "firing"
    assert sent["alerts"][0]["labels"]["adapter"] == "support"  # type: ignore[index]

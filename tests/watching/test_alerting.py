"""Notices to real receivers that behave and misbehave."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from loradiag.core.errors import UsageError
from loradiag.watching.alarms import change_alarm
from loradiag.watching.alerting import Hook, deliver, hooks_of
from loradiag.watching.notices import Notice, payload
from loradiag.watching.outbox import StateOutbox
from loradiag.watching.sending import Sender
from tests.rules.watching import alarm
from tests.watching.making import watcher, write, write_baseline


class Receiver(BaseHTTPRequestHandler):
    """Answers with the codes that it is given, the last one for ever, and keeps what it got."""

    def do_POST(self) -> None:
        """Take a notice."""
        server: Any = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.got.append((self.path, json.loads(body), dict(self.headers)))
        answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        if answer == "hang":
            time.sleep(3)
            return
        if answer == "drip":
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40:
                self.wfile.write(bytes([byte]))
                time.sleep(0.1)
            return
        if answer == "close":
            self.connection.close()
            return
        code, headers = answer if isinstance(answer, tuple) else (answer, {})
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Any]:
    """A server whose answers a test may set."""
    server: Any = HTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.answers = [], [200]
    server.handle_error = lambda *_: None
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Box:
    """An outbox in memory, with what became of each notice."""

    def __init__(self, *notices: Notice) -> None:
        self.waiting = {notice.id: (0.0, notice) for notice in notices}
        self.log: list[Any] = []

    def due(self, now: float) -> list[Notice]:
        """Return what is to be sent."""
        return [notice for at, notice in self.waiting.values() if at <= now]

    def delivered(self, number: int) -> None:
        """Forget a notice."""
        del self.waiting[number]
        self.log.append("delivered")

    def failed(self, number: int, again_at: float | None, error: str) -> None:
        """Remember when to try again."""
        notice = self.waiting.pop(number)[1]
        self.log.append((again_at, error))
        if again_at is not None:
            again = Notice(notice.id, notice.alarm, notice.resolved, notice.tries + 1)
            self.waiting[number] = (again_at, again)


def notice(**changes: Any) -> Notice:
    """A notice that was never tried."""
    return Notice(7, alarm(**changes), resolved=False, tries=0)


def url(server: Any, path: str = "/hook") -> str:
    """Where a receiver listens."""
    return f"http://127.0.0.1:{server.server_port}{path}"


def test_a_webhook_gets_what_alertmanager_would_send(receiver: Any) -> None:
    """Version 4 of its payload, with labels, annotations and a fingerprint, and nothing else of a request."""
    box = Box(notice())
    assert deliver(box, [Hook(url(receiver))]) == 1
    path, told, headers = receiver.got[0]
    assert (path, headers["Content-Type"]) == ("/hook", "application/json")
    assert set(told) == {
        *("version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels"),
        *("commonAnnotations", "externalURL", "alerts"),
    }
    assert (told["version"], told["status"]) == ("4", "firing")
    (alert,) = told["alerts"]
    assert alert["labels"] == {
        "alertname": "LoradiagDrift",
        "adapter": "support",
        "signal": "novelty",
        "severity": "critical",
        "alarm": "3",
    }
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-11-20T10:00:00Z", "0001-01-01T00:00:00Z")
    assert alert["annotations"]["e_value"] == "4.2e+05"
    assert len(alert["fingerprint"]) == 16


def test_an_alertmanager_gets_a_list_that_goes_on_until_it_is_over(receiver: Any) -> None:
    """Told by its path; the same labels when it is over, so that it is the same alert."""
    hook = Hook(url(receiver, "/am/api/v2/alerts"))
    over = Notice(8, alarm(status="resolved", changed="2026-11-22T08:00:00Z", why="retrained"), resolved=True, tries=0)
    assert deliver(Box(notice(), over), [hook]) == 2
    (first,), (second,) = receiver.got[0][1], receiver.got[1][1]
    assert set(first) == {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
    assert first["endsAt"] == "2027-11-20T10:00:00Z"
    assert second["endsAt"] == "2026-11-22T08:00:00Z"
    assert first["labels"] == second["labels"]


def test_what_is_hostile_stays_printable(receiver: Any) -> None:
    """Names and reasons may hold anything."""
    deliver(Box(notice(adapter="a\nb\x1b[2J" + "c" * 5000, message="m\u202e", why="\x00")), [Hook(url(receiver))])
    alert = receiver.got[0][1]["alerts"][0]
    for text in (*alert["labels"].values(), *alert["annotations"].values()):
        assert text.isprintable()
    assert len(alert["labels"]["adapter"]) <= 120


def test_errors_of_the_server_are_tried_again_later_each_time() -> None:
    """Nobody listens: two seconds, four, eight …, half as much more or a quarter less, and given up in the end."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        hook = Hook(f"http://127.0.0.1:{taken.getsockname()[1]}/", tries=4)
    box, clock = Box(notice()), [0.0]
    for _ in range(6):
        deliver(box, [hook], now=lambda: clock[0], chance=lambda: 0.5)
        clock[0] += 1000
    assert [entry[0] for entry in box.log] == [2.0, 1004.0, 2008.0, None]
    assert "127.0.0.1" in box.log[0][1]


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (500, True),
        (503, True),
        (429, True),
        (408, True),
        (400, False),
        (404, False),
        ((302, {"Location": "/x"}), False),
    ],
)
def test_which_answers_are_final(receiver: Any, answer: Any, again: bool) -> None:
    """5xx and 429 may pass; other answers will be the same again, and redirects are not followed."""
    receiver.answers = [answer]
    box = Box(notice())
    assert deliver(box, [Hook(url(receiver))], now=lambda: 0.0) == 0
    assert (box.log[0][0] is not None) == again
    assert len(receiver.got) == 1


def test_a_receiver_that_recovers_gets_it(receiver: Any) -> None:
    """Twice 500, then 200."""
    receiver.answers = [500, 500, 200]
    box, clock = Box(notice()), [0.0]
    while box.waiting:
        deliver(box, [Hook(url(receiver))], now=lambda: clock[0])
        clock[0] += 100
    assert box.log[-1] == "delivered"
    assert len(receiver.got) == 3


def test_a_receiver_says_when_to_come_again(receiver: Any) -> None:
    """``Retry-After``, in seconds or as a date, up to ten minutes."""
    for said, least, most in (("120", 120, 120), ("86400", 600, 600), ("soon", 0, 10), ("\xb2", 0, 10)):
        receiver.answers = [(429, {"Retry-After": said})]
        box = Box(notice())
        deliver(box, [Hook(url(receiver))], now=lambda: 0.0)
        assert least <= box.log[0][0] <= most


def test_receivers_that_hang_or_hang_up_cost_their_time_limit(receiver: Any) -> None:
    """And are tried again."""
    for answer in ("hang", "close"):
        receiver.answers = [answer]
        box, began = Box(notice()), time.monotonic()
        deliver(box, [Hook(url(receiver), timeout=0.3)], now=lambda: 0.0)
        assert time.monotonic() - began < 2.5
        assert box.log[0][0] is not None


def test_a_receiver_that_answers_byte_by_byte_costs_no_more(receiver: Any) -> None:
    """Each byte comes in time, and all of them would take six seconds."""
    receiver.answers = ["drip"]
    box, began = Box(notice()), time.monotonic()
    deliver(box, [Hook(url(receiver), timeout=0.3)], now=lambda: 0.0)
    assert time.monotonic() - began < 2.0
    assert box.log[0][0] is not None


def test_one_of_two_receivers_that_fails_makes_both_get_it_again(receiver: Any) -> None:
    """At least once, and a fingerprint tells the second from a new one."""
    box = Box(notice())
    deliver(box, [Hook(url(receiver)), Hook(url(receiver, "/other"))], now=lambda: 0.0)
    assert box.log == ["delivered"]
    receiver.answers, box = [200, 500, 200], Box(notice())
    deliver(box, [Hook(url(receiver)), Hook(url(receiver, "/other"))], now=lambda: 0.0)
    deliver(box, [Hook(url(receiver)), Hook(url(receiver, "/other"))], now=lambda: 100.0)
    assert box.log[-1] == "delivered"
    assert len({told["alerts"][0]["fingerprint"] for _, told, _ in receiver.got}) == 1


def test_credentials_are_sent_and_never_shown(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the address into a header; what is said of a failure names the host alone."""
    secret = url(receiver, "/hook?token=hidden").replace("http://", "http://ann:pass%20word@")
    monkeypatch.setenv("LORADIAG_WEBHOOK", f" {secret} ,")
    (hook,) = hooks_of([])
    deliver(Box(notice()), [hook])
    path, _, headers = receiver.got[0]
    assert path == "/hook?token=hidden"
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"ann:pass word").decode()
    receiver.answers, box = [500], Box(notice())
    deliver(box, [hook])
    assert "hidden" not in box.log[0][1]
    assert "pass" not in box.log[0][1]


def test_what_cannot_be_delivered_is_said(receiver: Any) -> None:
    """At the first failure, and when it is given up; never what the address keeps secret."""
    receiver.answers, box, said = [500], Box(notice()), []
    for attempt in range(8):
        deliver(box, [Hook(url(receiver, "/hidden"))], now=lambda at=attempt: at * 10_000.0, say=said.append)
    assert [line.partition(" is ")[2].partition(":")[0] for line in said] == [
        "not delivered yet",
        "given up after 8 attempts",
    ]
    assert all("alarm 3" in line and "answered 500" in line and "hidden" not in line for line in said)


def test_a_look_does_not_wait_for_all_that_hang(receiver: Any) -> None:
    """None is begun after so many seconds."""
    box = Box(*(Notice(number, alarm(), resolved=False, tries=0) for number in range(20)))
    receiver.answers = ["hang"]
    deliver(box, [Hook(url(receiver), timeout=0.2)], now=lambda: 0.0, most=0.3)
    assert 1 <= len(box.log) <= 3


def test_a_sender_waits_for_the_watch_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says what fails once, and again when it is something else."""
    monkeypatch.setattr("loradiag.watching.sending._EVERY", 0.01)
    said: list[str] = []
    sender = Sender(tmp_path / "watch.sqlite", [Hook("http://127.0.0.1:1/")], said.append)
    time.sleep(0.2)
    assert said == []
    (tmp_path / "watch.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    time.sleep(0.3)
    sender.close()
    assert len(said) == 1
    assert "notices cannot be sent" in said[0]


@pytest.mark.parametrize(
    "word",
    [
        *("file:///etc/passwd", "ftp://x/", "http://", "https://h:99999/", "no address", "http://h\n/"),
        *("http://h/a b", "http://h/\u00e9"),
    ],
)
def test_other_addresses_are_refused(word: str) -> None:
    """Only http and https, with a host; the address is not repeated, since it may hold a secret."""
    with pytest.raises(UsageError, match="an address such as") as raised:
        hooks_of([word])
    assert word not in str(raised.value)


def test_the_state_keeps_notices_until_they_are_delivered(tmp_path: Path, receiver: Any) -> None:
    """Raised, failed, sent by another process later, and the end of the alarm after it."""
    write_baseline(tmp_path / "baselines" / "support")
    write(tmp_path / "lake", 80, seed=1, domain=3)
    run = watcher(tmp_path)
    run.poll()
    box = StateOutbox(run.state)
    receiver.answers = [500, 200]
    assert deliver(box, [Hook(url(receiver))]) == 0
    assert box.due(time.time()) == []
    assert [found.tries for found in box.due(time.time() + 60)] == [1]
    change_alarm(run.state, 1, "resolved", "ann", "retrained")
    assert deliver(box, [Hook(url(receiver))], now=lambda: time.time() + 60) == 2
    assert [told["status"] for _, told, _ in receiver.got] == ["firing", "firing", "resolved"]
    assert box.due(time.time() + 10**9) == []


def test_payloads_are_json_whatever_the_numbers() -> None:
    """Evidence without bound is written as the largest that there is."""
    told = payload(notice(e_value=1e300), "http://h/")
    assert json.loads(json.dumps(told))["alerts"][0]["annotations"]["e_value"] == "1e+300"

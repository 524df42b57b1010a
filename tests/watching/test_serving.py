"""The endpoint, over real sockets."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator

import pytest

from loradiag.core.errors import UsageError
from loradiag.watching.metrics import Metrics
from loradiag.watching.serving import Health, Server, address
from tests.rules.watching import watch
from tests.watching.test_metrics import totals


class Clock:
    """A time that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


@pytest.fixture
def served() -> Iterator[tuple[Server, Metrics, Health, Clock]]:
    """A server on a free port of loopback."""
    clock = Clock()
    metrics, health = Metrics(), Health(60.0, clock)
    server = Server("127.0.0.1:0", metrics, health)
    yield server, metrics, health, clock
    server.close()


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """One request."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_metrics_are_served_in_the_format_that_is_asked_for(served) -> None:
    """Text, or OpenMetrics where the client takes it."""
    server, metrics, _, _ = served
    metrics.update(totals(), [watch()])
    code, headers, body = ask(server, "/metrics")
    assert (code, headers["Content-Type"].partition(";")[0]) == (200, "text/plain")
    assert b'loradiag_requests_total{adapter="support"} 1500.0' in body
    _, headers, body = ask(server, "/metrics?x=1", Accept="application/openmetrics-text; version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_health_is_that_of_the_last_poll(served) -> None:
    """Failing before the first, after a failure, and when the last is too old."""
    server, _, health, clock = served

    def told() -> tuple[int, dict[str, object]]:
        code, _, body = ask(server, "/healthz")
        return code, json.loads(body)

    assert told() == (
        503,
        {"status": "failing", "reason": "the lake has not been looked at yet", "last_poll_seconds_ago": None},
    )
    health.succeeded()
    assert told() == (200, {"status": "ok", "reason": None, "last_poll_seconds_ago": 0.0})
    clock.now += 61
    assert told()[0] == 503
    assert "61 s ago" in str(told()[1]["reason"])
    health.succeeded()
    health.failed("the disk is full")
    assert told() == (503, {"status": "failing", "reason": "the disk is full", "last_poll_seconds_ago": 0.0})
    health.succeeded()
    assert told()[0] == 200


def test_other_paths_and_methods_are_refused(served) -> None:
    """404 and 405; HEAD has no body."""
    server = served[0]
    assert ask(server, "/")[0] == 404
    assert ask(server, "/../etc/passwd")[0] == 404
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        code, headers, _ = ask(server, "/metrics", method)
        assert (code, headers["Allow"]) == (405, "GET, HEAD")
    assert ask(server, "/healthz", "HEAD")[2] == b""


def test_a_client_that_says_nothing_holds_nobody_up(served) -> None:
    """Nor do twenty: the server answers others, or lets them come again."""
    server, metrics, _, _ = served
    metrics.update(totals(), [watch()])
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(10)]
    try:
        time.sleep(0.2)
        assert ask(server, "/metrics")[0] == 200
    finally:
        for one in silent:
            one.close()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("9464", ("127.0.0.1", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::1]:9464", ("::1", 9464)),
        ("metrics.example:1", ("metrics.example", 1)),
    ],
)
def test_addresses(word: str, expected: tuple[str, int]) -> None:
    """Loopback unless a host is named."""
    assert address(word) == expected


@pytest.mark.parametrize(
    "word", ["", "x", "host:", "host:x", "1.2.3.4:70000", "::1:80", "host:-1", "h:\u0661", "9" * 5000]
)
def test_what_is_no_address_is_said(word: str) -> None:
    """With one that is."""
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:9464"):
        address(word)


def test_an_address_that_is_taken_is_said() -> None:
    """And a host that is not there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="cannot listen there"):
            Server(f"127.0.0.1:{taken.getsockname()[1]}", Metrics(), Health(1.0))


def test_ipv6_is_served_where_there_is_some() -> None:
    """In brackets, also in the address that is told."""
    try:
        server = Server("[::1]:0", Metrics(), Health(1.0))
    except UsageError:
        pytest.skip("there is no IPv6 here")
    assert server.url.startswith("http://[::1]:")
    assert ask(server, "/metrics")[0] == 200
    server.close()

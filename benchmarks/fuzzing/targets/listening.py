"""Requests to what a watch serves: raw bytes of whoever reaches its port."""

from __future__ import annotations

import functools
import socket
import sys
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from benchmarks.fuzzing.mutating import blindly
from benchmarks.fuzzing.targets import Target
from loradiag.core.watching import Watch, WatchTotals
from loradiag.watching.metrics import Metrics
from loradiag.watching.serving import Health, Server, address
from tests.rules.watching import alarm, watch

_HEALTHY = b"GET /healthz HTTP/1.0\r\n\r\n"


@functools.cache
def _server() -> tuple[str, int, list[Any]]:
    metrics, health = Metrics(), Health(1e9)
    health.succeeded()
    found: list[Watch] = [watch(alarm(adapter='\x1b\n"a\\'), adapter='\x1b\n"a\\'), watch(adapter="b")]
    totals = WatchTotals(
        started="2026-11-01T12:00:00Z", polled=None, seconds=0.1, behind=0.0, polls=1, requests=9, unattributed=0,
        unwatched=0, late=0, flawed_files=0, alpha=0.05, budget_left=1.0,
    )  # fmt: skip
    metrics.update(totals, found)
    server = Server("127.0.0.1:0", metrics, health)
    escaped: list[Any] = []
    server._server.handle_error = lambda *_: escaped.append(sys.exc_info()[1])  # type: ignore[method-assign]
    parts = urlsplit(server.url)
    return parts.hostname or "", parts.port or 0, escaped


def _listener(data: bytes, _: Path) -> None:
    """A request is answered or not, and the next one is; nothing is raised in the thread that answers."""
    with suppress(Exception):
        address(data[:40].decode("latin-1"))
    host, port, escaped = _server()
    _answered(host, port, data)
    assert _answered(host, port, _HEALTHY).startswith(b"HTTP/1.0 200"), "no answer any more"
    raised = [error for error in escaped if not isinstance(error, OSError)]
    escaped.clear()
    if raised:
        raise raised[0]


def _answered(host: str, port: int, data: bytes) -> bytes:
    answer = b""
    with suppress(OSError), socket.create_connection((host, port), timeout=5.0) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while piece := connection.recv(1 << 16):
            answer += piece
    return answer


_LINES = (
    b"Accept: application/openmetrics-text; version=1.0.0; escaping=allow-utf-8",
    b"Accept: text/plain;version=\xff;escaping=;q=nan",
    b"Accept: */*;" + b"q" * 9000,
    b"Content-Length: -1",
    b"Expect: 100-continue",
    b"Connection: keep-alive",
    b"Transfer-Encoding: chunked",
    b"Host: \x1b]0;x\x07",
)


def _requests() -> list[bytes]:
    lines = (b"GET /metrics HTTP/1.1", b"HEAD /healthz?x=1 HTTP/1.0", b"POST / HTTP/1.1", b"GET /x", b"PRI * HTTP/2.0")
    return [line + b"\r\nHost: h\r\n\r\n" for line in lines] + [lines[0] + b"\r\n" + _LINES[0] + b"\r\n\r\n"]


def _changed(data: bytes, random: Random) -> bytes:
    lines = data.split(b"\r\n")
    if random.random() < 0.4:
        return blindly(data, random)
    lines.insert(random.randrange(1, max(len(lines), 2)), random.choice(_LINES))
    return b"\r\n".join(lines)


TARGETS = {"listener": Target(_listener, _requests, _changed, 1 << 14)}

"""``/metrics`` and ``/healthz`` over HTTP, on loopback unless told otherwise."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Thread
from typing import Any

import msgspec

from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.watching.metrics import Metrics

LOOPBACK = "127.0.0.1"
_PATIENCE = 10.0
"""Seconds after which a client that says nothing, or takes nothing, is let go."""

_AT_ONCE = 16
"""Clients at a time."""


class Health:
    """Whether the last poll succeeded, and not too long ago.

    Args:
        limit: Seconds after which a poll is too old.
        clock: Gives the time, in seconds.
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._last: float | None = None
        self._failure: str | None = None

    def succeeded(self) -> None:
        """A poll has come to its end."""
        self._last, self._failure = self._clock(), None

    def failed(self, reason: str) -> None:
        """A poll has failed."""
        self._failure = reason

    def told(self) -> tuple[bool, dict[str, Any]]:
        """Return whether all is well, and what to say."""
        age = None if self._last is None else self._clock() - self._last
        reason = self._failure
        if reason is None and age is None:
            reason = "the lake has not been looked at yet"
        if reason is None and age is not None and age > self._limit:
            reason = f"the last look at the lake was {age:.0f} s ago"
        return reason is None, {"status": "failing" if reason else "ok", "reason": reason, "last_poll_seconds_ago": age}


def address(word: str) -> tuple[str, int]:
    """Read ``host:port``, ``:port`` or ``port``; an IPv6 host stands in brackets; without a host it is loopback.

    Raises:
        UsageError: It is none of these.
    """
    host, separator, port = word.rpartition(":")
    host = host if separator else ""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        port = ""  # an IPv6 address without brackets says not where it ends
    if not (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65_536):
        raise UsageError(f"--listen {printable(word)}: write a host and a port, such as {LOOPBACK}:9464")
    return host or LOOPBACK, int(port)


class Server:
    """Serves until it is closed, in threads of its own.

    Args:
        word: Where to listen, as :func:`address` reads it; port 0 takes a free one.
        metrics: What ``/metrics`` says.
        health: What ``/healthz`` says.

    Raises:
        UsageError: The address makes no sense, or is taken.
    """

    def __init__(self, word: str, metrics: Metrics, health: Health) -> None:
        host, port = address(word)

        class Handler(_Handler):
            sources = metrics, health

        kind = type("Listener", (_Listener,), {"address_family": socket.AF_INET6}) if ":" in host else _Listener
        try:
            self._server: ThreadingHTTPServer = kind((host, port), Handler)
        except (OSError, UnicodeError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"--listen {printable(word)}: cannot listen there ({printable(str(reason))})") from error
        self._thread = Thread(target=self._server.serve_forever, name="loradiag-serving", daemon=True)
        self._thread.start()
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_address[1]}"

    def close(self) -> None:
        """Take no more clients; those that are being answered have threads of their own, which end with the process."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *arguments: Any) -> None:
        self._free = BoundedSemaphore(_AT_ONCE)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)  # too many at once: this one may come again
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be begun, which would give the place back
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is nobody's fault."""


class _Handler(BaseHTTPRequestHandler):
    sources: tuple[Metrics, Health]
    timeout = _PATIENCE
    server_version = "loradiag"
    sys_version = ""

    def do_GET(self) -> None:
        metrics, health = self.sources
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, *metrics.text(self.headers.get("Accept", "")))
        elif path == "/healthz":
            well, told = health.told()
            self._answer(200 if well else 503, msgspec.json.encode(told), "application/json")
        else:
            self._answer(404, b"there are /metrics and /healthz\n", "text/plain; charset=utf-8")

    do_HEAD = do_GET  # noqa: N815 - as the library has it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._refused
        raise AttributeError(name)

    def _refused(self) -> None:
        self.close_connection = True
        self._answer(405, b"only GET and HEAD\n", "text/plain; charset=utf-8")

    def _answer(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if code == 405:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - as the library has it
        """Who scrapes is no news."""

"""One exchange over HTTP, within a time limit for all of it, with every way to fail as a kind."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any

import msgspec

from loradiag.analyzers.served.address import Endpoint

MAX_BODY = 8 << 20
"""Bytes of an answer. One with the logprobs of some hundred tokens has a hundredth of it."""

MAX_LINE = 1 << 20
UNREACHABLE = frozenset({"connection refused", "no such host", "no TLS connection", "not reachable"})
"""Kinds that say that no server is there."""


class WireError(Exception):
    """An exchange that failed. ``kind`` is a stable phrase; ``again``: whether another try makes sense, ``after`` seconds."""

    def __init__(self, kind: str, *, again: bool = False, after: float = 0.0, status: int = 0, place: str = "") -> None:
        super().__init__(kind)
        self.kind, self.again, self.after, self.status, self.place = kind, again, after, status, place


class Reply(msgspec.Struct, frozen=True):
    """What came back: JSON, and after how many seconds."""

    value: Any
    seconds: float


class _Watchdog:
    """Ends an exchange that takes too long, though each of its bytes comes in time."""

    def __init__(self, seconds: float) -> None:
        self.bit = False  # whether it ended the exchange
        self._socket: socket.socket | None = None
        self._timer = Timer(seconds, self.bite)
        self._timer.daemon = True
        self._timer.start()

    def guard(self, connected: socket.socket) -> None:
        self._socket = connected
        if self.bit:
            self._hang_up()

    def bite(self) -> None:
        self.bit = True
        self._hang_up()

    def _hang_up(self) -> None:
        with suppress(OSError, AttributeError):  # it has just ended by itself
            self._socket.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    def cancel(self) -> None:
        self._timer.cancel()


@contextmanager
def _exchange(
    endpoint: Endpoint, method: str, name: str, payload: Any, timeout: float
) -> Iterator[tuple[http.client.HTTPResponse, float]]:
    """An answer that has begun, and when the request was sent: connecting is over by then."""
    connection = endpoint.connection(timeout)
    watchdog = _Watchdog(timeout)
    response: http.client.HTTPResponse | None = None
    endpoint.hang_ups.add(watchdog.bite)
    try:
        connection.connect()
        watchdog.guard(connection.sock)
        body = None if payload is None else json.dumps(payload).encode()
        begun = time.perf_counter()
        connection.request(method, endpoint.path(name), body, endpoint.headers())
        response = connection.getresponse()
        _check(response)
        yield response, begun
        if watchdog.bit:
            raise WireError("timed out")
    except WireError:
        if watchdog.bit:  # what was read until then is cut off, which has other names
            raise WireError("timed out") from None
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise WireError("timed out" if watchdog.bit else _kind(error)) from error
    finally:
        watchdog.cancel()
        endpoint.hang_ups.discard(watchdog.bite)
        if response is not None:
            response.close()  # a connection that ends with its answer leaves that open
        connection.close()


def _check(response: http.client.HTTPResponse) -> None:
    if 200 <= response.status < 300:
        return
    word = (response.getheader("Retry-After") or "").strip()
    raise WireError(
        f"status {response.status}",
        again=response.status in (429, 503),
        after=float(word) if word.isdigit() and len(word) < 9 else 0.0,
        status=response.status,
        place=response.getheader("Location") or "",
    )


def _kind(error: Exception) -> str:
    kinds: tuple[tuple[type[BaseException], str], ...] = (
        (TimeoutError, "timed out"),
        (ConnectionRefusedError, "connection refused"),
        (socket.gaierror, "no such host"),
        (ssl.SSLError, "no TLS connection"),
        (http.client.IncompleteRead, "answer cut off"),
        (http.client.RemoteDisconnected, "connection lost"),
        (http.client.HTTPException, "no HTTP"),
        (ConnectionError, "connection lost"),
        (OSError, "not reachable"),
    )
    return next((kind for family, kind in kinds if isinstance(error, family)), "no HTTP")


def fetch(endpoint: Endpoint, method: str, name: str, payload: Any, timeout: float) -> Reply:
    """Send a request and read the answer to it, which must be JSON.

    Raises:
        WireError: There is none, or it is something else.
    """
    with _exchange(endpoint, method, name, payload, timeout) as (response, begun):
        return Reply(_document(response), time.perf_counter() - begun)


def stream(endpoint: Endpoint, name: str, payload: Any, timeout: float) -> Iterator[tuple[Any, float]]:
    """Send a request and yield each event of the answer, with the seconds since it was sent.

    A server that does not stream answers with one document, which is yielded as the only event.

    Raises:
        WireError: The stream ends before it says that it does, or is no stream.
    """
    with _exchange(endpoint, "POST", name, payload, timeout) as (response, begun):
        if "event-stream" not in (response.getheader("Content-Type") or ""):
            value = _document(response)
            yield value, time.perf_counter() - begun
            return
        size = 0
        while line := response.readline(MAX_LINE):
            size += len(line)
            if size > MAX_BODY:
                raise WireError("answer too large")
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                return
            yield _event(data), time.perf_counter() - begun
        raise WireError("answer cut off")


def _document(response: http.client.HTTPResponse) -> Any:
    data = response.read(MAX_BODY + 1)
    if len(data) > MAX_BODY:
        raise WireError("answer too large")
    if response.length:  # fewer bytes came than were promised
        raise WireError("answer cut off")
    return _event(data)


def _event(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WireError("not JSON") from error

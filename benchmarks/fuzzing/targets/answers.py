"""Answers of servers: what is served, byte by byte over loopback and document by document, and what a webhook answers."""

from __future__ import annotations

import functools
import itertools
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

from benchmarks.fuzzing.mutating import as_json, blindly
from benchmarks.fuzzing.showing import asked
from benchmarks.fuzzing.targets import Target
from benchmarks.fuzzing.targets.adapters import check
from loradiag.analyzers.served import client as asking
from loradiag.analyzers.served.address import endpoint_at
from loradiag.analyzers.served.answers import Manner
from loradiag.analyzers.served.client import Client
from loradiag.analyzers.served.wire import Reply, WireError
from loradiag.api.served import serve_check
from loradiag.core.text import printable
from loradiag.core.watching import WatchAlarm
from loradiag.watching.alerting import Hook, deliver
from loradiag.watching.notices import Notice

SLOW = 0.15
"""Seconds that an exchange may take here: a server that says nothing must not cost a fuzzer's minute."""


def _served(data: bytes, _: Path) -> None:
    """As ``serve-check`` measures a server of which every answer is a document of the input, in turn."""
    try:
        told = json.loads(data)
        models, answers, events = (told[name] for name in ("models", "answers", "events"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    answers = answers if isinstance(answers, list) and answers else [answers]
    turn = itertools.cycle(answers)

    def fetch(endpoint: Any, method: str, name: str, payload: Any, timeout: float) -> Reply:  # noqa: ARG001
        return Reply(models if name == "models" else next(turn), 0.001)

    def stream(endpoint: Any, name: str, payload: Any, timeout: float) -> Iterator[tuple[Any, float]]:  # noqa: ARG001
        for place, event in enumerate(events if isinstance(events, list) else [events]):
            yield event, 0.001 * (place + 1)

    asking.fetch, asking.stream = fetch, stream  # what is read here has been through the JSON of a wire
    check(
        [
            serve_check(
                "http://127.0.0.1:1", limit=2, rounds=1, concurrency=2, switches=1, show_text=True, max_requests=300
            )
        ]
    )


def _served_seeds() -> list[bytes]:
    cards = [{"id": "base", "parent": None, "root": "/m"}, {"id": "a", "parent": "base"}, {"id": "b", "parent": "base"}]
    logprobs = {"tokens": ["x", " y"], "token_logprobs": [-0.1, -1.5], "top_logprobs": [{"x": -0.1}, {" y": -1.5}]}
    words = [{"choices": [{"text": text, "logprobs": logprobs}]} for text in ("x y", "x z", "w")]
    rows = [{"token": "x", "logprob": -0.1, "top_logprobs": [{"token": "x", "logprob": -0.1}]}]
    chat = [{"choices": [{"message": {"content": "x"}, "logprobs": {"content": rows}}]}]
    events = [{"object": "text_completion.chunk", "choices": [{"text": "x"}]}, {"choices": [{"text": " y"}]}]
    bare = [{"choices": [{"text": text}]} for text in ("x", "y")]
    return [
        json.dumps({"models": {"object": "list", "data": cards}, "answers": answers, "events": events}).encode()
        for answers in (words, chat, bare)
    ]


class _Server(Thread):
    """Answers every request with the bytes in hand, and hangs up or, where it lingers, waits."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.answer, self.lingers = b"", False
        self.start()

    def run(self) -> None:
        while True:
            connection, _ = self.socket.accept()
            with connection, suppress(OSError):
                connection.settimeout(1.0)
                connection.recv(1 << 16)
                connection.sendall(self.answer)
                while self.lingers and connection.recv(1 << 16):
                    pass


@functools.cache
def _server() -> tuple[_Server, str]:
    asking._FIRST = asking._LONGEST = 0.001  # pauses between tries are no part of what is looked at
    server = _Server()
    return server, f"http://127.0.0.1:{server.socket.getsockname()[1]}"


class _Outbox:
    """One notice, and what became of it."""

    def __init__(self) -> None:
        self.error = ""

    def due(self, now: float) -> list[Notice]:  # noqa: ARG002
        alarm = WatchAlarm(
            id=1, adapter="a", signal="novelty", raised="2026-11-01T12:00:00Z", e_value=1e3, line=20.0, requests=9,
            message="m", status="open",
        )  # fmt: skip
        return [Notice(1, alarm, False, 0)]

    def delivered(self, number: int) -> None:
        pass

    def failed(self, number: int, again_at: float | None, error: str) -> None:  # noqa: ARG002
        self.error = error


def _wire(data: bytes, _: Path) -> None:
    """Raw bytes as the answer to everything that asks over HTTP; the first one says whether the server then waits."""
    server, url = _server()
    server.answer, server.lingers = data[1:], data[:1] == b"\1"
    client = Client(endpoint_at(url), timeout=SLOW, most=30)
    with suppress(WireError):
        client.models()
    client.ask("a", "b", Manner("chat", True, 4))
    client.first_token("a", "b", Manner("completions", False, 4))
    outbox = _Outbox()
    deliver(outbox, [Hook(url, timeout=SLOW)])
    assert printable(outbox.error) == outbox.error
    asked(lambda: serve_check(url, limit=1, rounds=1, concurrency=1, switches=0, timeout=SLOW, max_requests=40))


def _http() -> list[bytes]:
    told = json.dumps({"object": "list", "data": [{"id": "a"}], "choices": [{"text": "x"}]}).encode()
    events = b'data: {"choices": [{"text": "x"}]}\n\ndata: [DONE]\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(told), told)
    return [
        b"\0" + head + b"Content-Length: %d\r\n\r\n" % len(told) + told,
        b"\0" + head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked,
        b"\0" + head.replace(b"application/json", b"text/event-stream") + b"\r\n" + events,
        b"\0HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
        b"\0HTTP/1.1 307 Elsewhere\r\nLocation: http://user:pass@evil/x?y\r\nContent-Length: 0\r\n\r\n",
        b"\0HTTP/1.1 100 Continue\r\n\r\n" + head + b"\r\n" + told,
        b"\0HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99999999999\r\n\r\n" + told,
    ]


def _on_the_wire(data: bytes, random: Random) -> bytes:
    """Headers or body changed; one in some hundred waits afterwards."""
    head, empty, body = data[1:].partition(b"\r\n\r\n")
    choice = random.random()
    if choice < 0.4:
        head = blindly(head, random)
    elif choice < 0.7:
        lines = head.split(b"\r\n")
        lines.insert(random.randrange(len(lines) + 1), random.choice(_HEADERS))
        head = b"\r\n".join(lines)
    else:
        body = (as_json if random.random() < 0.5 else blindly)(body, random)
    return (b"\1" if random.random() < 0.004 else b"\0") + head + empty + body


_HEADERS = (
    b"Content-Length: -1",
    b"Content-Length: 18446744073709551616",
    b"Content-Length: 0, 7",
    b"Transfer-Encoding: chunked",
    b"Retry-After: \xc2\xb2",
    b"Retry-After: Fri, 31 Dec 9999 23:59:59 -2359",
    b"Location: http://[::1/\x1b]0;x\x07",
    b"Content-Type: text/event-stream",
    b"X: " + b"a" * 70_000,
    b"HTTP/1.1 200 OK",
    b" folded: line",
    b"\xff\xfe: \0",
)


TARGETS = {
    "served": Target(_served, _served_seeds, as_json, 1 << 13),
    "wire": Target(_wire, _http, _on_the_wire, 1 << 17),
}

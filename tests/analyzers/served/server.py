"""A real OpenAI-compatible server on loopback, which can be told to misbehave."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

Row = tuple[str, float, dict[str, float]]
"""A token, its logprob, and the likeliest tokens at its place."""

Speak = Callable[[str, str, int, bool], list[Row]]
"""Adapter, prompt, most tokens, and whether rounding may turn a near tie -> tokens."""


@dataclass
class Manners:
    """How the server behaves. ``asked`` are the bodies of requests, ``headers`` their headers."""

    speak: Speak
    base: str = "base"
    adapters: Sequence[str] = ("a", "b")
    parents: bool = True
    lists: bool = True
    logprobs: bool = True
    rejects_logprobs: bool = False
    completions: bool = True
    chat: bool = True
    streams: bool = True
    key: str | None = None
    silent: Sequence[str] = ()
    mixed: float = 0.0
    noise: float = 0.0
    switch_ms: float = 0.0
    delay_ms: float = 0.0
    status: dict[str, int] = field(default_factory=dict)
    loaded_status: dict[str, int] = field(default_factory=dict)
    busy: int = 0
    retry_after: str = "0"
    garbage: Sequence[str] = ()
    half: Sequence[str] = ()
    half_streams: Sequence[str] = ()
    dripping: Sequence[str] = ()
    empty: Sequence[str] = ()
    redirect: str | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, manners: Manners) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manners, self.lock = manners, Lock()
        self.flying: dict[int, str] = {}
        self.count, self.last, self.dice = 0, "", 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""

    def roll(self, chance: float) -> bool:
        """Evenly spread, so that a test is the same every time: the golden ratio's multiples."""
        with self.lock:
            self.dice += 1
            return (self.dice * 0.6180339887498949) % 1 < chance


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silence."""

    def do_GET(self) -> None:
        """The list of models."""
        manners = self.server.manners
        with self.server.lock:
            manners.headers.append(dict(self.headers))
        if manners.redirect:
            self._send(307, b"", {"Location": manners.redirect})
        elif not self._allowed():
            self._send(401, b"{}")
        elif not manners.lists or self.path != "/v1/models":
            self._send(404, b"{}")
        else:
            rows: list[dict[str, Any]] = [{"id": manners.base, "object": "model", "root": f"/models/{manners.base}"}]
            for name in manners.adapters:
                more = {"parent": manners.base, "root": f"/adapters/{name}"} if manners.parents else {}
                rows.append({"id": name, "object": "model", **more})
            self._send(200, json.dumps({"object": "list", "data": rows}).encode())

    def do_POST(self) -> None:
        """An answer."""
        manners, server = self.server.manners, self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            manners.asked.append(body)
            manners.headers.append(dict(self.headers))
            server.count += 1
            number, switched = server.count, server.last not in ("", body["model"])
            server.flying[number] = server.last = body["model"]
            busy, manners.busy = manners.busy > 0, manners.busy - 1
        try:
            if busy:
                self._send(429, b"{}", {"Retry-After": manners.retry_after})
            else:
                self._answer(body, number, switched)
        finally:
            with server.lock:
                server.flying.pop(number, None)

    def _allowed(self) -> bool:
        key = self.server.manners.key
        return key is None or self.headers.get("Authorization") == f"Bearer {key}"

    def _answer(self, body: dict[str, Any], number: int, switched: bool) -> None:
        manners, name = self.server.manners, body["model"]
        chat = self.path == "/v1/chat/completions"
        with self.server.lock:
            others = [other for key, other in self.server.flying.items() if key != number and other != name]
        status = manners.status.get(name) or (manners.loaded_status.get(name) if others else None)
        if not self._allowed():
            self._send(401, b"{}")
        elif not (manners.chat if chat else manners.completions and self.path == "/v1/completions"):
            self._send(404, b"{}")
        elif status or name not in (manners.base, *manners.adapters):
            self._send(status or 404, b'{"error": "no"}')
        elif body.get("logprobs") and manners.rejects_logprobs:
            self._send(400, b"{}")
        elif name in manners.garbage:
            self._send(200, b"<html>nonsense</html>")
        elif name in manners.dripping:
            self._drip()
        else:
            time.sleep((manners.delay_ms + manners.switch_ms * switched) / 1e3)
            if manners.mixed:
                # Others may have come in while this was waiting, as requests gather to a batch.
                with self.server.lock:
                    others += [other for key, other in self.server.flying.items() if key != number and other != name]
            speaker = manners.base if name in manners.silent else name
            if others and manners.mixed and self.server.roll(manners.mixed):
                speaker = others[0]
            with self.server.lock:
                # It is done before its client can know: what comes next is not asked beside it.
                self.server.flying.pop(number, None)
            self._say(body, speaker, chat)

    def _say(self, body: dict[str, Any], speaker: str, chat: bool) -> None:
        manners, name = self.server.manners, body["model"]
        prompt = body["messages"][-1]["content"] if chat else body["prompt"]
        noisy = bool(manners.noise) and self.server.roll(manners.noise)
        rows = [] if name in manners.empty else manners.speak(speaker, prompt, body["max_tokens"], noisy)
        told = _logprobs(rows, chat) if manners.logprobs and body.get("logprobs") else None
        if body.get("stream") and manners.streams:
            self._stream(rows, chat, cut=name in manners.half_streams)
            return
        text = "".join(row[0] for row in rows)
        said: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        data = json.dumps({"choices": [{"index": 0, **said, "logprobs": told, "finish_reason": "stop"}]}).encode()
        if name in manners.half:
            self._send(200, data, cut=len(data) // 2)
        else:
            self._send(200, data)

    def _stream(self, rows: Sequence[Row], chat: bool, *, cut: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if chat:
            self._event(
                {"object": "chat.completion.chunk", "choices": [{"delta": {"role": "assistant", "content": ""}}]}
            )
        for text, _, _ in rows:
            said = {"delta": {"content": text}} if chat else {"text": text}
            self._event({"object": "chunk", "choices": [said]})
        if not cut:
            self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, value: Any) -> None:
        self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        with suppress(OSError):
            for _ in range(100):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data[:cut])
        self.close_connection = True


def _logprobs(rows: Sequence[Row], chat: bool) -> dict[str, Any]:
    if chat:
        return {
            "content": [
                {
                    "token": text,
                    "logprob": value,
                    "top_logprobs": [{"token": name, "logprob": own} for name, own in top.items()],
                }
                for text, value, top in rows
            ]
        }
    return {
        "tokens": [text for text, _, _ in rows],
        "token_logprobs": [value for _, value, _ in rows],
        "top_logprobs": [top for _, _, top in rows],
    }


@contextmanager
def serving(manners: Manners) -> Iterator[str]:
    """The address of a server that runs as long as the block does."""
    server = _Server(manners)
    thread = Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

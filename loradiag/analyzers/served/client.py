"""Asking an endpoint: within limits of time, tries and requests, from several threads at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from loradiag.analyzers.served.address import Endpoint
from loradiag.analyzers.served.answers import (
    PATHS,
    Failure,
    MalformedError,
    Manner,
    Outcome,
    answer_of,
    begins,
    payload,
)
from loradiag.analyzers.served.wire import UNREACHABLE, Reply, WireError, fetch, stream
from loradiag.core.errors import InputError
from loradiag.core.text import printable, shorten

TRIES = 3
_FIRST, _LONGEST = 0.5, 5.0
"""Seconds until another try; each time twice as many, or as the server wants, up to the longest."""


class Client:
    """Asks one endpoint. May be used from several threads.

    Args:
        endpoint: Where.
        timeout: Seconds for one answer as a whole.
        most: Requests, tries that were repeated among them.
    """

    def __init__(self, endpoint: Endpoint, *, timeout: float, most: int) -> None:
        self.endpoint, self._timeout, self._most = endpoint, timeout, most
        self._lock = Lock()
        self.requests = 0

    def models(self) -> Any:
        """The document about what is served.

        Raises:
            WireError: There is none.
        """
        return self._tried(lambda: fetch(self.endpoint, "GET", "models", None, self._timeout)).value

    def ask(self, model: str, prompt: str, manner: Manner) -> Outcome:
        """One answer, or why there is none after all tries."""
        asked = payload(model, prompt, manner)
        try:
            reply = self._tried(lambda: fetch(self.endpoint, "POST", PATHS[manner.api], asked, self._timeout))
            return answer_of(reply.value, manner.api)
        except WireError as error:
            return Failure(error.kind)
        except MalformedError:
            return Failure("no answer in it")

    def first_token(self, model: str, prompt: str, manner: Manner) -> tuple[float | None, bool]:
        """Seconds to the first token, None where none came, and whether the answer was a stream. Tried once.

        The answer is read to its end, so that the next request does not find the server busy with it.
        """
        asked = payload(model, prompt, manner, streamed=True)
        first, events = None, 0
        try:
            self._count()
            for event, seconds in stream(self.endpoint, PATHS[manner.api], asked, self._timeout):
                events += 1
                streamed = events > 1 or (isinstance(event, dict) and "chunk" in str(event.get("object", "")))
                if first is None and begins(event, manner.api):
                    first = seconds
        except WireError:
            return None, False
        return first, events > 0 and streamed

    def _tried(self, send: Callable[[], Reply]) -> Reply:
        wait = _FIRST
        for left in reversed(range(TRIES)):
            self._count()
            try:
                return send()
            except WireError as error:
                if not error.again or not left:
                    raise
                time.sleep(min(max(wait, error.after), _LONGEST))
                wait *= 2
        raise AssertionError("the last try returns or raises")

    def _count(self) -> None:
        with self._lock:
            if self.requests >= self._most:
                raise WireError("too many requests")
            self.requests += 1

    def stop(self) -> None:
        """Ask no more, and hang up on what is being asked: an interrupt need not wait for answers."""
        self._most = 0
        for hang_up in tuple(self.endpoint.hang_ups):
            hang_up()

    def refused(self, error: WireError) -> InputError:
        """What to tell of an endpoint that cannot be asked at all."""
        return refusal(self.endpoint, error.kind, error.place)


def refusal(endpoint: Endpoint, kind: str, place: str = "") -> InputError:
    """One line that names the address, what is wrong, and what to do."""
    if kind in ("status 401", "status 403"):
        said = (
            "set the variable of --key-env to a key that it takes" if endpoint.has_key else "it wants a key: --key-env"
        )
        return InputError(endpoint.shown, f"refuses access ({kind})", said, "refused")
    if kind.startswith("status 3"):
        return InputError(endpoint.shown, f"sends elsewhere ({kind})", f"give {_place(place)}", "elsewhere")
    if kind in UNREACHABLE:
        remedy = (
            "see whether the certificate is valid" if "TLS" in kind else "see whether the server runs, and its port"
        )
        return InputError(endpoint.shown, f"cannot be reached ({kind})", remedy, "missing")
    remedy = "see whether this is an OpenAI-compatible server, and its log; --timeout waits longer"
    return InputError(endpoint.shown, f"gives no answer ({kind})", remedy, "no-answer")


def _place(place: str) -> str:
    """The host of a redirect: its path and its query may hold anything."""
    try:
        parts = urlsplit(place)
        if parts.scheme in ("http", "https") and parts.hostname:
            port = f":{parts.port}" if parts.port else ""
            return f"the address on {shorten(printable(f'{parts.scheme}://{parts.hostname}{port}'), 120)} itself"
    except ValueError:
        pass
    return "the address that it sends to"

"""Notices of alarms, sent to webhooks: at least once, again where they fail, and nowhere that a receiver sends them to."""

from __future__ import annotations

import email.utils
import http.client
import math
import os
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from threading import Timer
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import msgspec

from loradiag.core.errors import UsageError
from loradiag.core.text import plural, printable, shorten
from loradiag.watching.notices import Notice, payload

VARIABLE = "LORADIAG_WEBHOOK"
"""Addresses, with commas between them: not on a command line that everyone on the machine can read."""

TRIES = 8
_FIRST, _LONGEST = 2.0, 600.0
"""Seconds until a notice is sent again; each time twice as many, up to ten minutes."""

_AGAIN = frozenset({408, 425, 429})
_BODY = 2048
"""Bytes of an answer that are read."""


class Hook(msgspec.Struct, frozen=True):
    """Where notices go.

    Attributes:
        url: The address; it may hold credentials, and so is never shown whole.
        timeout: Seconds for one try.
        tries: After which a notice is given up.
    """

    url: str
    timeout: float = 10.0
    tries: int = TRIES

    @property
    def shown(self) -> str:
        """The scheme and the host: paths and queries hold secrets too."""
        parts = urlsplit(self.url)
        return printable(f"{parts.scheme}://{parts.hostname or '?'}{f':{parts.port}' if parts.port else ''}")


class Outbox(Protocol):
    """Notices that wait to be sent; they outlive the process."""

    def due(self, now: float) -> list[Notice]:
        """Return notices to send at a time, in seconds since 1970."""

    def delivered(self, number: int) -> None:
        """Never send a notice again."""

    def failed(self, number: int, again_at: float | None, error: str) -> None:
        """Send a notice again at a time, or never where it is None."""


class _RefusedError(Exception):
    """A try that failed: whether another makes sense, and after how many seconds at the least."""

    def __init__(self, reason: str, *, again: bool, after: float = 0.0) -> None:
        super().__init__(reason)
        self.again, self.after = again, after


def hooks_of(words: Iterable[str], *, timeout: float = 10.0) -> list[Hook]:
    """Return the hooks of some addresses, and of the environment. They come from nowhere else.

    Raises:
        UsageError: One is no address of http or https.
    """
    own = [*words, *(word.strip() for word in os.environ.get(VARIABLE, "").split(","))]
    found = []
    for word in own:
        if not word:
            continue
        if not _is_address(word):
            raise UsageError("--webhook: an address such as https://alerts.example.org/hook is needed")
        found.append(Hook(word, timeout))
    return found


def _is_address(word: str) -> bool:
    try:
        parts = urlsplit(word)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and (word.isascii() and word.isprintable() and " " not in word)  # else each try would fail
            and (parts.port or 1) > 0
        )
    except ValueError:
        return False


def deliver(
    outbox: Outbox,
    hooks: Sequence[Hook],
    now: Callable[[], float] = time.time,
    chance: Callable[[], float] = random.random,
    *,
    say: Callable[[str], None] = lambda _: None,
    most: float = math.inf,
) -> int:
    """Send what is due, once, and return how many notices were delivered.

    A notice counts as delivered when every hook has taken it; where one has not, all get it again, which is why they carry a
    fingerprint. Retried are connections that fail, 408, 425, 429 and 5xx, after twice as long each time, and as long as
    ``Retry-After`` says; other answers are final.

    Args:
        outbox: What waits.
        hooks: Where to.
        now: Gives the time, in seconds since 1970.
        chance: Gives numbers between 0 and 1, so that many watches do not try at once.
        say: Told where a notice fails for the first time, and where it is given up.
        most: Seconds after which none is begun.
    """
    done, began = 0, time.monotonic()
    for notice in outbox.due(now()):
        if time.monotonic() - began > most:
            break
        troubles = [trouble for hook in hooks if (trouble := _tried(hook, notice)) is not None]
        if not troubles:
            outbox.delivered(notice.id)
            done += 1
            continue
        reason = "; ".join(str(trouble) for trouble in troubles)
        tries = max((hook.tries for hook in hooks), default=TRIES)
        final = not any(trouble.again for trouble in troubles) or notice.tries + 1 >= tries
        if final or notice.tries == 0:
            outcome = f"given up after {plural(notice.tries + 1, 'attempt')}" if final else "not delivered yet"
            say(f"the notice of alarm {notice.alarm.id} is {outcome}: {reason}")
        wait = min(_FIRST * 2**notice.tries, _LONGEST) * (0.75 + 0.5 * chance())
        wait = max(wait, *(min(trouble.after, _LONGEST) for trouble in troubles))
        outbox.failed(notice.id, None if final else now() + wait, reason)
    return done


def _tried(hook: Hook, notice: Notice) -> _RefusedError | None:
    try:
        _send(hook, notice)
    except _RefusedError as trouble:
        return trouble
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = shorten(printable(str(error) or type(error).__name__), 120)
        return _RefusedError(f"{hook.shown}: {reason}", again=True)
    return None


def _send(hook: Hook, notice: Notice) -> None:
    parts = urlsplit(hook.url)
    body = msgspec.json.encode(payload(notice, hook.url))
    headers = {"Content-Type": "application/json", "User-Agent": "loradiag", **_credentials(parts)}
    connection = _connection(parts, hook.timeout)
    watchdog = Timer(hook.timeout, _hang_up, [connection])  # each byte may take as long as the timeout of a socket
    watchdog.daemon = True
    watchdog.start()
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read(_BODY)
        if not 200 <= answer.status < 300:
            again = answer.status in _AGAIN or answer.status >= 500
            after = _seconds(answer.getheader("Retry-After"))
            raise _RefusedError(f"{hook.shown}: answered {answer.status}", again=again, after=after)
    finally:
        watchdog.cancel()
        connection.close()


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """End what waits for a receiver that answers byte by byte."""
    with suppress(OSError, AttributeError):  # it has just ended by itself
        connection.sock.shutdown(socket.SHUT_RDWR)


def _connection(parts: SplitResult, timeout: float) -> http.client.HTTPConnection:
    """The standard library follows no redirects, which is what is wanted: they would carry notices elsewhere."""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)


def _credentials(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    import base64
    from urllib.parse import unquote

    told = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(told).decode()}"}


def _seconds(word: str | None) -> float:
    """What ``Retry-After`` says: seconds, or a date."""
    if not word:
        return 0.0
    if word.strip().isdecimal():
        return float(word)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(word).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0

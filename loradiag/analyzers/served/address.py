"""Where an endpoint is, and what is shown of it: neither keys nor what a path or a query may hide."""

from __future__ import annotations

import base64
import ipaddress
import os
import ssl
from collections.abc import Callable
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import SplitResult, unquote, urlsplit

from loradiag.core.errors import UsageError
from loradiag.core.text import printable

KEY_ENV = "OPENAI_API_KEY"
"""Where the key is if nothing else is said. It is taken from the environment only, which others cannot read."""

_EXAMPLE = "give one such as http://localhost:8000/v1"


class Endpoint:
    """An address that is asked.

    Args:
        parts: Of the address; the path ends before ``/models``.
        authorization: The header, or None. It is kept out of every message.
    """

    def __init__(self, parts: SplitResult, authorization: str | None) -> None:
        self._parts, self._authorization = parts, authorization
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        self.hang_ups: set[Callable[[], None]] = set()  # of exchanges that go on
        self.shown = printable(f"{parts.scheme}://{host}{port}{parts.path.removesuffix('/v1')}")

    def path(self, name: str) -> str:
        """The path of ``models``, ``completions`` or ``chat/completions``."""
        query = f"?{self._parts.query}" if self._parts.query else ""
        return f"{self._parts.path}/{name}{query}"

    def connection(self, timeout: float) -> HTTPConnection:
        """A connection that is not open yet. The standard library follows no redirects: the key goes nowhere else."""
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())
        return HTTPConnection(host, port, timeout=timeout)

    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        headers = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "Cache-Control": "no-cache",  # a gateway that answers from its memory tells nothing of what is served
            "User-Agent": "loradiag",
        }
        return headers | ({"Authorization": self._authorization} if self._authorization else {})

    @property
    def has_key(self) -> bool:
        """Whether requests carry a key."""
        return self._authorization is not None


def endpoint_at(url: str, key_env: str | None = None) -> Endpoint:
    """Return the endpoint of an address, with the key of an environment variable.

    A key that nobody named goes over HTTPS or to this machine only.

    Args:
        url: With or without ``/v1`` at its end.
        key_env: The variable; :data:`KEY_ENV`, if it is set, where None.

    Raises:
        UsageError: It is no address of http or https, or the variable that was named is not set.
    """
    parts = _parts(url)
    path = parts.path.rstrip("/")
    for known in ("/chat/completions", "/completions", "/models"):
        path = path.removesuffix(known)
    path = path if path.rpartition("/")[2][:1] == "v" and path.rpartition("/")[2][1:2].isdigit() else f"{path}/v1"
    return Endpoint(parts._replace(path=path), _authorization(parts, key_env))


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        parts, sound = SplitResult("", "", "", "", ""), False
    # Not shown: what is no address may be anything, a key included.
    if not sound or not url.isascii() or not url.strip().isprintable() or " " in url.strip():
        raise UsageError(f"URL: no address of http or https; {_EXAMPLE}")
    return parts


def _authorization(parts: SplitResult, key_env: str | None) -> str | None:
    if parts.username is not None:
        told = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        return f"Basic {base64.b64encode(told).decode()}"
    key = os.environ.get(key_env or KEY_ENV, "").strip()
    if key_env and not key:
        raise UsageError(f"--key-env {printable(key_env)}: no such variable is set; set it to the key, or leave it out")
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise UsageError(f"the key in {printable(key_env or KEY_ENV)} has characters that no header can carry")
    if not key or (key_env is None and parts.scheme == "http" and not _is_here(parts.hostname or "")):
        return None
    return f"Bearer {key}"


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""What lies behind URLs, listed by a store that may say anything; URLs themselves; and variables of the environment."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import fsspec
from fsspec.spec import AbstractFileSystem

from benchmarks.fuzzing.mutating import as_json, blindly, joined, one_of, parted
from benchmarks.fuzzing.showing import asked
from benchmarks.fuzzing.targets import Target
from loradiag.adapters.locate import may_be_weights
from loradiag.analyzers.served.address import endpoint_at
from loradiag.api.watching import state_path
from loradiag.core.errors import LoradiagError
from loradiag.core.text import name_of, printable
from loradiag.core.times import now
from loradiag.fleet.finding import brought, find
from loradiag.linalg.threads import workers
from loradiag.registry.places import place_of
from loradiag.registry.places import shown as shown_place
from loradiag.storage.cache import folder as cache
from loradiag.storage.remote import RemoteFolder
from loradiag.storage.urls import fetch_file, is_remote, opened, remote_files, shown
from loradiag.watching.alerting import hooks_of

_SECRET = "s3cr3t"


class Hostile(AbstractFileSystem):
    """A store whose listings are what it is told."""

    protocol = "hostile"
    cachable = False
    told: ClassVar[dict[str, Any]] = {}

    def find(self, path: str, **_: Any) -> Any:  # noqa: ARG002 - whatever is asked
        return self.told.get("find")

    def glob(self, path: str, **_: Any) -> Any:  # noqa: ARG002
        return list(self.told.get("find", ()))

    def isdir(self, path: str) -> Any:  # noqa: ARG002
        return self.told.get("isdir")

    def exists(self, path: str, **_: Any) -> Any:  # noqa: ARG002
        return self.told.get("exists", True)

    def get_file(self, rpath: str, lpath: str, **_: Any) -> None:
        if "missing" in rpath:
            raise FileNotFoundError(rpath)
        Path(lpath).write_bytes(b"data")


def _listing(data: bytes, folder: Path) -> None:
    """Files are listed, fetched and found as adapters; none is written but below the folder of copies."""
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return
    fsspec.register_implementation("hostile", Hostile, clobber=True)
    Hostile.told = told if isinstance(told, dict) else {}
    copies = folder / "copies"
    shutil.rmtree(copies, ignore_errors=True)
    asked(lambda: RemoteFolder("hostile://store/folder", copies).listing())
    asked(lambda: RemoteFolder("hostile://store/folder", copies).fetch())
    for url in ("hostile://store/folder", "hostile://store/folder/*"):
        asked(lambda url=url: [fetch_file(file, folder) for file in remote_files(url, may_be_weights)][:0])

    def fleet() -> None:
        for found in find(["hostile://store/folder"], copies):
            with suppress(LoradiagError), brought(found) as place:
                list(place.iterdir()) if place.is_dir() else None

    asked(fleet)
    root = (copies / "remote").resolve()
    for path in copies.rglob("*"):
        assert path.resolve().is_relative_to(root) or path.resolve() == root, path


def _listings() -> list[bytes]:
    names = ("a/adapter_config.json", "a/adapter_model.safetensors", "b/lora.safetensors", "notes.txt", "missing.bin")
    facts = {"size": 4, "type": "file", "ETag": "x", "LastModified": "2026-11-01"}
    found = {f"store/folder/{name}": {**facts, "name": f"store/folder/{name}"} for name in names}
    return [json.dumps({"find": found, "isdir": isdir, "exists": True}).encode() for isdir in (True, False)]


_SCHEMES = ("http", "https", "s3", "gs", "postgresql", "memory", "sqlite", "hf", "mysql", "ftp")


def _urls(data: bytes, _: Path) -> None:
    """A URL with a password in it, whatever else it has, is told without."""
    scheme, user, host, path = (part.decode("utf-8", "surrogateescape") for part in parted(data, 4))
    user = "".join(letter for letter in user if letter not in "/?#\\@:" and letter.isprintable())[:40]
    host = "".join(letter for letter in host if letter not in "/?#\\@")[:60]
    path = path.replace(_SECRET, "")
    kind = scheme if scheme in _SCHEMES else _SCHEMES[len(scheme) % len(_SCHEMES)]
    url = f"{kind}://{user}:{_SECRET}@{host}/{path}"
    is_remote(url), name_of(url)
    assert _SECRET not in shown(url)
    assert printable(shown(url)) == shown(url)
    asked(lambda: _told(endpoint_at(url).shown), _SECRET)
    asked(lambda: _told(*(hook.shown for hook in hooks_of([url]))), _SECRET)
    asked(lambda: _told(shown_place(place_of(url))), _SECRET)
    asked(lambda: state_path(url, None), _SECRET)
    if kind in ("memory", "ftp", "mysql"):
        asked(lambda: opened(url) if kind != "ftp" else None, _SECRET)


def _told(*texts: str) -> None:
    for text in texts:
        assert printable(text) == text
        assert _SECRET not in text, text


def _url_parts() -> list[bytes]:
    rows = ((b"https", b"me", b"host:8000", b"v1?x=1"), (b"postgresql", b"u", b"h:5432", b"db?sslmode=x"))
    more = ((b"s3", b"key", b"bucket", b"a/*.json"), (b"memory", b"", b"[::1]", b"../x"), (b"sqlite", b"a", b"", b"/x"))
    return [joined(*row) for row in (*rows, *more)]


_VARIABLES = ("SOURCE_DATE_EPOCH", "LORADIAG_THREADS", "LORADIAG_WEBHOOK", "LORADIAG_REGISTRY", "OPENAI_API_KEY")


def _environment(data: bytes, _: Path) -> None:
    """Variables of any text; the folder of the cache stays where it is."""
    values = [part.replace(b"\0", b"") for part in parted(data, len(_VARIABLES))]
    before = dict(os.environ)
    try:
        for name, value in zip(_VARIABLES, values, strict=True):
            os.environ[name] = os.fsdecode(value)
        for ask in (now, workers, lambda: hooks_of([]), lambda: place_of(None), lambda: endpoint_at("https://h")):
            asked(ask)
        cache()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _values() -> list[bytes]:
    sound = (b"1793534400", b"2", b"https://h/x,http://h", b"postgresql://u@h/d", b"key")
    return [
        joined(*sound),
        joined(b"\xc2\xb2", b"-1", b",", b"x.sqlite", b"\xff"),
        joined(b"9" * 30, b"x", b"", b"", b""),
    ]


def _in_parts(count: int) -> Callable[[bytes, Random], bytes]:
    return one_of(*[blindly] * count)


TARGETS = {
    "listing": Target(_listing, _listings, as_json, 1 << 13),
    "urls": Target(_urls, _url_parts, _in_parts(4), 1 << 10, framed=True),
    "environment": Target(_environment, _values, _in_parts(len(_VARIABLES)), 1 << 10, framed=True),
}

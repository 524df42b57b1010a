"""Serving the dashboard from this process: what is heavy is imported, and what is slow is read, before anybody looks."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
import urllib.request
import webbrowser
from pathlib import Path
from typing import Any

import click
import msgspec

from loradiag.cli.progress import Bar
from loradiag.core.errors import UsageError
from loradiag.core.lazy import require
from loradiag.core.text import printable

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PATIENCE = 30.0


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to show, and where to listen; as the options of ``loradiag dashboard``."""

    reports: str | None = None
    traffic: str | None = None
    state: str | None = None
    registry: str | None = None
    allow_writes: bool = False
    host: str = "127.0.0.1"
    port: int = 8501
    browser: bool = True
    every: float = 5.0
    quiet: bool = False


def serve(wanted: Wanted) -> None:
    """Serve the dashboard until it is interrupted.

    Raises:
        InputError: Reports or lake cannot be read.
        MissingExtraError: Streamlit is not installed.
        UsageError: The address cannot be listened on.
    """
    for module in ("streamlit", "altair", "pandas"):
        require(module, "dashboard")
    from loradiag_dashboard.source import forget

    port = _port(wanted.host, wanted.port)
    _prepare(wanted)
    url = f"http://{'[' + wanted.host + ']' if ':' in wanted.host else wanted.host}:{port}"
    if not wanted.quiet and wanted.host not in _LOOPBACK:
        click.echo("dashboard: whoever reaches this address can read everything; there is no password", err=True)
    threading.Thread(target=_tell, args=(url, wanted), daemon=True).start()
    try:
        _run(wanted.host, port)
    finally:
        forget()


def _prepare(wanted: Wanted) -> None:
    """Read what there is, so that the first page need not, and import what pages will."""
    import importlib

    from loradiag_dashboard import source
    from loradiag_dashboard.navigation import PLACES
    from loradiag_dashboard.parts.charts import believe
    from loradiag_dashboard.settings import Settings

    told = Settings(
        reports=wanted.reports,
        traffic=wanted.traffic,
        state=wanted.state,
        registry=wanted.registry,
        allow_writes=wanted.allow_writes,
        every=wanted.every,
    )
    with Bar(enabled=not wanted.quiet, unit="files") as bar:
        found = source.opened(told, bar.stage)
    for place in PLACES.values():
        importlib.import_module(f"loradiag_dashboard.views.{place.target.partition(':')[0]}")
    believe()
    source.configure(told, found)


def _run(host: str, port: int) -> None:
    import loradiag_dashboard
    from loradiag_dashboard.parts.palette import theme_options
    from streamlit.web import bootstrap

    options: dict[str, Any] = {
        "server.address": host,
        "server.port": port,
        "server.headless": True,  # it would ask for an e-mail address
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "browser.gatherUsageStats": False,
        "browser.serverAddress": host,
        "client.toolbarMode": "viewer",
        "runner.magicEnabled": False,  # it would write docstrings on pages
        "client.showErrorDetails": "full" if os.environ.get("LORADIAG_DEBUG") else "none",
        "global.developmentMode": False,
        "logger.level": "warning",
        "logger.hideWelcomeMessage": True,
        **theme_options(),
    }
    app = str(Path(loradiag_dashboard.__file__).with_name("app.py"))
    bootstrap.load_config_options(flag_options=options)
    bootstrap.run(app, False, [], options)


def _port(host: str, port: int) -> int:
    """The port to listen on.

    Raises:
        UsageError: It is taken, or the address is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
            return int(trial.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"--port {port}: is taken; name another, or 0 for a free one") from error
        raise UsageError(f"--host {printable(host)}: cannot be listened on ({error.strerror or error})") from error


def _tell(url: str, wanted: Wanted) -> None:
    """Say where the dashboard is, and open a browser, as soon as there is something to see."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):  # noqa: S310 - our own address
                break
        except OSError:
            time.sleep(0.1)
    if not wanted.quiet:
        click.echo(f"dashboard: {printable(url)}   (Ctrl-C ends it)", err=True)
    if wanted.browser:
        webbrowser.open(url)

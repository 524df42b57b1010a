"""The dashboard in a real browser: a server as a user starts it, and a page that knows when Streamlit has finished."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_SETTLED = '[data-testid="stApp"][data-test-script-state="notRunning"]'
_PATIENCE = 60_000
"""Milliseconds: of a machine that has other work."""


@contextmanager
def served(folder: Path, cache: Path, *options: str) -> Iterator[str]:
    """Serve a demonstration as ``loradiag dashboard`` does, and yield the address. It must end when it is told."""
    command = [sys.executable, "-m", "loradiag", "dashboard", "--port", "0", "--no-browser", *options]
    sources = ["--reports", str(folder / "reports")]
    if (folder / "lake").is_dir():
        sources += ["--traffic", str(folder / "lake")]
    registry = folder / "registry" / "registry.sqlite"
    if registry.is_file():
        sources += ["--registry", str(registry)]
    log = cache / "dashboard.log"
    cache.mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors:
        environment = os.environ | {"LORADIAG_CACHE": str(cache), "COLUMNS": "200"}
        process = subprocess.Popen(
            [*command, *sources], stderr=errors, stdout=subprocess.PIPE, text=True, env=environment
        )
        try:
            yield _address(process, log)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
    assert "Traceback" not in log.read_text(), log.read_text()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    """What the dashboard says once it can be looked at."""
    end = time.monotonic() + _PATIENCE / 1000
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"dashboard: (http://\S+)", log.read_text()):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"no dashboard: {log.read_text()}")


class Reader:
    """A tab of the browser, with what went wrong in it.

    Args:
        page: Playwright's.
        address: Of the server.
    """

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("console", self._told)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._asked)

    def _told(self, message: Any) -> None:
        # On every page but the first Streamlit looks for its server below the page's own path at first: a 404, and no error.
        if message.type == "error" and "/_stcore/" not in message.location.get("url", ""):
            self.errors.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.address, self.address.replace("http", "ws"), "data:", "blob:")):
            self.foreign.append(request.url)

    def open(self, path: str = "") -> None:
        """Go to a page of the dashboard, and wait until it is complete."""
        self.page.goto(f"{self.address}/{path}")
        self.settle()

    def settle(self) -> None:
        """Wait until nothing runs and nothing is about to be drawn."""
        self.page.wait_for_selector(_SETTLED, timeout=_PATIENCE)
        self.page.wait_for_function("!document.querySelector('[data-testid=\"stSkeleton\"]')", timeout=_PATIENCE)
        self.page.wait_for_timeout(400)
        self.page.wait_for_selector(_SETTLED, timeout=_PATIENCE)

    def text(self) -> str:
        """All that can be read on the page; what a canvas shows is not in it."""
        return str(self.page.inner_text('[data-testid="stMain"]'))

    def complaints(self) -> list[str]:
        """What a reader should never see: exceptions, and errors of the script."""
        boxes = self.page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]')
        return [*boxes.all_inner_texts(), *self.errors]

    def picture(self, path: Path) -> int:
        """Keep a screenshot of the whole page, and return its size in bytes."""
        width = self.page.viewport_size["width"]
        height = self.page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
        self.page.set_viewport_size({"width": width, "height": min(max(900, height + 80), 5000)})
        self.settle()
        self.page.screenshot(path=str(path))
        self.page.set_viewport_size({"width": width, "height": 900})
        return path.stat().st_size

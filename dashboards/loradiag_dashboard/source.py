"""Where all pages get what they show: one overview for all sessions, kept up to date behind their backs."""

from __future__ import annotations

import threading
import time

import msgspec
import streamlit as st

from loradiag.api import open_overview
from loradiag.api.beside import Stages
from loradiag.api.overview import Overview
from loradiag.api.registryview import RegistryView
from loradiag.core.errors import LoradiagError
from loradiag.core.report import Report
from loradiag.core.text import printable
from loradiag.overview.cards import Card
from loradiag_dashboard.settings import Settings, from_environment

_REPORTS = 24
"""Reports that are kept in memory: of 8B-shaped adapters some 2 MB each."""


def opened(settings: Settings, progress: Stages | None = None) -> Overview:
    """Open the overview; where a registry alone is shown, one of nothing.

    Raises:
        LoradiagError: There is nothing that could be shown.
    """
    if settings.registry is not None and settings.reports is None and settings.traffic is None:
        return Overview(None, None)
    return open_overview(settings.reports, settings.traffic, state=settings.state, progress=progress)


class Source:
    """The overview and the registry, and threads that look for what is new while anybody looks.

    Args:
        settings: As the dashboard was started.
        found: The overview, where it has been opened.

    Attributes:
        registry: None where none is shown. A server that does not answer keeps its own thread waiting and nobody else.

    Raises:
        LoradiagError: There is nothing that could be shown, or the registry is at a URL of something else.
    """

    def __init__(self, settings: Settings, found: Overview | None = None) -> None:
        self.settings = settings
        self.registry = None if settings.registry is None else RegistryView(settings.registry)
        self.overview = found or opened(settings)
        self.fault: str | None = None
        self._wanted = self._listed = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="loradiag-refresh", daemon=True)
        self._thread.start()
        if self.registry is not None:
            threading.Thread(target=self._list, args=[self.registry], name="loradiag-registry", daemon=True).start()

    def touch(self) -> Overview:
        """Say that somebody looks, and return the overview."""
        self._wanted = time.monotonic()
        return self.overview

    def touch_registry(self) -> RegistryView | None:
        """Say that somebody looks at the registry, and return what is known of it."""
        self._listed = time.monotonic()
        return self.registry

    def close(self) -> None:
        """Look for nothing more, and wait until a look that is under way is over; a registry is not waited for.

        A process that ends while a thread of its is within DuckDB is aborted.
        """
        self._over.set()
        self._thread.join(_PATIENCE)

    def _keep(self) -> None:
        while not self._over.wait(self.settings.every):
            if time.monotonic() - self._wanted < _IDLE:
                try:
                    self.overview.refresh()
                    self.fault = None
                except Exception as error:  # pages would stand still for ever without a word if this thread ended
                    self.fault = f"{type(error).__name__}: {printable(str(error))}"

    def _list(self, registry: RegistryView) -> None:
        """Read the registry at once, and then while anybody looks at its page."""
        looked = 0.0
        while True:
            if looked == 0.0 or time.monotonic() - self._listed < _IDLE:
                try:
                    registry.refresh()
                except Exception as error:  # as in _keep
                    registry.trouble = f"{type(error).__name__}: {printable(str(error))}"
                looked = time.monotonic()
            if self._over.wait(self.settings.every):
                return


_PATIENCE = 30.0
_IDLE = 120.0
"""Seconds without a session that looks, after which nothing is looked for."""

_lock = threading.Lock()
_sources: list[Source] = []


def configure(settings: Settings, found: Overview | None = None) -> Source:
    """Begin with other settings.

    Raises:
        LoradiagError: There is nothing that could be shown.
    """
    fresh = Source(settings, found)
    forget()
    with _lock:
        _sources.append(fresh)
    return fresh


def forget() -> None:
    """Forget what was configured, and what was read by it."""
    with _lock:
        while _sources:
            _sources.pop().close()
    _report.clear()


def source() -> Source:
    """Return what all sessions share; of an app that was started by hand, as the environment says.

    Raises:
        LoradiagError: There is nothing that could be shown.
    """
    with _lock:
        if _sources:
            return _sources[0]
    return configure(from_environment())


def overview() -> Overview:
    """Return the overview as it is now."""
    return source().touch()


def registry() -> RegistryView | None:
    """Return the registry as it is now; None where none is shown."""
    return source().touch_registry()


def settings() -> Settings:
    """Return what the dashboard was started with."""
    return source().settings


def report(card: Card) -> Report | None:
    """Read the report of a card, or say on the page why it cannot be read."""
    try:
        return _report(msgspec.json.encode(card), card)
    except LoradiagError as error:
        st.error(plain_error(error), icon=":material/error:")
        return None


@st.cache_resource(max_entries=_REPORTS, show_spinner=False)
def _report(known: bytes, _card: Card) -> Report:  # noqa: ARG001 - by all of its card what is remembered is known again
    return overview().report(_card)


def plain_error(error: LoradiagError) -> str:
    """The one line of an error, as Streamlit shows it without reading it as Markdown."""
    from loradiag_dashboard.parts.plain import md

    return md(str(error))

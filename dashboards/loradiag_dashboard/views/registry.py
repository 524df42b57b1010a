"""Registry: whose every adapter is, in which stage, by which verdict, and what became of it."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from loradiag.api.registryview import RegistryView
from loradiag_dashboard.parts.frame import footer
from loradiag_dashboard.parts.nothing import command, nothing
from loradiag_dashboard.parts.plain import md
from loradiag_dashboard.parts.times import ago
from loradiag_dashboard.source import registry as looked_at
from loradiag_dashboard.views.registered.listing import STAGES, chosen, listing, mark
from loradiag_dashboard.views.registered.portrait import portrait

_PATIENCE = 2.0
"""Seconds that a page waits for a registry that has not been read yet."""

_DRAWN = "registry-drawn"


def registry() -> None:
    """Draw the page."""
    found = looked_at()
    if found is None:
        nothing(
            "No registry is shown",
            "A registry keeps what is known of every adapter under the hash of its weights: reports, owner, stage, results "
            "and history. Record some adapters, and start the dashboard with it.",
            "loradiag registry add adapters/* reports/*.json --registry registry.sqlite\n"
            "loradiag dashboard --reports reports/ --registry registry.sqlite",
        )
    elif not found.wait(_PATIENCE):
        st.info(f"{md(found.name)} is being read.", icon=":material/hourglass_top:")
        _again(found)
    else:
        _read(found)
    footer()


@st.fragment(run_every=2)
def _again(found: RegistryView) -> None:
    """Draw the page as soon as there is something to see."""
    if found.wait(0):
        st.rerun()


def _read(found: RegistryView) -> None:
    st.session_state[_DRAWN] = found.version
    _now()
    if found.trouble:
        state = f" Below is what it said {ago(found.read)}." if found.read else ""
        st.error(f"{md(found.trouble)}{state}", icon=":material/cloud_off:")
        if not found.read:
            return
    if not found.rows:
        nothing(
            "The registry is empty",
            "It lists every adapter that was recorded, with all reports about it.",
            command("registry", "add", "my_adapter/", "reports/my_adapter.json", "--registry", found.name),
        )
        return
    _counts(found)
    row = chosen(found.rows, listing(found.rows))
    if row is not None:
        portrait(found, row)


@st.fragment(run_every=5)
def _now() -> None:
    """Draw the page again where the registry is no longer as it was drawn."""
    found = looked_at()
    if found is not None and st.session_state.get(_DRAWN) != found.version:
        st.rerun()


def _counts(found: RegistryView) -> None:
    """How many adapters there are in each stage, and how many need somebody."""
    stages = Counter(row.stage or "none" for row in found.rows)
    failing = sum(bool(row.failing) for row in found.rows)
    lacking = sum(bool(row.missing) for row in found.rows)
    told = [
        ("Adapters", len(found.rows), f"As of {ago(found.read)}."),
        *((f"{mark(stage)} {stage}", stages[stage], f"Adapters in the stage {stage}.") for stage in STAGES[:-1]),
        ("✗ Failing", failing, "Adapters of which the newest report of some kind failed."),
        ("Lacking", lacking, "Without an owner, a hash of the data, or any evaluation."),
    ]
    for place, (title, count, about) in zip(st.columns(len(told)), told, strict=True):
        place.metric(title, f"{count:,}", help=about, border=True, height="stretch")

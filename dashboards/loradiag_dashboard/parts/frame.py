"""What stands around every page: what is shown, how old it is, and what could not be read."""

from __future__ import annotations

from typing import Any

import streamlit as st

from loradiag.core.text import plural
from loradiag_dashboard.parts.plain import md
from loradiag_dashboard.source import overview, settings, source

_CSS = """<style>
.block-container{padding:4.4rem 2.2rem 2rem;max-width:1800px}
[data-testid=stMetric]{padding:.6rem .9rem}
[data-testid=stMetricValue]{font-variant-numeric:tabular-nums;font-size:1.7rem}
[data-testid=stMarkdownContainer] a:is([href^="http"],[href^="mailto"]){
pointer-events:none;color:inherit!important;text-decoration:none!important}
</style>"""
"""Less air around pages: an on-call engineer looks at a small screen. And no address in a stranger's text is a link: Streamlit
makes one of whatever looks like an address, escaped or not, and no page has such a link of its own.
"""


def framed(page: Any) -> None:
    """Draw a page with what stands around it."""
    st.html(_CSS)
    _troubles()
    page.run()


@st.fragment(run_every=15)
def _troubles() -> None:
    """What could not be read, in a line each: a dashboard that is silent about it would lie."""
    found = dict(overview().troubles)
    registry = source().registry
    if registry is not None and registry.trouble:
        found["registry"] = registry.trouble
    if source().fault:
        found["what is shown is not up to date"] = source().fault or ""
    if not found:
        return
    with st.expander(f"{plural(len(found), 'thing')} could not be read", icon=":material/report:"):
        for name, problem in found.items():
            st.markdown(f"**{md(name)}** {md(problem)}")


def footer() -> None:
    """What is looked at, and whether anything may be changed."""
    told, registry = settings(), source().registry
    parts = [
        f"reports: {md(told.reports)}" if told.reports else "no reports",
        f"traffic: {md(told.traffic)}" if told.traffic else "no traffic",
        *([f"registry: {md(registry.name)}"] if registry is not None else []),
        "alarms can be settled here" if told.allow_writes else "read-only",
    ]
    st.caption(" · ".join(parts))

"""One adapter of a registry: facts, its life in a chart, results over time, and every report and event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.api.registryview import RegistryView, happened, verdict_of
from loradiag.core.errors import LoradiagError
from loradiag.core.text import listed, plural
from loradiag.outputs.facts import size
from loradiag_dashboard.navigation import link
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.parts.verdicts import MARKS, TONES, verdict_mark
from loradiag_dashboard.source import overview, plain_error
from loradiag_dashboard.views.inspection.head import terms
from loradiag_dashboard.views.registered.life import life
from loradiag_dashboard.views.registered.listing import staged
from loradiag_dashboard.views.registered.results import results

if TYPE_CHECKING:
    import pandas as pd

    from loradiag.api.registryview import Detail, Listed

_MOMENT = "YYYY-MM-DD HH:mm"


def portrait(registry: RegistryView, row: Listed) -> None:
    """Draw it; where the registry cannot be asked now, what its list says of the adapter."""
    if registry.trouble is not None:
        _head(row)
        return
    try:
        found = registry.detail(row.sha256)
    except LoradiagError as error:
        _head(row)
        st.error(plain_error(error), icon=":material/cloud_off:")
        return
    _head(found.adapter, found)
    life(found)
    results(found)
    _tables(found)


def _head(row: Listed, found: Detail | None = None) -> None:
    """Stage and verdict in marks and words, and the facts."""
    word = verdict_of(row)
    status = word.partition(":")[0]
    tone = TONES.get(status, "gray")
    with st.container(border=True):
        st.markdown(
            f"### {md(label(row.name, 80))} :blue-badge[{md(staged(row.stage))}] "
            f":{tone}-badge[{MARKS.get(status, '·')} {md(word)}]"
        )
        terms(_facts(row, found))
        _links(row)


def _facts(row: Listed, found: Detail | None) -> list[tuple[str, str]]:
    revision = f" @ {row.revision}" if row.revision else ""
    pairs = [
        ("sha256", f"{row.sha256[:16]}…"),
        ("owner", row.owner or "nobody"),
        ("base", f"{row.base}{revision}" if row.base else "not named"),
        ("method", ", ".join(part for part in (row.method, f"rank {row.rank}" if row.rank else None) if part)),
        ("size", size(row.bytes) if row.bytes else ""),
        ("data", f"{row.data_sha256[:16]}…" if row.data_sha256 else "no hash"),
        ("stamp", "none" if found is not None and not found.stamp else "yes" if found is not None else ""),
        ("tags", listed(row.tags, 12)),
        ("lacks", ", ".join(row.missing) or "nothing"),
        ("seen", f"{row.first_seen[:16]} to {row.last_seen[:16]}".replace("T", " ")),
        ("at", row.path or ""),
        ("notes", row.notes or ""),
    ]
    return [(name, text) for name, text in pairs if text]


def _links(row: Listed) -> None:
    """To what reports and traffic say of the same weights."""
    for other in overview().rows:
        if other.sha256 == row.sha256 or any(card.sha256 == row.sha256 for card in other.cards):
            link("adapter", "Its reports and traffic", adapter=other.key)
            return


def _tables(found: Detail) -> None:
    titles = {
        "History": len(found.history),
        "Reports": len(found.reports),
        "Places": len(found.sightings),
    }
    tabs = st.tabs([f"{name} ({count:,})" for name, count in titles.items()])
    for tab, name, frame in zip(
        tabs, titles, (history_frame(found), reports_frame(found), places_frame(found)), strict=True
    ):
        with tab:
            if frame.empty:
                st.caption("Nothing was recorded.")
            else:
                table(frame, f"registry-{name.lower()}", column_config=_columns(frame))
    if found.reports:
        st.caption(
            f"{plural(len(found.reports), 'report')}: loradiag registry show {found.adapter.sha256[:12]} --report N"
        )


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    config = st.column_config
    times = {
        name: config.DatetimeColumn(name, format=_MOMENT) for name in ("when", "made", "confirmed", "first", "last")
    }
    wide = {"what": config.TextColumn("what", width="large"), "path": config.TextColumn("path", width="large")}
    return {name: column for name, column in (times | wide).items() if name in frame.columns}


def history_frame(found: Detail) -> pd.DataFrame:
    """A row an event, the newest first."""
    import pandas as pd

    rows = [(event.at, label(event.who, 40), said) for event, said in zip(found.history, happened(found), strict=True)]
    frame = pd.DataFrame(sorted(rows, key=lambda row: row[0])[::-1], columns=["when", "who", "what"])
    return frame.assign(when=pd.to_datetime(frame["when"], utc=True, errors="coerce"))


def reports_frame(found: Detail) -> pd.DataFrame:
    """A row a stored report, the newest first."""
    import pandas as pd

    rows = found.reports[::-1]
    return pd.DataFrame(
        {
            "number": [row.number for row in rows],
            "kind": [label(row.kind, 32) for row in rows],
            "verdict": [verdict_mark(row.verdict) for row in rows],
            "made": pd.to_datetime([row.created for row in rows], utc=True, errors="coerce"),
            "confirmed": pd.to_datetime([row.confirmed for row in rows], utc=True, errors="coerce"),
            "decided by": [label(" ".join(row.decided_by), 60) for row in rows],
            "errors and warnings": [label(" ".join(row.codes), 120) for row in rows],
            "by loradiag": [label(row.tool_version, 24) for row in rows],
        }
    )


def places_frame(found: Detail) -> pd.DataFrame:
    """A row a place where it was seen, the newest first."""
    import pandas as pd

    rows = found.sightings[::-1]
    return pd.DataFrame(
        {
            "path": [label(row.path, 200) for row in rows],
            "first": pd.to_datetime([row.first_seen for row in rows], utc=True, errors="coerce"),
            "last": pd.to_datetime([row.last_seen for row in rows], utc=True, errors="coerce"),
        }
    )

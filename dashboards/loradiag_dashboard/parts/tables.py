"""Tables: every one can be downloaded, and none of its cells is a formula to a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.text import cell

if TYPE_CHECKING:
    import pandas as pd

_ROW = 35
"""Pixels of a row, as Streamlit draws it."""
_MOST = 15


def safe(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with texts that are printable and no formulas; lists of texts as well."""
    found = frame.copy()
    for name in found.columns:
        if found[name].dtype == object or str(found[name].dtype) in ("str", "string"):
            found[name] = [_safe(value) for value in found[name]]
    return found


def _safe(value: Any) -> Any:
    if isinstance(value, list):
        return [cell(part) if isinstance(part, str) else part for part in value]
    return cell(value)


def table(frame: pd.DataFrame, name: str, *, key: str | None = None, rows: int = _MOST, **options: Any) -> Any:
    """Draw a table with a button that downloads it.

    Args:
        frame: Untrusted texts are made safe here; lists and numbers stay what they are.
        name: Of the file, without its ending; trusted.
        key: Of the table among all of the page; the name if None.
        rows: Shown at once at most.
        options: As of :func:`streamlit.dataframe`.
    """
    shown = safe(frame)
    height = _ROW * (min(len(shown), rows) + 1) + 3
    options.setdefault("hide_index", True)
    options.setdefault("height", height)
    found = st.dataframe(shown, key=f"table-{key or name}", **options)
    download(shown, name, key=key)
    return found


def download(frame: pd.DataFrame, name: str, *, key: str | None = None) -> None:
    """A button that downloads a table as CSV; its texts are safe already."""
    plain = frame.loc[:, [name for name in frame.columns if not str(name).startswith("_")]]
    st.download_button(
        "Download CSV",
        lambda: plain.to_csv(index=False),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"download-{key or name}",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )

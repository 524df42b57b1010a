"""The control of ``dashboard.py``: an app of two pages, each a table of 500 rows, and a field that filters one."""

import numpy as np
import pandas as pd
import streamlit as st


def _rows() -> pd.DataFrame:
    numbers = np.arange(500)
    names = [f"team-{number % 25:02d}/support-{number:02d}" for number in numbers]
    return pd.DataFrame({"adapter": names, **{f"n{column}": numbers * column for column in range(12)}})


def first() -> None:
    """The page that is shown first."""
    text = st.text_input("Search", key="q")
    rows = _rows()
    st.dataframe(rows[rows["adapter"].str.contains(text, regex=False)])


def second() -> None:
    """Another one."""
    st.dataframe(_rows())


st.set_page_config(layout="wide")
st.navigation([st.Page(first, title="First", default=True), st.Page(second, title="Second")], position="top").run()

"""Reports made by hand in a folder, as pages read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from streamlit.testing.v1 import AppTest

from loradiag.core.report import Report, encode
from tests.outputs.samples import RAW


def put(
    folder: Path, report: Report, name: str = "runs/adapter", *, created: str | None = None, sha256: str = "ab" * 32
) -> Path:
    """Write a report about an adapter of some name into a folder, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    subject = msgspec.structs.replace(report.subject, path=name, sha256=sha256)
    made = msgspec.structs.replace(report, subject=subject, created=created or report.created)
    count = len(list(folder.iterdir()))
    (folder / f"{count}.json").write_bytes(encode(made))
    return folder


def table_with(page: AppTest, column: str) -> Any:
    """The first table of a page that has a column."""
    return next(table.value for table in page.dataframe if column in table.value.columns)


def said(page: AppTest) -> str:
    """All that a page says in words."""
    plain = [str(element.value) for kind in (page.text, page.code) for element in kind]
    return "\n".join([in_markdown(page), *plain])


def in_markdown(page: AppTest) -> str:
    """What Streamlit reads as Markdown, apart from tables, charts and texts."""
    kinds = (
        page.markdown,
        page.caption,
        page.error,
        page.warning,
        page.success,
        page.info,
        page.subheader,
        page.metric,
    )
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def assert_harmless(page: AppTest) -> None:
    """Fail if a text of :data:`tests.outputs.samples.HOSTILE` got through as a control character or as Markdown."""
    for told in (said(page), *(frame.value.to_csv() for frame in page.dataframe), *charts(page)):
        assert RAW.search(told) is None
    for mark in ("<script>", "[a](", "`$x$`", "##["):
        assert mark not in in_markdown(page)


def charts(page: AppTest) -> list[str]:
    """What is sent to the browser of each chart: its specification, and its data as CSV."""
    found = []
    for element in page.get("vega_lite_chart"):
        data = [pa.ipc.open_stream(part.data.data).read_pandas().to_csv() for part in element.proto.datasets]
        found.append("\n".join([specification(element), *data]))
    return found


def specification(element: Any) -> str:
    """The specification of a chart, without its data."""
    return str(element.proto.spec)


def metrics(page: AppTest) -> dict[str, str]:
    """The values of a page's metrics by their titles."""
    return {metric.label: metric.value for metric in page.metric}

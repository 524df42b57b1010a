"""The table of the fleet as Parquet, CSV or JSON: a row an adapter."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from loradiag.core.errors import UsageError
from loradiag.core.fleet import Fleet, FleetAdapter
from loradiag.core.lazy import require
from loradiag.core.text import cell, printable
from loradiag.storage.writing import write_whole

_ENDINGS = (".parquet", ".csv", ".json")


def check_table(name: str) -> None:
    """See whether a table can be written there, before any work is done.

    Raises:
        MissingExtraError: Parquet needs pyarrow.
        UsageError: The ending says nothing, or there is no such folder.
    """
    path = Path(name)
    if path.suffix not in _ENDINGS:
        raise UsageError(f"--table {printable(name)}: end it in {', '.join(_ENDINGS)}")
    if not path.parent.is_dir():
        raise UsageError(f"--table {printable(name)}: there is no such folder")
    if path.suffix == ".parquet":
        require("pyarrow.parquet", "parquet")


def write_table(fleet: Fleet, path: Path) -> None:
    """Write the table.

    Raises:
        MissingExtraError: Parquet needs pyarrow.
        UsageError: It cannot be written.
    """
    make: Callable[[Fleet], str | bytes] = _MAKERS[path.suffix]
    write_whole(path, make(fleet))


def _rows(fleet: Fleet) -> list[dict[str, Any]]:
    return [{name: getattr(row, name) for name in FleetAdapter.__struct_fields__} for row in fleet.adapters]


def _json(fleet: Fleet) -> bytes:
    return msgspec.json.format(msgspec.json.encode({"adapters": fleet.adapters}), indent=2) + b"\n"


def _csv(fleet: Fleet) -> str:
    """Lists and scores in one cell each; a cell that a spreadsheet would take for a formula is told apart by a quote."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FleetAdapter.__struct_fields__, lineterminator="\n")
    writer.writeheader()
    for row in _rows(fleet):
        row["codes"] = " ".join(row["codes"])
        row["outlying"] = " ".join(f"{name}={z:+.1f}" for name, z in row["outlying"].items())
        writer.writerow({name: cell(value) for name, value in row.items()})
    return out.getvalue()


def _parquet(fleet: Fleet) -> bytes:
    arrow, parquet = require("pyarrow", "parquet"), require("pyarrow.parquet", "parquet")
    rows = [{**row, "outlying": list(row["outlying"].items())} for row in _rows(fleet)]
    table = arrow.Table.from_pylist(rows, schema=_schema(arrow))
    out = io.BytesIO()
    parquet.write_table(table, out, compression="zstd")
    return out.getvalue()


def _schema(arrow: Any) -> Any:
    kinds = {str: arrow.string(), int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_()}
    fields = []
    for field in msgspec.structs.fields(FleetAdapter):
        told = str(field.type)
        if field.name == "codes":
            kind = arrow.list_(arrow.string())
        elif field.name == "outlying":
            kind = arrow.map_(arrow.string(), arrow.float64())
        else:
            kind = next(made for python, made in kinds.items() if python.__name__ in told)
        fields.append(arrow.field(field.name, kind))
    return arrow.schema(fields)


_MAKERS: Mapping[str, Callable[[Fleet], str | bytes]] = {".parquet": _parquet, ".csv": _csv, ".json": _json}

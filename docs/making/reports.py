"""The report's fields, from the types that write it: a page for the document, and one for every measurement."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect as types

from loradiag.core.measurements import Measurements
from loradiag.core.report import SCHEMA_VERSION, Report
from making.fields import EVERYWHERE, sorted_out
from making.prose import from_docstring, table

Struct = type[msgspec.Struct]

MEASUREMENTS = Measurements.__struct_fields__


def measurement(key: str) -> Struct:
    """The type of what stands below ``measurements`` under a key."""
    field = next(each for each in msgspec.structs.fields(Measurements) if each.name == key)
    return next(struct for struct in _structs(types.type_info(field.type)))


def index() -> str:
    """The document around the measurements."""
    rows = [
        (f"[`{key}`]({key}.md)", f"`{measurement(key).__name__}`", _first(measurement(key))) for key in MEASUREMENTS
    ]
    lines = ["# The report", "", f"Schema version {SCHEMA_VERSION}. Download: [report.schema.json](report.schema.json)"]
    lines += ["(JSON Schema 2020-12; `loradiag schema` prints it).", ""]
    lines += ["One report is one JSON object. Several subjects, or the checkpoints of a run, are one object with"]
    lines += [
        "`schema_version` and `reports`, a list of them. A change that breaks a reader raises the first part of the"
    ]
    lines += [
        "version, one that adds to it the second. NaN and infinity never appear; `null` stands for what could not be"
    ]
    lines += ["measured.", "", "## measurements", "", "One key for each analyzer that ran.", ""]
    lines += table(("key", "type", "what it is"), rows)
    seen = {Measurements}
    for struct in _reachable(Report, seen):
        lines += _section(struct, {})
    return "\n".join(lines)


def page_of(key: str, more: str = "") -> str:
    """One measurement, with the types that only it has."""
    top = measurement(key)
    found = list(_reachable(top, set()))
    links = {struct.__name__: f"#{struct.__name__.lower()}" for struct in found}
    lines = [f"# measurements.{key}", "", more, ""] if more else [f"# measurements.{key}", ""]
    for struct in found:
        lines += _section(struct, links)
    return "\n".join(lines)


def _first(struct: Struct) -> str:
    return from_docstring(_words(struct).partition("\n")[0])


def _words(struct: Struct) -> str:
    return inspect.cleandoc(struct.__doc__ or "")


def _section(struct: Struct, links: Mapping[str, str]) -> list[str]:
    fields = msgspec.structs.fields(struct)
    about, told = sorted_out(_words(struct), [field.encode_name for field in fields])
    lines = [f"## {struct.__name__}", "", from_docstring(about), ""]
    rows = []
    for field in fields:
        kind = _named(types.type_info(field.type), links)
        optional = not field.required
        words = kind + (", may be absent" if optional else "")
        said = told.get(field.encode_name) or EVERYWHERE.get(field.encode_name, "")
        rows.append((f"`{field.encode_name}`", words, from_docstring(said.replace("None", "null"))))
    return [*lines, *table(("field", "type", "what it is"), rows)]


def _structs(kind: Any) -> Iterator[Struct]:
    """The types of objects in a type, in the order in which they stand there."""
    if isinstance(kind, types.StructType):
        yield kind.cls
    elif isinstance(kind, types.UnionType):
        for each in kind.types:
            yield from _structs(each)
    elif isinstance(kind, types.ListType | types.VarTupleType):
        yield from _structs(kind.item_type)
    elif isinstance(kind, types.DictType):
        yield from _structs(kind.value_type)


def _reachable(struct: Struct, seen: set[Struct]) -> Iterator[Struct]:
    if struct in seen:
        return
    seen.add(struct)
    yield struct
    for field in msgspec.structs.fields(struct):
        for below in _structs(types.type_info(field.type)):
            yield from _reachable(below, seen)


_PLAIN = {
    types.StrType: "string",
    types.IntType: "integer",
    types.FloatType: "number",
    types.BoolType: "boolean",
    types.DateType: "date",
    types.NoneType: "null",
    types.AnyType: "anything",
}


def _named(kind: Any, links: Mapping[str, str]) -> str:
    if isinstance(kind, types.UnionType):
        return " or ".join(_named(each, links) for each in kind.types)
    if isinstance(kind, types.ListType | types.VarTupleType):
        return f"list of {_named(kind.item_type, links)}"
    if isinstance(kind, types.DictType):
        return f"object of {_named(kind.value_type, links)}"
    if isinstance(kind, types.LiteralType):
        return ", ".join(f"`{each}`" for each in kind.values)
    if isinstance(kind, types.EnumType):
        return ", ".join(f"`{each.value}`" for each in kind.cls)
    if isinstance(kind, types.StructType):
        name = kind.cls.__name__
        return f"[{name}]({links.get(name, '#' + name.lower())})"
    return _PLAIN[type(kind)]

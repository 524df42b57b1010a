"""Formats of request logs. Each module has ``recognise(record)`` and ``read(record)``.

``read`` yields the requests of a record, and None for each part of it that is about something else, which is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from loradiag.core.lazy import Entry, load
from loradiag.traffic.request import Request
from loradiag.traffic.values import Node

Recognise = Callable[[Node], bool]
Read = Callable[[Node], Iterator[Request | None]]

SOURCES: Mapping[str, Entry] = {
    name: Entry(f"loradiag.traffic.sources.{name}", summary=summary)
    for name, summary in {
        "otel": "OpenTelemetry GenAI spans, as OTLP JSON or one span a record",
        "litellm": "LiteLLM's StandardLoggingPayload",
        "langfuse": "Langfuse exports of generations",
        "openai": "requests and responses as OpenAI, vLLM and SGLang write them",
        "generic": "any other record, by a map of its fields",
    }.items()
}
"""In the order in which they are tried: the first that recognises a record reads it."""


def reader(name: str) -> tuple[Recognise, Read]:
    """The two functions of a format."""
    target = SOURCES[name].target
    return load(f"{target}:recognise"), load(f"{target}:read")

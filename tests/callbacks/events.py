"""TensorBoard's event files, read from their bytes: records of TFRecord, each a protocol buffer."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """All scalars of a folder's event files: by tag, by step."""
    from tensorboardX.proto.event_pb2 import Event

    found: dict[str, dict[int, float]] = {}
    for path in sorted(folder.rglob("events.out.tfevents*")):
        for record in _records(path.read_bytes()):
            event = Event.FromString(record)
            for value in event.summary.value:
                if value.WhichOneof("value") == "simple_value":
                    found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def _records(data: bytes) -> Iterator[bytes]:
    """Length (8 bytes), a checksum (4), the record, a checksum (4)."""
    start = 0
    while start < len(data):
        (length,) = struct.unpack_from("<Q", data, start)
        yield data[start + 12 : start + 12 + length]
        start += length + 16

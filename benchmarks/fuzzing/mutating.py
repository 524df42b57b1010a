"""Inputs made of others: bytes changed blindly, and documents changed where they have meaning."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

Mutator = Callable[[bytes, Random], bytes]

HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, -(2**63) - 1, 10**40, 0.5, 1e-320, 1e308, -0.0),
    *(float("nan"), float("inf"), float("-inf")),
    *(
        "",
        " ",
        "\0",
        "\x1b]0;x\x07",
        "\ud800",
        "\u202e",
        "../../x",
        "/",
        "a" * 3000,
        "9" * 5000,
        "NaN",
        "<hostile onload=1>",
        "=1+1",
    ),
    *("1e999", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "(.*.*)*x", "(", "[", '{"a":1}', "|", "`x`"),
    *([], {}, [[]], [None], [{}], {"": None}, [0] * 300, {"a": {"a": {"a": []}}}),
)
"""What stands where something else is expected."""

_WORDS = (
    b"\xff",
    b"\0",
    b"\n",
    b"\r\n",
    b'"',
    b"{",
    b"[",
    b"\\u",
    b"\xed\xa0\x80",
    b"NaN",
    b"1e999",
    b"\xef\xbb\xbf",
    b"=",
)
_NUMBERS = (0, 1, 2, 7, 8, 127, 255, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**48, 2**63 - 1, 2**64 - 1)


def blindly(data: bytes, random: Random) -> bytes:
    """Change bytes: some flipped, cut, repeated, moved, or replaced by words and numbers that mean something to parsers."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        place = random.randrange(len(changed) + 1)
        end = min(len(changed), place + random.choice((1, 1, 2, 8, 64, 1024)))
        choice = random.randrange(7)
        if choice == 0 and place < len(changed):
            changed[place] ^= 1 << random.randrange(8)
        elif choice == 1:
            del changed[place:end]
        elif choice == 2:
            changed[place:place] = changed[place:end] * random.choice((1, 2, 50))
        elif choice == 3:
            changed[place:end] = random.randbytes(end - place)
        elif choice == 4:
            changed[place:place] = random.choice(_WORDS)
        elif choice == 5:
            form = random.choice(("<Q", "<I", "<H", ">I"))
            number = struct.pack(form, random.choice(_NUMBERS) & (256 ** struct.calcsize(form) - 1))
            changed[place : place + len(number)] = number
        else:
            del changed[place:]
    return bytes(changed)


def as_json(data: bytes, random: Random) -> bytes:
    """Change a JSON document: a value replaced, left out, repeated under another name, or moved; at times a key twice."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return blindly(data, random)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        document = _changed(document, random)
    text = json.dumps(document, ensure_ascii=random.random() < 0.7)
    if random.random() < 0.02:
        depth = random.choice((50, 2_000, 100_000))
        text = text.replace("null", "[" * depth + "]" * depth, 1)
    if random.random() < 0.03 and text.startswith("{") and len(text) > 2:
        text = text[:-1] + "," + text[1:]
    return text.encode("utf-8", "surrogatepass")


def _changed(document: Any, random: Random) -> Any:
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting and len(places) < 20_000:
        inside = waiting.pop()
        keys = list(inside) if isinstance(inside, dict) else range(len(inside)) if isinstance(inside, list) else ()
        places += [(inside, key) for key in keys]
        waiting += [inside[key] for key in keys]
    if not places or random.random() < 0.01:
        return deepcopy(random.choice(HOSTILE))
    holder, key = random.choice(places)
    choice = random.randrange(6)
    if choice == 0:
        del holder[key]
    elif choice == 1:
        other, there = random.choice(places)
        holder[key] = json.loads(json.dumps(_at(other, there)))
    elif choice == 2 and isinstance(holder, dict):
        name = random.choice([name for name in HOSTILE if isinstance(name, str)] + [random.choice(places)[1]])
        holder[str(name)] = holder[key]
    elif choice == 3 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
        holder[key] = random.choice((-holder[key], holder[key] + 1, holder[key] * 1e9, str(holder[key])))
    else:
        holder[key] = deepcopy(random.choice(HOSTILE))
    return document


def _at(holder: Any, key: Any) -> Any:
    try:
        return holder[key]
    except (KeyError, IndexError):  # it was changed since it was listed
        return None


def by_line(data: bytes, random: Random) -> bytes:
    """Change a line of JSON lines, or their order."""
    lines = data.split(b"\n")
    place = random.randrange(len(lines))
    lines[place] = (as_json if random.random() < 0.7 else blindly)(lines[place], random)
    if random.random() < 0.2:
        random.shuffle(lines)
    return b"\n".join(lines)


def as_safetensors(data: bytes, random: Random) -> bytes:
    """Change the header and keep its length true, or change bytes."""
    length = int.from_bytes(data[:8], "little")
    if length > len(data) - 8 or random.random() < 0.15:
        return blindly(data, random)
    header, rest = data[8 : 8 + length], data[8 + length :]
    if random.random() < 0.85:
        header = (as_json if random.random() < 0.85 else blindly)(header, random)
    else:
        rest = blindly(rest, random)
    return struct.pack("<Q", len(header)) + header + rest


def as_archive(data: bytes, random: Random) -> bytes:
    """Change a member of a zip archive and pack it again, so that checksums hold; or change bytes."""
    if random.random() < 0.3:
        return blindly(data, random)
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w") as new:
            members = old.infolist()
            chosen = random.randrange(max(len(members), 1))
            for place, member in enumerate(members):
                content = old.read(member)
                name = member.filename if random.random() < 0.97 else random.choice(("../x.npy", "a/b", "\n.npy", "x"))
                new.writestr(name, blindly(content, random) if place == chosen else content)
    except Exception:  # an archive that was changed before raises whatever zipfile raises
        return blindly(data, random)
    return packed.getvalue()


def joined(*parts: bytes) -> bytes:
    """Several files as one input."""
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)


def parted(data: bytes, count: int) -> list[bytes]:
    """The files of an input that :func:`joined` made, or that was changed since: as many as are wanted, some empty."""
    parts = []
    for _ in range(count):
        size = int.from_bytes(data[:4], "little")
        parts.append(data[4 : 4 + size])
        data = data[4 + size :]
    return parts


def one_of(*mutators: Mutator) -> Mutator:
    """Change one of the files of an input, each by its own mutator."""

    def mutate(data: bytes, random: Random) -> bytes:
        parts = parted(data, len(mutators))
        place = random.randrange(len(mutators))
        parts[place] = mutators[place](parts[place], random)
        return joined(*parts)

    return mutate

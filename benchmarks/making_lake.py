"""A lake as a large installation has one: hundreds of adapters, a few of which get most of ten million requests, over a month.

python benchmarks/making_lake.py FOLDER [--requests N] [--adapters N] [--days N]
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
import pyarrow as pa  # noqa: E402

from loradiag.traffic.schema import DAY, bucket_of, date_of, schema  # noqa: E402
from loradiag.traffic.writing import write_table  # noqa: E402

START = 1_793_491_200_000_000
"""2026-11-01, in microseconds."""

TASKS = ("support", "billing", "legal", "summaries", "search", "triage", "drafts", "code")
TEAMS = 25

_SPLIT, _PARTS = 3, 4
"""The last days are not merged yet: their partitions have so many files."""

_BASE = 0.02
"""Share of requests that went to the base model, without an adapter."""

Indexes = npt.NDArray[np.int64]


def big_lake(folder: Path, requests: int = 10_000_000, adapters: int = 500, days: int = 30) -> None:
    """Write a lake without vectors and texts: the columns that servers usually give, days and hours of unlike traffic.

    Adapters are named as ``team-07/support-12``, from the one with most requests to the one with fewest. The perplexity of
    every fiftieth rises in the last third of the days.

    Args:
        folder: The lake; it must not be there.
        requests: Of all adapters and the base model together.
        adapters: How many.
        days: From 2026-11-01.
    """
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    names = adapter_names(adapters)
    buckets = np.array([bucket_of(name) for name in names])
    weekly = np.where(np.arange(days) % 7 < 5, 1.0, 0.55)
    ends = np.rint(np.cumsum(weekly) / weekly.sum() * requests).astype(np.int64)
    for day, count in enumerate(np.diff(ends, prepend=0)):
        who = _asked(int(count), adapters, generator)
        table = _day(int(ends[day] - count), who, names, (day, days), generator)
        places = np.where(who < 0, bucket_of(None), buckets[who])
        for bucket in np.unique(places):
            own = np.flatnonzero(places == bucket)
            for part in np.array_split(own, _PARTS if day >= days - _SPLIT else 1):
                rows = table.take(part).sort_by([("adapter", "ascending"), ("time", "ascending"), ("key", "ascending")])
                write_table(folder / f"date={date_of(START + day * DAY)}" / f"bucket={bucket}", rows)


def adapter_names(count: int) -> list[str]:
    """Names of teams' adapters."""
    numbers = range(count)
    return [
        f"team-{number % TEAMS:02d}/{TASKS[number // TEAMS % len(TASKS)]}-{number // TEAMS:02d}" for number in numbers
    ]


def _asked(count: int, adapters: int, generator: np.random.Generator) -> Indexes:
    """The number of each request's adapter, by Zipf's law with an exponent of 0.8; -1 for the base."""
    share = 1 / np.arange(1, adapters + 1) ** 0.8
    who = generator.choice(adapters, size=count, p=share / share.sum())
    return np.where(generator.random(count) < _BASE, -1, who)


def _day(first: int, who: Indexes, names: Sequence[str], day: tuple[int, int], generator: np.random.Generator) -> Any:
    """The requests of one day; ``day`` is its number and how many there are."""
    count = len(who)
    conversation = _conversations(who, generator)
    tokens = np.maximum(1, generator.lognormal(4.2, 0.8, count)).astype(np.int32)
    drifting = (who % 50 == 7) & (3 * day[0] >= 2 * day[1])
    nll = np.abs(0.9 + 0.002 * (who % 100) + 0.25 * drifting + 0.1 * conversation[1] + generator.normal(0, 0.3, count))
    failed = generator.random(count) < 0.005
    first_token = generator.lognormal(4.6, 0.5, count)
    prompt = generator.lognormal(5.5, 0.9, count).astype(np.int32) + 1
    texts = generator.integers(1, np.uint64(2**63), count).astype(np.uint64)
    again = generator.random(count) < 0.15
    texts[again] = texts[generator.integers(0, count, int(again.sum()))]
    columns = {
        "key": _spread(np.arange(first + 1, first + count + 1, dtype=np.uint64)),
        "adapter": pa.DictionaryArray.from_arrays(pa.array(who, mask=who < 0), pa.array(list(names))).cast(pa.string()),
        "base": pa.array(np.full(count, "base-8b")),
        "time": START + day[0] * DAY + np.sort((generator.beta(2.5, 2.0, count) * DAY).astype(np.int64)),
        "conversation": pa.array(conversation[0], mask=conversation[0] == 0),
        "text_hash": texts,
        "response_hash": _spread(texts ^ np.uint64(first + 1)),
        "prompt_chars": prompt * 4,
        "response_chars": pa.array(tokens * 4, mask=failed),
        "prompt_tokens": prompt,
        "response_tokens": pa.array(tokens, mask=failed),
        "nll": pa.array(nll, mask=failed | (who % 10 == 9)),
        "nll_tokens": pa.array(tokens, mask=failed | (who % 10 == 9)),
        "truncated": pa.array(tokens >= 400, mask=failed),
        "refusal_like": pa.array(generator.random(count) < 0.01, mask=failed),
        "repetition": pa.array(generator.beta(1, 30, count), mask=failed | (tokens < 20)),
        "latency_ms": first_token + 12 * tokens,
        "first_token_ms": pa.array(first_token, mask=failed),
        "failed": failed,
        "source": pa.array(np.full(count, "vllm")),
    }
    columns["request_id"] = pa.array(columns["key"]).cast(pa.string())
    arrays = [
        pa.array(columns[field.name]).cast(field.type, safe=False)
        if field.name in columns
        else pa.nulls(count, field.type)
        for field in schema()
    ]
    return pa.Table.from_arrays(arrays, schema=schema())


def _conversations(
    who: Indexes, generator: np.random.Generator
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.float64]]:
    """Of each request the conversation, 0 for none, about three requests each; and what its requests have in common."""
    owners, sizes = who + 1, np.bincount(who + 1)
    number = (generator.random(len(who)) * np.maximum(1, sizes[owners] // 3)).astype(np.int64)
    salt = np.uint64(generator.integers(1, 2**62))
    names = _spread(_spread(owners.astype(np.uint64) + salt) + number.astype(np.uint64)) | np.uint64(1)
    common = (names >> np.uint64(1)) % np.uint64(1000) / 500 - 1
    return np.where(generator.random(len(who)) < 0.3, 0, names), common


def _spread(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Numbers as hashes look: multiplied by 2⁶⁴ over the golden ratio, which none of them shares with another."""
    return numbers * np.uint64(0x9E3779B97F4A7C15)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--adapters", type=int, default=500)
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args(arguments)
    big_lake(options.folder, options.requests, options.adapters, options.days)


if __name__ == "__main__":
    main()

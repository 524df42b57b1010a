"""Lakes whose rows are given, and what there is to count in a lake: by a reader, and by pandas and scipy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from math import exp, isfinite, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import t

from loradiag.overview.days import TrafficReader
from loradiag.traffic.schema import DAY, partition, schema
from loradiag.traffic.writing import write_table

START = 1_793_491_200_000_000
"""2026-11-01, in microseconds."""

Key = tuple[str | None, date | None]


def row(key: int, adapter: str | None = "support", time: int | None = START, **columns: Any) -> dict[str, Any]:
    """A row of a lake."""
    nothing = dict.fromkeys(schema().names)
    return {**nothing, "key": key, "adapter": adapter, "time": time, "failed": False, "source": "test", **columns}


def write_file(lake: Path, rows: Iterable[Mapping[str, Any]]) -> list[Path]:
    """Write rows, a file in each of their folders."""
    parts: dict[Path, list[Mapping[str, Any]]] = defaultdict(list)
    for one in rows:
        parts[partition(lake, one["time"], one["adapter"])].append(one)
    return [
        write_table(
            folder, pa.table({f.name: pa.array([o[f.name] for o in own], f.type) for f in schema()}, schema=schema())
        )
        for folder, own in parts.items()
    ]


def counted(table: Any) -> dict[Key, dict[str, Any]]:
    """A table of days by adapter and date."""
    found = {(one.pop("adapter"), one.pop("date")): one for one in table.to_pylist()}
    assert len(found) == table.num_rows
    return found


def expected(lake: Path) -> dict[Key, dict[str, Any]]:
    """The same, each record once, from the files."""
    frames = []
    for path in sorted(lake.glob("date=*/bucket=*/*.parquet")):
        table = pq.ParquetFile(path).read()
        table = table.set_column(4, "time", table["time"].cast(pa.int64()))
        rows = pd.DataFrame({name: pd.Series(table[name].to_pylist(), dtype=object) for name in table.column_names})
        frames.append(rows.assign(part=path.parent.parent.name.removeprefix("date="), bare=rows["encoder"].isna()))
    if not frames:
        return {}
    every = pd.concat(frames, ignore_index=True).sort_values(["failed", "bare"], kind="stable")
    once = every.drop_duplicates(["part", "adapter", "key"])
    return {
        (None if pd.isna(adapter) else adapter, None if part == "undated" else date.fromisoformat(part)): _day(own)
        for (adapter, part), own in once.groupby(["adapter", "part"], dropna=False)
    }


def _day(rows: pd.DataFrame) -> dict[str, Any]:
    fine = rows[~rows["failed"].astype(bool)]
    times = [int(moment) for moment in rows["time"].dropna()]
    nll = _known(fine["nll"])
    groups = [f"c{c}" if pd.notna(c) else f"k{k}" for c, k in zip(fine["conversation"], fine["key"], strict=True)]
    return {
        "requests": len(fine),
        "failed": len(rows) - len(fine),
        "conversations": len(set(groups)),
        "texts": fine["text_hash"].nunique(),
        "embedded": int(fine["encoder"].notna().sum()),
        "logprobs": len(nll),
        "prompt_tokens": _of(sum, fine["prompt_tokens"]),
        "response_tokens": _of(sum, fine["response_tokens"]),
        **perplexity(dict(zip(fine.index, groups, strict=True)), nll),
        **{
            f"{name}_p{q}": _of(lambda v, q=q: np.percentile(v, q), fine[f"{name}_ms"])
            for name in ("latency", "first_token")
            for q in (50, 95)
        },
        **{name: _of(np.mean, fine[name]) for name in ("truncated", "refusal_like", "repetition")},
        "first": _moment(min(times, default=None)),
        "last": _moment(max(times, default=None)),
    }


def perplexity(groups: Mapping[Any, str], nll: Mapping[Any, float]) -> dict[str, float | None]:
    """The exponential of the mean, and of Student's interval around it over the sums of residuals of the groups."""
    nothing = dict.fromkeys(("perplexity", "perplexity_low", "perplexity_high"))
    if not nll:
        return nothing
    mean = sum(nll.values()) / len(nll)
    residuals: dict[str, float] = defaultdict(float)
    for place, value in nll.items():
        residuals[groups[place]] += value - mean
    count = len(residuals)
    if count < 3:
        return {**nothing, "perplexity": exp(mean)}
    error = sqrt(count / (count - 1) * sum(value**2 for value in residuals.values())) / len(nll)
    low, high = t.interval(0.95, count - 1, mean, error) if error else (mean, mean)
    return {"perplexity": exp(mean), "perplexity_low": exp(low), "perplexity_high": exp(high)}


def _known(values: pd.Series) -> dict[Any, float]:
    return {place: float(value) for place, value in values.items() if value is not None and isfinite(value)}


def _of(measure: Any, values: pd.Series) -> Any:
    known = list(_known(values).values())
    return float(measure(known)) if known else None


def _moment(time: int | None) -> datetime | None:
    return (
        None if time is None else datetime.fromtimestamp(time // 1_000_000, UTC).replace(microsecond=time % 1_000_000)
    )


def filled(lake: Path) -> Path:
    """A lake of three adapters on three days, and of nobody."""
    for file in range(2):
        write_file(
            lake,
            (
                row(
                    1000 * file + 10 * number + day,
                    (None, "a", "b", "team/ü")[number % 4],
                    START + day * DAY + number * 3_000_000_000,
                    nll=number % 5 / 4,
                    conversation=number % 7 or None,
                    text_hash=number % 11,
                    latency_ms=float(number),
                    failed=number % 13 == 0,
                )
                for number in range(28)
                for day in range(3)
            ),
        )
    return lake


def read(lake: Path, cache: Path) -> dict[Any, dict[str, Any]]:
    """The days of a lake, by a new reader."""
    reader = TrafficReader(lake, cache=cache)
    reader.refresh()
    return counted(reader.table())


def same(found: dict[Any, dict[str, Any]], wanted: dict[Any, dict[str, Any]]) -> None:
    """Numbers to rounding, all else exactly."""
    assert found.keys() == wanted.keys()
    for key, own in wanted.items():
        assert found[key].keys() == own.keys()
        for name, value in own.items():
            loose = 1e-6 if name.startswith("perplexity_") else 1e-9
            assert found[key][name] == (pytest.approx(value, rel=loose) if isinstance(value, float) else value), (
                key,
                name,
            )

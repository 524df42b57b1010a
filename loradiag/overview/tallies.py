"""What is counted of the requests of an adapter on a day, by DuckDB over the lake's own files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from loradiag.core.lazy import require
from loradiag.traffic.engine import Engine
from loradiag.traffic.files import LakeFile

LEAST_CLUSTERS = 3
"""Conversations below which the spread between them cannot be told."""

_LEVEL = 0.95

_LARGEST = 700.0
"""Nats beyond which exp is no number any more."""

_ONCE = """
repeated AS MATERIALIZED (SELECT key FROM requests GROUP BY date, bucket, key HAVING count(*) > 1),
once AS (
  SELECT requests.* FROM requests ANTI JOIN repeated USING (key)
  UNION ALL
  SELECT requests.* FROM requests SEMI JOIN repeated USING (key)
  QUALIFY row_number() OVER (PARTITION BY date, bucket, key ORDER BY failed, encoder IS NULL, filename, file_row_number) = 1
)
"""
# A record once: one that did not fail, and of these one that has a vector, as `Lake.rows` in loradiag.traffic.reading. Few
# are repeated, and to put all in order would take as long as all the rest.

_HOUR = 3_600_000_000
"""Microseconds."""


def _finite(column: str) -> str:
    return f"CASE WHEN isfinite({column}) THEN {column}::DOUBLE END AS {column}"


_DAYS = f"""
, {_ONCE}, facts AS MATERIALIZED (
  SELECT 'date=' || date || '/bucket=' || bucket AS part, try_cast(date AS DATE) AS date, adapter, failed, time, key,
         conversation, text_hash, encoder, prompt_tokens, response_tokens, truncated, refusal_like,
         {", ".join(map(_finite, ("nll", "repetition", "latency_ms", "first_token_ms")))}
  FROM once
), days AS (
  SELECT part, date, adapter, count(*) FILTER (NOT failed) AS requests, count(*) FILTER (failed) AS failed,
         count(DISTINCT text_hash) FILTER (NOT failed) AS texts, count(encoder) FILTER (NOT failed) AS embedded,
         count(nll) FILTER (NOT failed) AS logprobs,
         sum(prompt_tokens) FILTER (NOT failed)::BIGINT AS prompt_tokens,
         sum(response_tokens) FILTER (NOT failed)::BIGINT AS response_tokens,
         quantile_cont(latency_ms, [0.5, 0.95]) FILTER (NOT failed) AS latency,
         quantile_cont(first_token_ms, [0.5, 0.95]) FILTER (NOT failed) AS first_token,
         avg(truncated::INT) FILTER (NOT failed) AS truncated, avg(refusal_like::INT) FILTER (NOT failed) AS refusal_like,
         avg(repetition) FILTER (NOT failed) AS repetition, min(time) AS first, max(time) AS last
  FROM facts GROUP BY part, date, adapter
), together AS (
  SELECT part, adapter, count(nll) AS m, sum(nll) AS s
  FROM facts WHERE NOT failed GROUP BY part, adapter, conversation, CASE WHEN conversation IS NULL THEN key END
), spread AS (
  SELECT part, adapter, count(*) AS conversations, count(s)::DOUBLE AS clusters, sum(m)::DOUBLE AS n, sum(s) / n AS mean,
         greatest(sum(s * s) - 2 * mean * sum(s * m) + mean * mean * sum(m * m), 0) AS residuals
  FROM together GROUP BY part, adapter
)
SELECT days.*, coalesce(conversations, 0) AS conversations, clusters, n, mean, residuals,
       latency[1] AS latency_p50, latency[2] AS latency_p95,
       first_token[1] AS first_token_p50, first_token[2] AS first_token_p95
FROM days LEFT JOIN spread ON days.part = spread.part AND days.adapter IS NOT DISTINCT FROM spread.adapter
"""  # noqa: S608 - of constants

_HOURS = """
SELECT hour, count(*) FILTER (NOT failed) AS requests, count(*) FILTER (failed) AS failed
FROM (SELECT epoch_us(time) // {hour} * {hour} AS hour, bool_and(failed) AS failed
      FROM requests WHERE epoch_us(time) >= ? AND epoch_us(time) < ? AND {whose} GROUP BY hour, key)
GROUP BY hour ORDER BY hour
"""

VERSION = hashlib.sha256(f"1 {_LEVEL} {LEAST_CLUSTERS} {_DAYS}".encode()).hexdigest()
"""Of what is counted and how: what another version has counted is counted again."""


def schema() -> Any:
    """The columns, as an Arrow schema; a row is an adapter's day, or that of requests without an adapter (``adapter`` null).

    Each record counts once. ``requests`` and all that follows is of those that did not fail, but ``failed``, ``first`` and
    ``last``. ``date`` is null for requests without a time. ``conversations``: a request without one is its own. ``texts``:
    different ones. ``embedded`` and ``logprobs``: requests that have a vector, and log-probabilities of what was generated.
    Tokens are sums over the requests whose log counts them. ``perplexity``: of generated tokens, exp of the mean over requests
    of ``nll``; ``perplexity_low`` and ``perplexity_high``: its 95% interval, exp of Student's with a standard error over
    conversations and one degree of freedom less than there are of them, null below three. Times of answers are in
    milliseconds, the median and the 95th percentile. ``truncated`` and ``refusal_like`` are shares of the requests of which
    it is known, ``repetition`` is a mean. ``part`` is the folder of the lake.
    """
    pa = require("pyarrow", "drift")
    moment = pa.timestamp("us", tz="UTC")
    counts = (
        "requests",
        "failed",
        "conversations",
        "texts",
        "embedded",
        "logprobs",
        "prompt_tokens",
        "response_tokens",
    )
    numbers = (
        *("perplexity", "perplexity_low", "perplexity_high"),
        *("latency_p50", "latency_p95", "first_token_p50", "first_token_p95"),
        *("truncated", "refusal_like", "repetition"),
    )
    return pa.schema(
        [
            ("part", pa.string()),
            ("adapter", pa.string()),
            ("date", pa.date32()),
            *((name, pa.int64()) for name in counts),
            *((name, pa.float64()) for name in numbers),
            ("first", moment),
            ("last", moment),
        ]
    )


def count_days(engine: Engine, files: Sequence[LakeFile]) -> Any:
    """Count the requests of some files by folder and adapter.

    Args:
        engine: Of the lake.
        files: All of their folders, at least one.

    Raises:
        InputError: A file cannot be read.
    """
    pa = require("pyarrow", "drift")
    found = engine.table(_DAYS, files)
    told = perplexities(*(found[name].to_numpy() for name in ("mean", "residuals", "n", "clusters")))
    for name, values in told.items():
        found = found.append_column(name, pa.array(values, from_pandas=True))
    return found.select(schema().names).cast(schema())


Floats = npt.NDArray[np.float64]


def perplexities(mean: Floats, residuals: Floats, n: Floats, clusters: Floats) -> dict[str, Floats]:
    """Return perplexities with their intervals, NaN where there is none.

    Args:
        mean: Of the requests' nats a token [k]; NaN where no request has any.
        residuals: The sum over conversations of the squared sum of their requests' differences from the mean [k].
        n: Requests [k].
        clusters: Conversations [k].
    """
    from scipy.special import stdtrit

    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(clusters / (clusters - 1) * residuals) / n
        reach = np.where(clusters >= LEAST_CLUSTERS, stdtrit(clusters - 1, (1 + _LEVEL) / 2) * error, np.nan)
        ends = {"perplexity": mean, "perplexity_low": mean - reach, "perplexity_high": mean + reach}
    return {name: np.exp(np.minimum(end, _LARGEST)) for name, end in ends.items()}


def count_hours(engine: Engine, files: Sequence[LakeFile], adapter: str | None, bounds: Sequence[int]) -> Any:
    """Count the requests of an adapter by hour, from the first bound to before the second, in microseconds.

    Raises:
        InputError: A file cannot be read.
    """
    whose, values = ("adapter IS NULL", []) if adapter is None else ("adapter = ?", [adapter])
    query = _HOURS.format(hour=_HOUR, whose=whose)
    return engine.table(query, files, [*bounds, *values]).cast(hours_schema())


def hours_schema() -> Any:
    """The columns of an adapter's hours, as an Arrow schema."""
    pa = require("pyarrow", "drift")
    return pa.schema([("hour", pa.timestamp("us", tz="UTC")), ("requests", pa.int64()), ("failed", pa.int64())])

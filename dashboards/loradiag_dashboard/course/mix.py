"""The mix of topics over time, beside the shares that held-out references have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from loradiag.core.drift import TopicShare
from loradiag.outputs.windowfigures import share_words
from loradiag.outputs.windows import when
from loradiag.overview.course import floor_of, known_topics
from loradiag_dashboard.course.days import DAY, Course, millis
from loradiag_dashboard.course.panels import Span, across, stacked, up, with_edges
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import categories, color
from loradiag_dashboard.parts.plain import label

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 7
"""Topics with a colour of their own; with the rest as many as there are colours that can be told apart."""

_REST = "all others"
_TEXT = 34
_EXPECTED = "expected, of held-out references"

Shares = list[tuple[float, float, str, int, dict[int, float]]]
"""Of each day or window: start, end, words, requests, and the share of each topic."""


def mix(course: Course, span: Span) -> None:
    """Draw the panel; nothing where topics were never counted."""
    shares = [row for row in _by_day(course) or _by_window(course) if span.holds(row[0], row[1])]
    if not shares:
        return
    known = known_topics(course.found, course.days) if course.days else _of_windows(course)
    chosen = _chosen(shares)
    names = {topic: topic_label(topic, known) for topic in chosen}
    frame = _long(shares, chosen, names, floor_of(course.found))
    expected = _expected(span, chosen, names, known)
    about = (
        "Of requests that are not novel, the share nearest to each topic of the baseline: days of few requests are pale. "
        "The bar at the right is what held-out references have, of topics that the newest check names."
    )
    chart(
        _drawn(course, span, frame, expected, [*names.values(), _REST]),
        _numbers(frame, expected),
        name="mix",
        title="Mix of topics",
        about=about,
    )


def topic_label(topic: int, known: Mapping[int, TopicShare]) -> str:
    """A topic by its number, and by an example where the report keeps texts; safe to show."""
    row = known.get(topic)
    return label(f"topic {topic}" + (f": {' '.join(row.text.split())}" if row and row.text else ""), _TEXT)


def _by_day(course: Course) -> Shares:
    found: Shares = []
    for day in course.days:
        total = sum(day.topics)
        if total:
            shares = {topic: count / total for topic, count in enumerate(day.topics)}
            start = millis(day.day)
            found.append((start, start + DAY, day.day, total, shares))
    return found


def _by_window(course: Course) -> Shares:
    return [
        (
            millis(row.start or ""),
            millis(row.end or ""),
            when(row),
            row.mix_n,
            {one.topic: one.observed for one in row.topics},
        )
        for row in course.windows
        if row.topics
    ]


def _of_windows(course: Course) -> Mapping[int, TopicShare]:
    return {one.topic: one for row in course.windows for one in row.topics}


def _chosen(shares: Shares) -> list[int]:
    """The topics that most requests are of."""
    totals: Counter[int] = Counter()
    for _, _, _, requests, own in shares:
        for topic, share in own.items():
            totals[topic] += round(share * requests)
    return sorted(topic for topic, _ in totals.most_common(_NAMED))


def _long(shares: Shares, chosen: Sequence[int], names: Mapping[int, str], floor: int) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for start, end, words, requests, own in shares:
        parts = [(names[topic], own.get(topic, 0.0)) for topic in chosen]
        parts.append((_REST, max(0.0, 1.0 - sum(share for _, share in parts))))
        low = 0.0
        for place, (name, share) in enumerate(parts):
            rows.append(
                {
                    "start": start, "end": end, "when": words, "requests": requests, "topic": name, "share": share,
                    "low": low, "top": min(low + share, 1.0), "place": place, "strength": 0.6 if requests < floor else 1.0,
                    "said": share_words(share),
                }
            )  # fmt: skip
            low += share
    return with_edges(pd.DataFrame(rows), air=0.05)


def _expected(
    span: Span, chosen: Sequence[int], names: Mapping[int, str], known: Mapping[int, TopicShare]
) -> pd.DataFrame | None:
    """The bar of what is expected; None where it is known of no topic that has a colour."""
    import pandas as pd

    if not any(topic in known for topic in chosen):
        return None
    own = {topic: known[topic].expected if topic in known else 0.0 for topic in chosen}
    shares: Shares = [(span.high, span.right, _EXPECTED, 0, own)]
    frame = _long(shares, chosen, names, 0)
    room = span.right - span.high
    return frame.assign(left=span.high + 0.35 * room, right=span.high + 0.9 * room) if len(frame) else pd.DataFrame()


def _drawn(course: Course, span: Span, frame: pd.DataFrame, expected: pd.DataFrame | None, names: Sequence[str]) -> Any:
    import altair as alt

    tones = [*categories()[: len(names) - 1], categories()[-1]]
    shade = alt.Color(
        "topic:N",
        scale=alt.Scale(domain=list(names), range=tones),
        legend=alt.Legend(columns=4, symbolType="square"),
    )
    told = [alt.Tooltip("topic:N"), alt.Tooltip("said:N", title="share")]

    def bars(data: pd.DataFrame, *more: Any) -> Any:
        return (
            alt.Chart(data)
            .mark_bar(tooltip=True)
            .encode(
                across(span, "left"),
                alt.X2("right"),
                up("low:Q", (0.0, 1.0), format=".0%"),
                alt.Y2("top"),
                color=shade,
                opacity=alt.Opacity("strength:Q", scale=None, legend=None),
                tooltip=[*more, *told],
            )
        )

    layers = [bars(frame)]
    if expected is not None:
        layers.append(bars(expected, alt.Tooltip("when:N", title="which is")))
        note = expected.head(1).assign(text="expected")
        text = alt.Chart(note).mark_text(baseline="top", dy=5, fontSize=11.5, color=color("dim"))
        layers.append(
            text.transform_calculate(at=f"{span.high + 0.625 * (span.right - span.high)}").encode(
                across(span, "at"), y=alt.YDatum(0.0), text="text:N"
            )
        )
    return stacked(course, span, layers, *_bands(frame, names), 290)


def _bands(frame: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, list[Any]]:
    """A row a day or window with the shares of all its topics, and what pointing at it tells."""
    import altair as alt

    days = frame.drop_duplicates("start")[["start", "end", "when", "requests"]]
    wide = frame.pivot_table(index="start", columns="topic", values="said", aggfunc="first").reset_index()
    columns = {name: f"t{place}" for place, name in enumerate(names)}  # names may hold what Vega takes for a path
    tips = [
        alt.Tooltip("when:N", title="day"),
        alt.Tooltip("requests:Q", title="requests that are not novel", format=","),
        *(alt.Tooltip(f"{column}:N", title=name) for name, column in columns.items()),
    ]
    return wide.merge(days, on="start").rename(columns=columns), tips


def _numbers(frame: pd.DataFrame, expected: pd.DataFrame | None) -> pd.DataFrame:
    import pandas as pd

    both = frame if expected is None else pd.concat([frame, expected])
    columns = {"when": "day", "topic": "topic", "share": "share", "requests": "requests"}
    return both[list(columns)].rename(columns=columns)

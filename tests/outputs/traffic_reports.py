"""Reports on traffic made by hand, judged by the rules: every status, one window and many, answers, and hostile texts."""

from __future__ import annotations

from math import sin

import msgspec

from loradiag.api.judging import default_policy
from loradiag.core.drift import (
    DriftWindow,
    FlawedFile,
    MapPoint,
    PredictionShift,
    RouteShare,
)
from loradiag.core.policy import Ignore
from loradiag.core.report import Report
from tests.outputs.traffic_parts import (
    MIXED,
    TEXTS,
    answers,
    attribution,
    baseline,
    compared,
    drawn,
    drift,
    exemplars,
    few,
    novel,
    topics,
    watched,
    window,
)


def steady() -> list[Report]:
    """One quiet day."""
    return [watched(drift([window(exemplars=exemplars(4, route="chant"))]))]


def strange() -> list[Report]:
    """One day on which an eighth of the requests belongs to another adapter."""
    return [watched(drift([novel()], map=drawn()))]


def shifted() -> list[Report]:
    """One day of other topics."""
    return [watched(drift([window(**MIXED)]))]


def both() -> list[Report]:
    """Requests of a kind that nobody knows, and other topics among the rest; texts are shown; answers changed as well."""
    row = novel(
        count=52,
        **MIXED,
        routes=[RouteShare(route="base", count=40, share=40 / 52), RouteShare(route="chant", count=12, share=12 / 52)],
        recommended_route="base",
    )
    row = msgspec.structs.replace(
        row, exemplars=exemplars(text=True, route="base"), topics=topics(0.16, TEXTS[0]), mean_nn_cosine=0.661
    )
    flawed = [FlawedFile(file="lake/day=2026-11-01/ledger-3.parquet", problem="is cut short")]
    return [watched(drift([row], predictions=compared(), flawed_files=flawed, map=drawn(TEXTS[1])))]


def within() -> list[Report]:
    """MMD sees a change that topics do not show."""
    return [watched(drift([window(mmd_p=0.002, mmd_adjusted=0.006, mmd_effect=0.02)]))]


def insufficient() -> list[Report]:
    """Thirty-one requests of the fifty needed."""
    return [watched(drift([few()], attribution=attribution(requests=36, embedded=31, lake_requests=0)))]


def unjudged() -> list[Report]:
    """Nothing but what must be there."""
    bare = DriftWindow(adapter="ledger", start=None, end=None, requests=80, n=60)
    row = PredictionShift(
        metric="entropy", unit="nats", reference=None, current=None, n_reference=0, n=0, days_reference=0, days=0
    )
    nothing = attribution(
        requests=0, embedded=0, other_encoder=0, undated=0, logprobs=0, responses=0, unattributed=0, lake_requests=0
    )
    found = drift(
        [bare], window="all", predictions=[row], others=[], attribution=nothing, baseline=baseline(adapter_sha256=None)
    )
    return [watched(found)]


def none() -> list[Report]:
    """No window at all, and no request with an embedding."""
    told = attribution(requests=240, embedded=0, other_encoder=240)
    return [watched(drift([], attribution=told)), watched(drift([], adapter="chant", attribution=told))]


def month() -> list[Report]:
    """Thirty days: two with too few requests, and drift from the twenty-first on."""
    rows = []
    for number in range(30):
        n = round(190 + 60 * sin(number / 1.1) + 40 * sin(number / 7))
        if number in (11, 12):
            rows.append(few(number, 22 + number))
        elif number < 20:
            rows.append(window(number, round(n * (0.05 + 0.022 * sin(number * 2.3))), n))
        else:
            kind = MIXED if number % 4 == 1 else {}
            rows.append(novel(number, round(n * (0.08 + 0.012 * (number - 19))), n=n, **kind))
    rows[25] = window(25, 12, 230, **MIXED)
    rows[14] = msgspec.structs.replace(rows[14], pooled=2)
    return [watched(drift(rows, predictions=compared()))]


def crowd(count: int = 300) -> list[Report]:
    """Three hundred days, of which a few drift, with low cosines."""
    rows = [
        window(index, 10 + index % 7, 200 + 90 * (index % 5), mean_nn_cosine=0.71 + 0.05 * sin(index / 20))
        for index in range(count)
    ]
    for index in range(40, count, 29):
        rows[index] = novel(index, 30 + index % 11, mean_nn_cosine=0.66, **(MIXED if index % 3 == 0 else {}))
    return [watched(drift(rows, predictions=compared()))]


def by_count() -> list[Report]:
    """Windows of two hundred requests, at odd times."""
    rows = []
    for index in range(12):
        start, end = f"2026-11-02T{2 * index:02}:13:22Z", f"2026-11-02T{2 * index + 1:02}:59:01Z"
        nobody = [RouteShare(route="base", count=20, share=1.0)]
        made = (
            novel(0, 20, routes=nobody, recommended_route="base", exemplars=exemplars())
            if index in (7, 8)
            else window(0, 8 + index % 4)
        )
        rows.append(msgspec.structs.replace(made, start=start, end=end, e_value=1.3**index))
    return [watched(drift(rows, window="200", others=[]))]


def expired() -> list[Report]:
    """Quiet traffic beside a baseline of the last training, which another policy lets pass."""
    old = baseline(expired=["the adapter at runs/ledger is not what it was", "the encoder has changed"], age_days=412.0)
    return [watched(drift([window()], baseline=old))]


def ignored() -> list[Report]:
    """Drift that the policy sets aside."""
    entries = [Ignore(code=code, reason="a campaign until Friday") for code in ("LD801", "LD803")]
    return [watched(drift([novel(), window(1)]), msgspec.structs.replace(default_policy(), ignore=entries))]


def fleet() -> list[Report]:
    """Several adapters."""
    made = []
    for name, (report,) in (
        ("ledger", strange()), ("chant", steady()), ("grammar", month()), ("support-de", insufficient()), ("legal", shifted()),
        ("bare", unjudged()),
    ):  # fmt: skip
        found = report.measurements.drift
        assert found is not None
        made.append(watched(msgspec.structs.replace(found, adapter=name, baseline=baseline(adapter=name))))
    return made


def hostile(name: str) -> list[Report]:
    """Every text of it that may come from a log or a file is ``name``."""
    shown = [
        msgspec.structs.replace(row, request=name, time=name, route=name, text=name, neighbour_text=name)
        for row in exemplars(3, text=True, route="x")
    ]
    rows = [
        novel(
            index, 30, adapter=name, start=f"{name}{index}", end=name, exemplars=shown, topics=topics(0.1, name),
            routes=[RouteShare(route=name, count=30, share=1.0)], recommended_route=name,
        )
        for index in range(2)
    ]  # fmt: skip
    found = drift(
        rows,
        adapter=name,
        lake=name,
        window=name,
        baseline=baseline(
            path=name,
            adapter=f"{name}b",
            created=name,
            encoder=name,
            expired=[name],
            adapter_sha256=name,
            data_sha256=name,
        ),
        predictions=[answers(name, unit=name, effect=None), answers("perplexity", unit=name, start=name)],
        flawed_files=[FlawedFile(file=name, problem=name)],
        others=[name],
        map=drawn(name, start=name, end=name, method=name, requests=[
            MapPoint(x=0.1 * index, y=0.0, topic=0, novel=True, request=name, time=name, text=name) for index in range(3)
        ]),
    )  # fmt: skip
    return [watched(found)]


def long() -> list[Report]:
    """Names as long as a log may hold."""
    name = "organisation/a-team/with-quite-a-long-name/" + "adapter-" * 30
    (report,) = hostile(name)
    return [report]


def extreme() -> list[Report]:
    """Numbers at the ends of what a float can be."""
    rows = [
        window(
            0, 200, 200, novelty_p=0.0, novelty_adjusted=0.0, mix_effect=1e300, mmd_effect=-1e300, mean_nn_cosine=-1.0
        ),
        window(1, 0, 200, novelty_p=5e-324, mean_nn_cosine=1.0, e_value=1e308),
        window(2, 1, 10**9, requests=10**12, start="2026-02-30T00:00:00Z", topics=topics(0.0)[:1]),
    ]
    rows[0] = msgspec.structs.replace(rows[0], status="novel", topics=[], exemplars=[])
    shifts = [
        answers("perplexity", reference=1e300, current=5e-324, change=-1.0, ci_low=-1.0, ci_high=1e300),
        answers("response_length", change=1e300, ci_low=1.0, ci_high=1e301),
        answers("entropy", unit="", change=0.0, ci_low=0.0, ci_high=0.0, reference=0.0, current=0.0),
    ]
    far = [MapPoint(x=1e308 * sign, y=5e-324, topic=10**9, novel=sign > 0, cosine=1.0) for sign in (-0.8, 0.8)]
    return [
        watched(drift(rows, predictions=shifts, map=drawn(requests=far))),
        watched(drift(rows, map=drawn(requests=far[:1], references=[], topics=[], explained=5e-324))),
    ]


CASES = {
    "steady": steady,
    "strange": strange,
    "shifted": shifted,
    "both": both,
    "within": within,
    "insufficient": insufficient,
    "unjudged": unjudged,
    "none": none,
    "month": month,
    "by_count": by_count,
    "expired": expired,
    "ignored": ignored,
    "fleet": fleet,
    "long": long,
    "extreme": extreme,
}

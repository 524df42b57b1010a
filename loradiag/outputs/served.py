"""What is served, in words and figures. All text is safe to show."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.report import Report
from loradiag.core.served import Answering, BesideStatus, Isolation, Served, ServedModel, ServedTimes
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.advice import Advice, Tone
from loradiag.outputs.figure import Figure

NONE = "–"
ANSWERING: dict[Answering, tuple[Tone, str]] = {
    "answers": ("pass", "answers"),
    "partly": ("inconclusive", "fails at times"),
    "empty": ("fail", "says nothing"),
    "never": ("fail", "never answers"),
}
BESIDE: dict[BesideStatus, tuple[Tone, str]] = {
    "differs": ("pass", "not the base"),
    "same": ("fail", "serves the base"),
    "as-told": ("pass", "as its report says"),
    "unlike-told": ("fail", "not as its report says"),
    "undecided": ("inconclusive", "the base or not: undecided"),
    "unjudged": ("pass", ""),
}
ISOLATION: dict[Isolation, tuple[Tone, str]] = {
    "isolated": ("pass", "isolated"),
    "mixed-up": ("fail", "mixed up with others"),
    "changed": ("fail", "changed by others' load"),
    "suspect": ("inconclusive", "perhaps mixed up"),
    "undecided": ("inconclusive", "isolation undecided"),
    "unjudged": ("pass", ""),
}
MARKS: dict[Tone, str] = {"pass": "✓", "inconclusive": "?", "fail": "✗"}
_GRAVITY: dict[Tone, int] = {"fail": 0, "inconclusive": 1, "pass": 2}


def named(name: str, width: int = 40) -> str:
    """The name of a model."""
    return shorten(printable(name), width)


def rows(found: Served) -> list[ServedModel]:
    """Adapters, then bases."""
    return [*found.adapters, *found.bases]


def status(row: ServedModel) -> tuple[Tone, str]:
    """The gravest of what there is to say of a model, of several as grave the first; what is well all in one."""
    parts = [ANSWERING[row.answering], BESIDE[row.beside_status], ISOLATION[row.isolation]]
    said = [part for part in parts if part[1]]
    if all(tone == "pass" for tone, _ in said):
        return "pass", ", ".join(word for _, word in said[1:]) or said[0][1]  # that it answers goes without saying
    return min(said, key=lambda part: _GRAVITY[part[0]])


def _told(row: ServedModel) -> int:
    return row.asked - row.failed - row.empty


def _answers(row: ServedModel) -> str:
    return f"{_told(row):,} of {row.asked:,}"


def _same(row: ServedModel) -> str:
    return NONE if row.beside is None or not row.beside.n else f"{row.beside.same:,} of {row.beside.n:,}"


def _gap(row: ServedModel) -> str:
    if row.beside is None or row.beside.logprob_gap is None:
        return NONE
    return f"{row.beside.logprob_gap:.2g} ({row.beside.logprob_noise or 0.0:.2g})"


def _changed(row: ServedModel) -> str:
    return f"{row.changed_loaded:,} of {row.loaded:,} ({row.changed_own:,})" if row.loaded else NONE


def _taken(row: ServedModel) -> str:
    return f"{row.taken:,} of {row.telling:,}" if row.telling else NONE


def milliseconds(value: float | None) -> str:
    """A time in few characters."""
    if value is None:
        return NONE
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def ratio(times: ServedTimes | None) -> str:
    """Switch over stay, with its interval."""
    if times is None or times.ratio is None:
        return NONE
    between = f" ({times.low:.2f} to {times.high:.2f})" if times.low is not None and times.high is not None else ""
    return f"{times.ratio:.2f}{between}"


FIGURES: Sequence[Figure[ServedModel]] = (
    Figure("answers", "requests with an answer that has text", 5, _told, _answers),
    Figure(
        "as the base",
        "prompts to which an answer was word for word one of the base's",
        7,
        lambda row: row.beside.same if row.beside else None,
        _same,
    ),
    Figure(
        "nats apart",
        "distance of logprobs from the base's, and from its own when asked again",
        3,
        lambda row: row.beside.logprob_gap if row.beside else None,
        _gap,
    ),
    Figure(
        "another's", "answers under load that are another's, of those that would show it", 6, lambda r: r.taken, _taken
    ),
    Figure(
        "changed",
        "answers that are others than alone: among others' requests (and at once without others); ties are left out",
        4,
        lambda row: row.changed_loaded,
        _changed,
    ),
    Figure(
        "stay",
        "median time to the first token, right after a request to the same name",
        1,
        lambda row: row.times.stay if row.times else None,
        lambda row: milliseconds(row.times.stay if row.times else None),
    ),
    Figure(
        "switch",
        "the same right after a request to another",
        2,
        lambda row: row.times.switch if row.times else None,
        lambda row: milliseconds(row.times.switch if row.times else None),
    ),
    Figure(
        "switch/stay",
        "ratio of the medians, with its 95% interval",
        0,
        lambda row: row.times.ratio if row.times else None,
        lambda row: ratio(row.times),
    ),
)


def summary(found: Served) -> Advice:
    """What it comes to."""
    every = [(row, *status(row)) for row in rows(found)]
    names = {
        tone: [f"{named(row.name)} ({said})" for row, own, said in every if own == tone]
        for tone in ("fail", "inconclusive")
    }
    more = []
    if names["fail"] and names["inconclusive"]:
        more.append(f"not decided: {listed(names['inconclusive'], 5)}")
    alike = [f"{named(pair.name)} and {named(pair.beside.other)}" for pair in found.pairs if pair.alike]
    if alike:
        more.append(f"the same answers throughout: {listed(alike, 3)}")
    if found.times is not None and found.times.ratio is not None:
        more.append(
            f"first token {milliseconds(found.times.switch)} after a switch and {milliseconds(found.times.stay)} without: "
            f"switch/stay {ratio(found.times)}"
        )
    if names["fail"]:
        return Advice("fail", f"do not send traffic: {listed(names['fail'], 5)}", tuple(more))
    if names["inconclusive"]:
        return Advice("inconclusive", f"not certain: {listed(names['inconclusive'], 5)}", tuple(more))
    what = "it answers as itself" if len(found.adapters) == 1 else "each answers as itself"
    load = ", also while others are asked" if any(row.isolation == "isolated" for row in found.adapters) else ""
    return Advice("pass", f"{plural(len(found.adapters), 'adapter')} served: {what}{load}", tuple(more))


def statements(found: Served) -> list[tuple[str, str]]:
    """Pairs of label and sentence: what was asked, and what answers were held against."""
    if found.prompts_sha256 is None:
        source = (
            f"{plural(found.prompts, 'neutral prompt')}, to which an adapter may answer as its base does: --prompts"
        )
    else:
        source = f"{plural(found.prompts, 'prompt')} from {shorten(printable(found.prompts_from), 60)}"
    asked = [
        ("asked", f"{source}; {plural(found.max_tokens, 'token')} at temperature 0 ({found.api})"),
        ("alone", "each twice, one at a time, to see what the server itself does to answers"),
    ]
    if any(row.loaded for row in rows(found)):
        times = f"{plural(found.rounds, 'time')}, {found.concurrency:,} at once"
        tie = (
            f"; ties within {found.tie:g} nats count as unchanged"
            if found.logprobs
            else "; no logprobs, so no ties are told"
        )
        asked.append(("under load", f"each {times}, with no other asked and among all others{tie}"))
    if found.times is not None:
        how = "streams" if found.streamed else "answers of one token, since nothing was streamed"
        asked.append(
            ("first token", f"{plural(found.times.n, 'pair')} of requests, after another and after the same; {how}")
        )
    return asked


def facts_of(found: Served) -> list[tuple[str, str]]:
    """The header of a report about what is served."""
    bases = listed([named(row.name) for row in found.bases], 3) or "not known"
    return [
        ("endpoint", shorten(printable(found.url), 90)),
        ("adapters", f"{len(found.adapters):,}"),
        ("base", bases),
        ("API", f"{found.api}, {'with' if found.logprobs else 'without'} logprobs"),
        ("requests", f"{found.requests:,} in {found.seconds:,.0f} s"),
    ]


def in_short(reports: Sequence[Report]) -> list[str]:
    """How many adapters are served as themselves; nothing where no report is about that."""
    if all(report.measurements.served is None for report in reports):
        return []
    return [_in_short(report.measurements.served) for report in reports]


def _in_short(found: Served | None) -> str:
    if found is None:
        return ""
    sound = sum(status(row)[0] == "pass" for row in found.adapters)
    return f"{sound:,} of {plural(len(found.adapters), 'adapter')} as itself"

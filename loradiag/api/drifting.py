"""Traffic beside baselines: is it what the adapters were made for?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loradiag.api.beside import Stages, silent
from loradiag.api.judging import default_policy, judged
from loradiag.api.places import all_here, here, named, origins
from loradiag.core.errors import InputError, UsageError
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import Accounting, Report, Subject
from loradiag.core.text import listed, printable
from loradiag.core.times import moment_of
from loradiag.storage.urls import shown

if TYPE_CHECKING:
    from loradiag.baselines.reading import Baseline
    from loradiag.core.drift import Drift
    from loradiag.traffic.reading import Lake

Names = dict[str, "Baseline"]


def drift_check(
    lake: str | Path,
    baselines: Sequence[str | Path],
    *,
    adapters: Sequence[str] = (),
    window: str = "1d",
    last: int | None = 1,
    since: str | None = None,
    until: str | None = None,
    floor: int | None = None,
    pool: int = 28,
    tolerance: float | None = None,
    recent_days: int = 7,
    reference_days: int = 28,
    exemplars: int = 8,
    show_text: bool = False,
    seed: int = 0,
    device: str | None = None,
    engine: str = "local",
    ray_address: str | None = None,
    workers: int | None = None,
    policy: Policy | None = None,
    progress: Stages | None = None,
) -> list[Report]:
    """Check the traffic of adapters: is it what they were made for?

    Args:
        lake: What ``traffic ingest`` wrote.
        baselines: Directories of baselines, or directories that hold some. All of them are asked where novel requests belong.
        adapters: The adapters to check, by their names in the traffic; all that have a baseline if empty.
        window: ``1d``, ``6h``, ``30m``, ``2w``; a number of requests; or ``all``.
        last: The newest so many windows; all of them if None.
        since: No request before this, as ``2026-11-02`` or ``2026-11-02T10:00:00Z``.
        until: None from this on.
        floor: Requests that a window needs; 50 if None.
        pool: Windows that may be put together to reach the floor.
        tolerance: Cohen's w of a change in the mix of topics that is no drift; 0.2 if None.
        recent_days: Days whose answers are compared.
        reference_days: Days before them that they are compared with.
        exemplars: Novel requests to show of a window.
        show_text: Whether texts that lake and baseline keep go into the report.
        seed: Of samples and permutations.
        device: Where requests are held against references: a GPU for many references if there is one, where None.
        engine: Where requests are scored: ``local`` or ``ray``; the numbers are the same.
        ray_address: Of a cluster, ``auto`` or ``ray://host:10001``; a local one is begun if None.
        workers: Of ``ray``; as many as the cluster has CPUs if None.
        policy: What to judge by; the default policy if None.
        progress: Told the adapter, the requests that were scored, and their number.

    Returns:
        A report an adapter. Their p-values are adjusted for all windows of all adapters together.

    Raises:
        InputError: The lake or a baseline cannot be read, or a named adapter is in neither.
        MissingExtraError: A package of the drift extra is not installed.
        UsageError: An option makes no sense.
    """
    from loradiag.analyzers.drift.check import adjusted, check, reach
    from loradiag.analyzers.drift.engines import engine_of
    from loradiag.analyzers.drift.wanted import FLOOR, TOLERANCE, Wanted, window_of
    from loradiag.baselines.reading import expired
    from loradiag.traffic.reading import Lake

    if min(pool, recent_days, reference_days) < 1 or exemplars < 0 or (floor is not None and floor < 2):
        raise UsageError("pool, recent-days and reference-days are at least 1, floor at least 2")
    if tolerance is not None and not 0 <= tolerance < 1:
        raise UsageError("tolerance: Cohen's w from 0 to 1, such as 0.1")
    wanted = Wanted(
        window=window_of(window),
        last=last,
        since=moment(since, "since"),
        until=moment(until, "until"),
        floor=FLOOR if floor is None else floor,
        pool=pool,
        tolerance=TOLERANCE if tolerance is None else tolerance,
        recent_days=recent_days,
        reference_days=reference_days,
        exemplars=exemplars,
        show_text=show_text,
        seed=seed,
    )
    stages = progress or silent
    place = here(lake, stages)
    opened = Lake(place, shown(lake))
    known = _named(all_here(baselines, stages), device)
    urls = origins([lake, *baselines])
    chosen = _chosen(opened, known, adapters)
    others = list(known.values())
    found: list[Drift] = []
    with engine_of(engine, address=ray_address, workers=workers, origins=urls) as scorer:
        for name, its in chosen.items():
            asked = reach(wanted, opened.newest(name))
            found.append(check(opened, name, its, others, asked, partial(stages, name), expired(its), scorer))
    told = [_by_url(drift, urls) for drift in _with_evidence(adjusted(found), place)]
    return [_report(drift, policy or default_policy()) for drift in told]


def moment(word: str | None, option: str) -> int | None:
    """Microseconds of a date or a time, in UTC unless it says otherwise.

    Raises:
        UsageError: It is neither.
    """
    if word is None:
        return None
    try:
        return int(moment_of(word).timestamp() * 1e6)
    except ValueError as error:
        raise UsageError(f"--{option} {printable(word)}: write 2026-11-02 or 2026-11-02T10:00:00Z") from error


def _named(paths: Sequence[str | Path], device: str | None) -> Names:
    from loradiag.baselines.reading import open_baselines

    if not paths:
        raise UsageError("name a baseline: --baseline DIR, made by 'loradiag drift baseline'")
    found: Names = {}
    for path in paths:
        for one in open_baselines(path, device):
            if one.name in found:
                raise UsageError(
                    f"{printable(str(one.path))} and {printable(str(found[one.name].path))}: both are baselines of "
                    f"{printable(one.name)}; name one of them"
                )
            found[one.name] = one
    return found


def _chosen(lake: Lake, known: Names, adapters: Sequence[str]) -> Names:
    """The baseline of each adapter that is to be checked."""
    if len(adapters) == 1 and len(known) == 1:
        return {adapters[0]: next(iter(known.values()))}  # it may be served under another name
    missing = [name for name in adapters if name not in known]
    if missing:
        told = listed([printable(name) for name in known], 5)
        raise InputError(
            printable(missing[0]), f"has no baseline; there are baselines of {told}", "make one, or name it", "missing"
        )
    if adapters:
        return {name: known[name] for name in adapters}
    seen = lake.names()
    chosen = {name: its for name, its in known.items() if name in seen}
    if not chosen:
        there = listed([printable(name) for name in seen], 5) or "none"
        remedy = "name the adapter as the traffic does: --adapter NAME, or drift baseline --name NAME"
        raise InputError(
            lake.name,
            f"has no request of {listed([printable(name) for name in known], 5)}; adapters there: {there}",
            remedy,
        )
    return chosen


def _with_evidence(found: Sequence[Drift], lake: Path) -> list[Drift]:
    """Give each adapter's newest window the e-value of the watch over this lake, where there is one."""
    from loradiag.api.watching import STATE
    from loradiag.watching.lookup import evidence_in

    known = evidence_in(lake / STATE)

    def told(drift: Drift) -> Drift:
        value = known.get(drift.adapter)
        if value is None or not drift.windows:
            return drift
        newest = msgspec.structs.replace(drift.windows[-1], e_value=value)
        return msgspec.structs.replace(drift, windows=[*drift.windows[:-1], newest])

    return [told(drift) for drift in found]


def _by_url(drift: Drift, urls: Mapping[str, str]) -> Drift:
    """Call what lies behind a URL by that, and not by its copy here."""
    baseline = msgspec.structs.replace(drift.baseline, path=named(drift.baseline.path, urls))
    return msgspec.structs.replace(drift, baseline=baseline)


def _report(drift: Drift, policy: Policy) -> Report:
    subject = Subject(path=drift.adapter, sha256=drift.baseline.adapter_sha256)
    return judged(subject, Measurements(drift=drift), Accounting(), policy)

"""LD522 to LD528: many adapters at once."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.fleet import Fleet, FleetAdapter
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.rules.common import of_all

_SHOWN = 5
_WORDS = {
    "spectral_norm": "σ₁",
    "frobenius_norm": "‖ΔW‖",
    "energy_concentration": "energy in the first direction",
    "entropy_share": "entropy rank",
    "kurtosis": "kurtosis of entries",
}


def _rows(evidence: Evidence) -> list[FleetAdapter]:
    found = evidence.measurements.fleet
    return found.adapters if found else []


def _named(rows: Iterable[FleetAdapter]) -> str:
    return listed([shorten(printable(row.path), 60) for row in rows], _SHOWN)


@rule(
    "LD522",
    "adapters-fail",
    Severity.ERROR,
    source="the rules about single adapters",
    advice="Look at each: loradiag inspect ADAPTER.",
)
def adapters_fail(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Some adapters of the fleet are not sound by themselves.

    ## Why it matters
    What ``loradiag inspect`` says of one adapter, a scan says of each: dead modules, values that are not finite, updates that
    diverged, stamps that do not hold.

    ## What to do
    Inspect each, mend it or take it out. Exceptions are for the policy, with a reason and an end.
    """
    failed = [row for row in _rows(evidence) if row.verdict == "fail"]
    if failed:
        codes: dict[str, int] = {}
        for row in failed:
            for code in row.codes:
                codes[code] = codes.get(code, 0) + 1
        most = sorted(codes.items(), key=lambda item: -item[1])
        why = listed([f"{code} in {count:,}" for code, count in most], 4)
        yield Match(
            f"{of_all(len(failed), len(_rows(evidence)), 'adapter')} fail ({why}): {_named(failed)}",
            modules=[row.path for row in failed],
        )


@rule(
    "LD523",
    "unreadable-in-fleet",
    Severity.ERROR,
    source="what reading them said",
    advice="Fetch them again, or take them out.",
)
def unreadable_in_fleet(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Some adapters of the fleet cannot be read.

    ## Why it matters
    A server that meets one fails when its first request comes. The others are measured all the same.

    ## What to do
    The table says what is wrong with each: files that were cut short, pointers of git-LFS, pickles that may not be read.
    """
    lost = [row for row in _rows(evidence) if row.problem is not None]
    if lost:
        reasons: dict[str, int] = {}
        for row in lost:
            reasons[row.problem or ""] = reasons.get(row.problem or "", 0) + 1
        most = sorted(reasons.items(), key=lambda item: -item[1])
        why = listed(
            [f"{shorten(printable(reason), 60)}{f' in {count:,}' if count > 1 else ''}" for reason, count in most], 3
        )
        yield Match(
            f"{of_all(len(lost), len(_rows(evidence)), 'adapter')} cannot be read ({why}): {_named(lost)}",
            modules=[row.path for row in lost],
        )


@rule(
    "LD524",
    "one-name-many-bases",
    Severity.WARNING,
    source="fingerprints in stamps",
    advice="Pin the revision in each adapter's configuration, and stamp with the base that it was trained on.",
)
def one_name_many_bases(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Adapters name one base, and their stamps say that its weights were not the same.

    ## Why it matters
    A name is no identity: a base that was updated in place, quantized or continued keeps its name. An adapter that is served on
    another base than its own is noise at worst and subtly off at best.

    ## What to do
    Find out which weights each was trained on (``loradiag fingerprint BASE``), and serve each on its own.
    """
    found = evidence.measurements.fleet
    for base in found.bases if found else ():
        if len(base.fingerprints) > 1:
            counts = listed(
                [f"{print_[:12]}… of {plural(count, 'adapter')}" for print_, count in base.fingerprints.items()], 4
            )
            name = shorten(printable(base.base or "no name"), 60)
            yield Match(f"{name} has {len(base.fingerprints)} fingerprints: {counts}", about=base.base or "")


@rule(
    "LD525",
    "orphan-adapters",
    Severity.WARNING,
    source="stamps and configurations",
    advice="Stamp them while somebody remembers: loradiag stamp ADAPTER --base BASE --data FILE --owner NAME.",
)
def orphan_adapters(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Some adapters say neither which base they are for nor who made them from what.

    ## Why it matters
    What nobody can trace nobody can retrain, defend or retire.

    ## What to do
    Stamp them, or retire them.
    """
    rows = [row for row in _rows(evidence) if row.problem is None and not row.stamped and not row.base]
    if rows:
        total = sum(row.problem is None for row in _rows(evidence))
        yield Match(
            f"neither stamp nor base: {of_all(len(rows), total, 'adapter')}: {_named(rows)}",
            modules=[row.path for row in rows],
        )


@rule(
    "LD526",
    "copies-in-fleet",
    Severity.WARNING,
    source="hashes of weights, and ‖Δₐ − Δ_b‖_F of those whose sketches are alike",
    advice="Keep one of each, and let names point to it.",
)
def copies_in_fleet(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Several adapters are the same update, byte for byte or but for rounding.

    ## Why it matters
    Copies are loaded, evaluated and watched as if they were several; one is mended and the other is not.

    ## What to do
    Keep one. The table of pairs names them.
    """
    found = evidence.measurements.fleet
    groups = _grouped(found) if found else []
    if found and groups:
        total = sum(map(len, groups))
        shown = listed(
            [" = ".join(shorten(printable(found.adapters[place].path), 40) for place in group) for group in groups], 3
        )
        paths = [found.adapters[place].path for group in groups for place in group]
        yield Match(f"{plural(total, 'adapter')} are {plural(len(groups), 'update')}: {shown}", modules=paths)


def _grouped(found: Fleet) -> list[list[int]]:
    """Adapters that are the same, put together."""
    root = list(range(len(found.adapters)))

    def of(place: int) -> int:
        while root[place] != place:
            place = root[place]
        return place

    for pair in found.pairs:
        if pair.relation == "same":
            root[of(pair.b)] = of(pair.a)
    groups: dict[int, list[int]] = {}
    for place in range(len(root)):
        groups.setdefault(of(place), []).append(place)
    return [group for group in groups.values() if len(group) > 1]


@rule(
    "LD527",
    "fleet-outlier",
    Severity.WARNING,
    confidence=Confidence.LOW,
    source="five measures of arXiv 2602.15195, held against the fleet itself: robust z-scores by median and MAD",
    advice="Ask where it came from, and look at it: loradiag inspect ADAPTER, loradiag compare with its peers.",
    thresholds=[
        Threshold(
            "least_z",
            6.0,
            "Robust standard deviations from the median of its group",
            "of normal values one group in 90 of 12, in 700 of 30, in 10,000 of 100 holds one beyond it (simulated)",
        )
    ],
)
def fleet_outlier(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """An adapter is unlike the others of its base, method and rank in the size or the shape of its updates.

    ## Why it matters
    The outlier of a fleet is most often another recipe, a wrong learning rate, a collapsed run or a narrow task. It may also
    be an adapter that somebody tampered with: backdoors leave peaked, concentrated updates.

    ## How sure
    Not at all of what it is. The paper's detector was calibrated on a bank of adapters that were known to be benign; a fleet
    is no such bank, tampering that is spread out shows nothing, and who knows the measures can stay inside them. An adapter
    inside the bands is not proven to be harmless. Groups under 12 adapters have no bands. The spread of a small group is itself
    a matter of luck: of 12 adapters alike 1.2% of groups have one beyond the bands of a measure. With heavier tails it is 5%
    and more (Student's t with five degrees of freedom), and grows with the group: the largest of many recipes stands out. In
    24 drawn fleets with nothing planted it named one: an adapter of 30 that was drawn 3.2 times as large as the median.

    ## What to do
    Ask for its provenance. Compare it with its peers, and look at which modules differ.
    """
    for row in _rows(evidence):
        far = {name: z for name, z in row.outlying.items() if abs(z) >= limits["least_z"]}
        if far:
            said = listed(
                [f"{_WORDS.get(name, name)} {'above' if z > 0 else 'below'} (z = {z:+.0f})" for name, z in far.items()],
                5,
            )
            yield Match(
                f"{shorten(printable(row.path), 80)}: {said}",
                modules=[row.path],
                observed=max(map(abs, far.values())),
                threshold=limits["least_z"],
            )


@rule(
    "LD528",
    "scan-incomplete",
    Severity.WARNING,
    source="the scan",
    advice="Run the same command again: it goes on where it stopped.",
    undecided=True,
)
def scan_incomplete(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The scan was interrupted: nothing is known of the adapters that were not reached.

    ## Why it matters
    A fleet is not sound because the part of it that was looked at is.

    ## What to do
    The same command goes on: what was measured is remembered.
    """
    found = evidence.measurements.fleet
    if found and found.incomplete:
        yield Match(f"interrupted after {plural(len(found.adapters), 'adapter')}")

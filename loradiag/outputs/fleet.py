"""The fleet in words and figures. All text is safe to show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from loradiag.core.fleet import Fleet, FleetAdapter, FleetPair
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.comparing import WORDS as RELATIONS
from loradiag.outputs.comparing import apart, signed
from loradiag.outputs.facts import short_number
from loradiag.outputs.figure import Figure

MARKS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "unreadable": "!"}
TONES = {"pass": "pass", "fail": "fail", "inconclusive": "inconclusive", "unreadable": "fail"}
NONE = "–"
_ORDER = ("unreadable", "fail", "inconclusive", "pass")
MEASURES = {
    "spectral_norm": "σ₁",
    "frobenius_norm": "‖ΔW‖",
    "energy_concentration": "energy in the first direction",
    "entropy_share": "entropy rank / rank",
    "kurtosis": "kurtosis",
}
"""Measures that have bands, by their titles."""


def _marked(name: str, row: FleetAdapter) -> str:
    """A measure, with an arrow where it lies outside the fleet's band."""
    z = row.outlying.get(name)
    arrow = "" if z is None else " ↑" if z > 0 else " ↓"
    return short_number(getattr(row, name)) + arrow


def _measure(name: str, title: str, meaning: str, worth: int) -> Figure[FleetAdapter]:
    return Figure(title, meaning, worth, lambda row: getattr(row, name), lambda row: _marked(name, row))


FIGURES: Sequence[Figure[FleetAdapter]] = (
    Figure(
        "base",
        "as its configuration has it",
        8,
        lambda _row: None,
        lambda row: shorten(printable((row.base or NONE).rstrip("/").rpartition("/")[2]), 24),
    ),
    Figure("rank", "the commonest of its modules", 6, lambda row: row.rank, lambda row: str(row.rank or NONE)),
    Figure("modules", "adapted weights", 2, lambda row: row.modules, lambda row: f"{row.modules:,}"),
    _measure("frobenius_norm", "‖ΔW‖", "of all updates together; arrows: outside the fleet's band", 7),
    _measure("spectral_norm", "σ₁", "the largest of its modules", 4),
    _measure("entropy_share", "entropy/r", "median of entropy rank over rank", 3),
    _measure("energy_concentration", "first", "median share of the energy in the first direction", 1),
    _measure("kurtosis", "kurtosis", "of sampled entries; 3 for normal ones", 0),
    Figure(
        "owner",
        "as its stamp says",
        5,
        lambda _row: None,
        lambda row: shorten(printable(row.owner or ("" if row.stamped else NONE)), 16),
    ),
)


WORDY = frozenset({"base", "owner"})
"""Columns of words."""


def worst_first(found: Fleet) -> list[int]:
    """Places of adapters: unreadable, failing and inconclusive ones first, then those outside the bands, then by path."""
    rows = found.adapters
    return sorted(
        range(len(rows)),
        key=lambda place: (
            _ORDER.index(rows[place].verdict) if rows[place].verdict in _ORDER else 0,
            -max(map(abs, rows[place].outlying.values()), default=0.0),
            rows[place].path,
        ),
    )


def names(found: Fleet) -> list[str]:
    """Short names of all adapters: their paths below what they have in common."""
    paths = [row.path for row in found.adapters]
    if len(paths) < 2:
        return [printable(path) for path in paths]
    parts = [path.split("/") for path in paths]
    shared = 0
    while all(len(part) > shared + 1 and part[shared] == parts[0][shared] for part in parts):
        shared += 1
    return [shorten(printable("/".join(part[shared:])), 60) for part in parts]


def sentence(found: Fleet) -> str:
    """What there is, in a sentence."""
    counts = Counter(row.verdict for row in found.adapters)
    said = [f"{counts[word]:,} {word if word != 'pass' else 'sound'}" for word in ("pass", *_ORDER[:3]) if counts[word]]
    remembered = sum(row.remembered for row in found.adapters)
    read = f"; {found.read:,} read, {remembered:,} as they were" if remembered else ""
    return f"{plural(len(found.adapters), 'adapter')}: {', '.join(said)}{read}."


def statements(found: Fleet) -> list[tuple[str, str]]:
    """Pairs of label and line: bases, relatives, bands."""
    bases = [
        f"{shorten(printable(base.base or 'none named'), 40)} {base.adapters:,}"
        + (f" ({len(base.fingerprints)} fingerprints)" if len(base.fingerprints) > 1 else "")
        for base in found.bases
    ]
    related = Counter(pair.relation for pair in found.pairs)
    told = [f"{count:,} {RELATIONS[relation]}" for relation, count in related.most_common()]
    outside = sum(bool(row.outlying) for row in found.adapters)
    groups = len({band.group for band in found.bands})
    stamped = sum(row.stamped for row in found.adapters)
    rows = [
        ("bases", listed(bases, 6)),
        ("stamped", f"{stamped:,} of {len(found.adapters):,}"),
        ("pairs", f"{listed(told, 6) or 'none related'}; {plural(found.compared, 'likely one')} compared exactly"),
    ]
    if groups:
        rows.append(("bands", f"{plural(outside, 'adapter')} outside those of {plural(groups, 'group')}"))
    return rows


def pair_words(called: Sequence[str], pair: FleetPair) -> tuple[str, str, str, str]:
    """Names, relation, cosine and distance of a pair."""
    return (
        f"{called[pair.a]} · {called[pair.b]}",
        RELATIONS[pair.relation],
        signed(pair.cosine),
        apart(pair.distance),
    )


def facts_of(found: Fleet) -> list[tuple[str, str]]:
    """The header of a report about a fleet."""
    counts = Counter(row.verdict for row in found.adapters)
    size = sum(row.bytes for row in found.adapters)
    return [
        ("adapters", f"{len(found.adapters):,}"),
        ("sound", f"{counts['pass']:,}"),
        ("fail", f"{counts['fail'] + counts['unreadable']:,}"),
        ("bases", f"{len(found.bases):,}"),
        ("size", f"{size / 1e9:,.2f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"),
        ("read", f"{found.read:,}"),
    ]


def in_short(reports: Sequence[Report]) -> list[str]:
    """What every fleet is; nothing where none is about one."""
    if all(report.measurements.fleet is None for report in reports):
        return []
    return [sentence(row) if (row := report.measurements.fleet) else "" for report in reports]

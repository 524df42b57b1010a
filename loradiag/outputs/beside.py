"""What a report says of the base, in the words that every output for people uses. All text is safe to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from loradiag.core.beside import Fit, IntruderModule, RelativeModule
from loradiag.core.identity import Provenance
from loradiag.core.reach import Reach
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.facts import percent, short_number, size


class Beside(msgspec.Struct, frozen=True):
    """One module beside its weight: its row of the relative update, and of the intruder dimensions where there is one."""

    relative: RelativeModule
    intruders: IntruderModule | None

    @property
    def lost(self) -> str:
        """The share of changed entries that the base's format swallows."""
        return percent(self.relative.swallowed_share)

    @property
    def count(self) -> str:
        """Intruders of the leading directions: ``3/10``; ``~3/10`` where another answer is possible; a dash if unknown."""
        row = self.intruders
        if row is None or row.count is None:
            return "–"
        return f"{'' if row.certified else '~'}{row.count}/{row.k}"


def beside(report: Report) -> dict[str, Beside]:
    """Modules by name; empty where no base was given."""
    relative, intruders = report.measurements.relative, report.measurements.intruders
    counts = {row.name: row for row in intruders.modules} if intruders else {}
    return {row.name: Beside(row, counts.get(row.name)) for row in relative.modules} if relative else {}


def only_beside(report: Report) -> list[Beside]:
    """Modules of which the base alone gives a size, as of layers that are stored whole; the largest first."""
    tables = (report.measurements.spectrum, report.measurements.vectors)
    known = {row.name for table in tables if table for row in table.modules}
    rows = [row for name, row in beside(report).items() if name not in known]
    return sorted(rows, key=lambda row: -(row.relative.relative_frobenius or 0.0))


def title(report: Report) -> str:
    """What :func:`statements` are about: without a base there is at most a stamp."""
    return "Beside its base" if report.measurements.base else "Provenance"


def statements(report: Report) -> list[tuple[str, str]]:
    """Pairs of label and sentence: the base, the stamp, the evidence, what is reached, and intruders."""
    reach = report.measurements.reach
    return [
        *of_base(report),
        *of_stamp(report),
        *of_fit(report),
        *(of_reach(reach) if reach else ()),
        *(of_loss(reach) if reach else ()),
        *of_intruders(report),
    ]


def listings(report: Report) -> list[tuple[str, list[str]]]:
    """Titles with the full names that :func:`statements` only counts or samples. The names are as the files have them."""
    reach, stamp = report.measurements.reach, report.measurements.provenance
    found: list[tuple[str, list[str]]] = []
    if reach is not None:
        found += [
            (f"never reached, {shorten(printable(row.pattern), 120)}", list(row.names)) for row in reach.unreached
        ]
        found += [
            ("not in the base", list(reach.absent)),
            ("targeted, without factors", list(reach.skipped)),
            (
                "of another shape",
                [f"{row.name}: {shape(row.adapter)}, base {shape(row.base)}" for row in reach.mismatched],
            ),
        ]
    if stamp is not None:
        found.append(("parts of the base that differ from the stamped", list(stamp.differing)))
    return [(title, names) for title, names in found if names]


def shape(sizes: Sequence[int]) -> str:
    """``64 × 128``."""
    return " × ".join(map(str, sizes))


def of_base(report: Report) -> Iterator[tuple[str, str]]:
    """What the base is, and why some of it could not be read."""
    base = report.measurements.base
    if base is None:
        return
    kind = f"{shorten(printable(base.model_type), 40)}, " if base.model_type else ""
    stored = shorten(printable(base.scheme or base.dtype or "?"), 40)
    revision = f" @ {shorten(printable(base.revision), 12)}" if base.revision else ""
    name = shorten(printable(base.name), 120)
    yield "base", f"{name}{revision}: {kind}{base.parameters:,} parameters, {size(base.bytes)}, {stored}"
    if base.obstacle is not None:
        yield "not all read", shorten(printable(base.obstacle), 240)


def of_stamp(report: Report) -> Iterator[tuple[str, str]]:
    """Whose stamp it is, and whether it is of these weights and this base."""
    stamp = report.measurements.provenance
    if stamp is None:
        return
    if stamp.problem:
        yield "stamp", f"cannot be read: {printable(stamp.problem)}"
        return
    owner = f" by {shorten(printable(stamp.owner), 40)}" if stamp.owner else ""
    weights = {True: "these weights", False: "other weights than these", None: "weights that were not compared"}
    parts = [f"of {shorten(printable(stamp.created or '?'), 40)}{owner}, for {weights[stamp.weights_match]}"]
    if stamp.base_match is not None:
        told = f"by {'every byte' if stamp.compared == 'full' else 'sampled blocks'}"
        differ = f": {len(stamp.differing):,} of {plural(stamp.parts, 'part')} differ" if stamp.differing else ""
        parts.append(f"this base, {told}" if stamp.base_match else f"another base, {told}{differ}")
    yield "stamp", "; ".join(parts)


def of_fit(report: Report) -> Iterator[tuple[str, str]]:
    """What speaks for the base and what against it, in numbers."""
    fit = report.measurements.fit
    if fit is None:
        return
    named = {True: "; the base's name agrees", False: "; the base's name differs", None: ""}[fit.names_agree]
    yield "fits", f"{fit.shapes_agree:,} of {plural(fit.modules, 'module')} by name and shape{named}"
    said = _evidence(fit)
    if said:
        yield "evidence", "; ".join(said)


def _evidence(fit: Fit) -> list[str]:
    said = []
    if fit.alignment is not None and fit.alignment_z is not None and fit.alignment_expected is not None:
        said.append(
            f"{percent(fit.alignment)} of the updates' energy lies in the base's leading directions, where chance gives "
            f"{percent(fit.alignment_expected)} (z = {fit.alignment_z:.1f} over {plural(fit.alignment_modules, 'module')})"
        )
    copies = [
        f"stored {shorten(printable(copy.name), 60)} has cosine {copy.cosine:.2f} with the base's"
        for copy in fit.copies
    ]
    if copies:
        said.append(listed(copies, 2))
    if fit.magnitude_correlation is not None:
        said.append(f"DoRA magnitudes correlate {fit.magnitude_correlation:.2f} with the base's rows")
    return said


def of_reach(reach: Reach) -> Iterator[tuple[str, str]]:
    """How much is reached, vocabularies, what is tied, and what goes by another name."""
    experts = f", {reach.experts_reached:,} of {plural(reach.experts, 'expert weight')}" if reach.experts else ""
    yield "reaches", f"{reach.reached:,} of {plural(reach.linears, 'linear weight')}{experts}"
    if reach.vocabulary:
        rows = [
            f"{shorten(printable(part.name), 40)} {part.rows:,} rows"
            + (f", base {part.base_rows:,}" if part.base_rows not in (None, part.rows) else "")
            for part in reach.vocabulary
        ]
        yield "vocabulary", listed(rows, 3)
    if reach.tied:
        names = listed([shorten(printable(name), 40) for name in reach.tied], 4)
        yield "tied", f"{names}: the base ties embedding and head"
    if reach.renamed:
        yield "renamed", listed([shorten(printable(name), 80) for name in reach.renamed], 2)


def of_loss(reach: Reach) -> Iterator[tuple[str, str]]:
    """What adapter and base do not have in common."""
    if reach.unreached:
        total = sum(len(row.names) for row in reach.unreached)
        shown = [f"{shorten(printable(row.pattern), 60)} ({len(row.names):,})" for row in reach.unreached]
        yield "never reached", f"{total:,}: {listed(shown, 6)}"
    for label, names in (("not in the base", reach.absent), ("targeted, not there", reach.skipped)):
        if names:
            yield label, f"{len(names):,}: {listed([shorten(printable(name), 60) for name in names], 3)}"
    if reach.mismatched:
        shown = [
            f"{shorten(printable(row.name), 60)} ({shape(row.adapter)}, base {shape(row.base)})"
            for row in reach.mismatched
        ]
        yield "other shape", f"{len(shown):,}: {listed(shown, 3)}"


def of_intruders(report: Report) -> Iterator[tuple[str, str]]:
    """Intruders in all modules together."""
    intruders = report.measurements.intruders
    counted = [row for row in intruders.modules if row.count is not None] if intruders else []
    if counted:
        total, unsure = sum(row.count or 0 for row in counted), sum(not row.certified for row in counted)
        sure = "all certified" if not unsure else f"{plural(unsure, 'module')} not certified"
        yield "intruders", f"{total:,} among {sum(row.k for row in counted):,} leading directions; {sure}"


_ANSWERS = {True: "✓ yes", False: "✗ no", None: "not compared"}


def told_by(stamp: Provenance) -> list[tuple[str, str]]:
    """Pairs of label and text: what a stamp says, and whether it holds. They are as the file has them, not safe to show."""
    said: list[tuple[str, str | None]] = [
        ("of these weights", _ANSWERS[stamp.weights_match]),
        ("of this base", _ANSWERS[stamp.base_match]),
        ("owner", stamp.owner),
        ("created", stamp.created),
        ("trained on", stamp.base_name),
        ("revision", stamp.base_revision),
        ("base fingerprint", stamp.base_fingerprint_full or stamp.base_fingerprint),
        ("training data, sha256", stamp.data_sha256),
        *((f"evaluation: {task}", short_number(value)) for task, value in stamp.evaluation.items()),
        *stamp.hyperparameters.items(),
        ("notes", stamp.notes),
    ]
    return [(label, text) for label, text in said if text is not None]

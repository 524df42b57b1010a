"""What a report says of the base, in the words that every output for people uses. All text is safe to show."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from loradiag.core.measurements import Fit, IntruderModule, Provenance, Reach, RelativeModule
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.facts import short_number, size


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


def without_spectrum(report: Report) -> list[Beside]:
    """Modules that only the base gives a size: IA³ vectors, and layers that are stored whole; the largest first."""
    spectrum = report.measurements.spectrum
    known = {row.name for row in spectrum.modules} if spectrum else set()
    rows = [row for name, row in beside(report).items() if name not in known]
    return sorted(rows, key=lambda row: -(row.relative.relative_frobenius or 0.0))


def percent(share: float | None) -> str:
    """A share in few characters; a dash for what is not known."""
    if share is None:
        return "–"
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}" if share >= 0.0005 else "<0.1%"


def statements(report: Report) -> list[tuple[str, str]]:
    """Pairs of label and sentence: the base, the stamp, the evidence, what is reached, and the updates as a whole."""
    return [*_base(report), *_stamp(report.measurements.provenance), *_fit(report), *_reach(report), *_sizes(report)]


def _base(report: Report) -> Iterator[tuple[str, str]]:
    base = report.measurements.base
    if base is None:
        return
    kind = f"{printable(base.model_type)}, " if base.model_type else ""
    stored = printable(base.scheme or base.dtype or "?")
    name = shorten(printable(base.name), 70)
    revision = f" @ {shorten(printable(base.revision), 12)}" if base.revision else ""
    yield "base", f"{name}{revision}: {kind}{base.parameters:,} parameters, {size(base.bytes)}, {stored}"
    full = f", full {base.fingerprint_full[:16]}…" if base.fingerprint_full else ""
    yield "fingerprint", f"sampled {base.fingerprint[:16]}…{full}"


def _stamp(stamp: Provenance | None) -> Iterator[tuple[str, str]]:
    if stamp is None:
        return
    if stamp.problem:
        yield "stamp", f"cannot be read: {printable(stamp.problem)}"
        return
    owner = f" by {shorten(printable(stamp.owner), 40)}" if stamp.owner else ""
    weights = {True: "these weights", False: "other weights than these", None: "weights that were not compared"}
    parts = [f"of {printable(stamp.created or '?')}{owner}, for {weights[stamp.weights_match]}"]
    if stamp.base_match is not None:
        told = f"by {'every byte' if stamp.compared == 'full' else 'sampled blocks'}"
        differ = f": {len(stamp.differing):,} of {plural(stamp.parts, 'part')} differ" if stamp.differing else ""
        parts.append(f"this base, {told}" if stamp.base_match else f"another base, {told}{differ}")
    yield "stamp", "; ".join(parts)


def _fit(report: Report) -> Iterator[tuple[str, str]]:
    fit = report.measurements.fit
    if fit is None:
        return
    yield "fits", f"{fit.shapes_agree:,} of {plural(fit.modules, 'module')} by name and shape"
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
    said += [f"stored {printable(copy.name)} has cosine {copy.cosine:.2f} with the base's" for copy in fit.copies[:2]]
    if fit.magnitude_correlation is not None:
        said.append(f"DoRA magnitudes correlate {fit.magnitude_correlation:.2f} with the base's rows")
    return said


def _reach(report: Report) -> Iterator[tuple[str, str]]:
    reach = report.measurements.reach
    if reach is None:
        return
    yield "reaches", f"{reach.reached:,} of {plural(reach.linears, 'linear weight')}" + _experts(reach)
    if reach.unreached:
        shown = [f"{shorten(printable(row.pattern), 60)} ({len(row.names):,})" for row in reach.unreached]
        yield "never reached", listed(shown, 6)
    for label, names in (("not in the base", reach.absent), ("targeted, not there", reach.skipped)):
        if names:
            yield label, f"{len(names):,}: {listed([shorten(printable(name), 60) for name in names], 3)}"
    if reach.mismatched:
        shown = [shorten(printable(row.name), 60) for row in reach.mismatched]
        yield "other shape", f"{len(shown):,}: {listed(shown, 3)}"
    if reach.vocabulary:
        rows = [
            f"{shorten(printable(part.name), 40)} {part.rows:,} rows"
            + (f", base {part.base_rows:,}" if part.base_rows not in (None, part.rows) else "")
            for part in reach.vocabulary
        ]
        yield "vocabulary", listed(rows, 3)
    if reach.tied:
        yield "tied", listed([shorten(printable(name), 40) for name in reach.tied], 4)


def _experts(reach: Reach) -> str:
    return f", {reach.experts_reached:,} of {plural(reach.experts, 'expert weight')}" if reach.experts else ""


def _sizes(report: Report) -> Iterator[tuple[str, str]]:
    relative, intruders = report.measurements.relative, report.measurements.intruders
    if relative is not None and relative.relative_frobenius is not None:
        lost = ""
        if relative.swallowed_share is not None:
            lost = f"; a merge would lose {percent(relative.swallowed_share)} of the changed entries"
        yield "updates", f"‖ΔW‖/‖W‖ = {short_number(relative.relative_frobenius)} over all modules{lost}"
    counted = [row for row in intruders.modules if row.count is not None] if intruders else []
    if counted:
        total, unsure = sum(row.count or 0 for row in counted), sum(not row.certified for row in counted)
        sure = "all certified" if not unsure else f"{unsure:,} not certified"
        yield "intruders", f"{total:,} among {sum(row.k for row in counted):,} leading directions; {sure}"

"""What each label says of rules, written from what was done to the adapter and from nothing that loradiag says.

Rules that describe (what is targeted, what is deployable, how sure the base is) are neither right nor wrong of a condition
and may always fire; those of them that a configuration settles are held against it by :mod:`benchmarks.validity.facts`.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.validity.cases import Expected

DESCRIBE = frozenset(
    [
        "LD203",
        "LD204",
        "LD303",
        "LD306",
        "LD307",
        "LD401",
        "LD402",
        "LD403",
        "LD404",
        "LD408",
        "LD411",
        "LD412",
        "LD501",
        "LD502",
        "LD503",
        "LD504",
        "LD505",
        "LD506",
        "LD507",
        "LD508",
        "LD511",
        "LD514",
        "LD515",
    ]
)
"""May fire on anything, unless a label says that they should."""

NOT_HERE = ("LD9", "LD510", "LD513")
"""Rules of training logs and of stamps: these cases were not made to hold them against anything."""

BESIDE = frozenset(
    [
        "LD208",
        "LD307",
        "LD308",
        "LD406",
        "LD407",
        "LD408",
        "LD409",
        "LD410",
        "LD411",
        "LD412",
        "LD511",
        "LD512",
        "LD515",
    ]
)
"""Say nothing without a base."""


def _of(should: str = "", may: str = "") -> Expected:
    return Expected(frozenset(should.split()), frozenset(may.split()))


SOUND = _of()

# label -> codes that should fire, codes that may. Whatever else is in the bench must not.
LABELS: Mapping[str, Expected] = {
    "sound": SOUND,
    "early in its run": _of(may="LD205 LD308"),
    # As trained.
    "untrained": _of("LD106", "LD505"),
    "undertrained": _of("LD205", "LD305 LD308"),
    "partly dead": _of("LD107"),
    "diverged": _of("LD206 LD207", "LD208 LD202 LD301 LD512"),
    "over-scaled": _of("LD207 LD301", "LD208 LD204 LD512"),
    "over-ranked": _of("LD203"),
    "forgot": _of(may="LD207 LD208"),
    "forgot by size": _of("LD207", "LD208 LD304"),
    "PiSSA as stored": _of("LD507"),
    "no LoRA": _of(may="LD113"),
    # Planted in the numbers.
    "some modules zeroed": _of("LD107", "LD308"),
    "all modules zeroed": _of("LD106"),
    "collapsed": _of("LD201 LD202 LD203", "LD512 LD208 LD205 LD307 LD308 LD304"),
    "leaning on one direction": _of(may="LD202 LD203 LD208 LD307 LD304"),
    "collapsed and huge": _of("LD201 LD202 LD203 LD206 LD207", "LD208 LD305 LD512 LD304"),
    "shrunk a hundredfold": _of("LD205", "LD308 LD305"),
    "shrunk tenfold": _of(may="LD205 LD308 LD305"),
    "grown tenfold": _of("LD207", "LD208 LD305 LD206 LD512"),
    "grown a hundredfold": _of("LD207", "LD208 LD305 LD206 LD512"),
    "intruders planted": _of("LD208", "LD206 LD207 LD202 LD201 LD512 LD304"),
    "directions too weak to intrude": _of(may="LD202 LD201 LD512 LD308 LD205"),
    "swallowed by BF16": _of("LD308 LD205", "LD305"),
    "one module grown": _of("LD304", "LD207 LD206"),
    "one module of few grown": _of(may="LD304 LD207 LD206"),
    "factors out of balance": _of("LD305"),
    "NaN or infinity": _of("LD105", "LD107 LD406"),
    # Planted in the files.
    "half a pair missing": _of("LD108", "LD409 LD405"),
    "factors do not multiply": _of("LD109", "LD110 LD409 LD405"),
    "rank not the configuration's": _of("LD110", "LD205"),
    "no elements": _of("LD111", "LD409 LD405 LD106 LD110 LD113"),
    "other weights beside": _of("LD112"),
    "unexpected tensor": _of("LD114"),
    "no configuration": _of("LD115 LD501", "LD205"),
    "target matched nothing": _of("LD116"),
    "LFS pointer": _of("LD102"),
    "empty file": _of("LD103"),
    "duplicate key": _of("LD104"),
    "unreadable": _of("LD101"),
    "layer missing": _of("LD405 LD409"),
    "layer of few missing": _of("LD409", "LD405"),
    "two dtypes": _of("LD504"),
    "module not in base": _of("LD406", "LD405 LD409"),
    "other width than base": _of("LD407"),
    # Planted in the base.
    "base with other units": _of("LD512", "LD208 LD207 LD206 LD308"),
    "base of another shape": _of("LD407", "LD406 LD410"),
    # What its maker did, found out from the file by its zeros (shared/notes).
    "published untrained": _of("LD106"),
    "published partly dead": _of("LD107", "LD304"),
    "random factors": _of(may="LD206 LD207"),  # of size 1: they ruin any base
    "sound, without a configuration": _of("LD115 LD501"),
}

"""Rules: measurements become findings. The table names them all; listing it imports none.

A rule's code is never used again for another rule, and its name reads as what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from loradiag.core.errors import UsageError
from loradiag.core.lazy import Entry, load

if TYPE_CHECKING:
    from loradiag.core.rules import Rule


def _family(module: str, rules: Mapping[str, str]) -> dict[str, Entry]:
    return {
        code: Entry(f"loradiag.rules.{module}:{name.replace('-', '_')}", summary=name) for code, name in rules.items()
    }


# code -> where the rule lives; its name in the summary
RULES: Mapping[str, Entry] = {
    **_family(
        "reading",
        {
            "LD101": "unreadable-adapter",
            "LD102": "git-lfs-pointer",
            "LD103": "empty-adapter",
            "LD104": "duplicate-header-key",
        },
    ),
    **_family(
        "integrity",
        {
            "LD105": "non-finite-values",
            "LD106": "untrained-adapter",
            "LD107": "dead-modules",
            "LD108": "unpaired-factor",
            "LD109": "shape-mismatch",
            "LD110": "rank-differs-from-config",
            "LD111": "zero-sized-tensor",
        },
    ),
    **_family(
        "accounting",
        {
            "LD112": "conflicting-weight-files",
            "LD113": "unsupported-parts",
            "LD114": "unexpected-tensors",
            "LD115": "missing-configuration",
            "LD116": "target-matched-nothing",
        },
    ),
    **_family(
        "spectrum",
        {
            "LD201": "rank-collapse",
            "LD202": "dominant-direction",
            "LD203": "over-provisioned-rank",
            "LD204": "capacity-bound-spectrum",
        },
    ),
    **_family(
        "size",
        {"LD205": "undertrained-update", "LD206": "diverged-update", "LD207": "oversized-update"},
    ),
    **_family(
        "scale",
        {
            "LD301": "scale-out-of-band",
            "LD302": "rslora-scale-out-of-band",
            "LD303": "uneven-scales",
            "LD304": "norm-outlier",
            "LD305": "factor-imbalance",
            "LD306": "scale-assumed",
        },
    ),
    **_family(
        "coverage",
        {
            "LD401": "attention-only",
            "LD402": "incomplete-mlp",
            "LD403": "embedding-or-norm-targeted",
            "LD404": "head-in-play",
            "LD405": "block-missing",
        },
    ),
    **_family(
        "beside",
        {"LD208": "intruder-dimensions", "LD307": "forgetting-risk", "LD308": "swallowed-updates"},
    ),
    **_family(
        "fit",
        {"LD511": "base-unproven", "LD512": "base-doubtful", "LD515": "base-not-compared"},
    ),
    **_family(
        "reach",
        {
            "LD406": "module-not-in-base",
            "LD407": "shape-differs-from-base",
            "LD408": "linears-never-reached",
            "LD409": "targeted-but-absent",
            "LD410": "vocabulary-differs",
            "LD411": "tied-weights-in-play",
            "LD412": "experts-never-reached",
        },
    ),
    **_family(
        "identity",
        {
            "LD501": "base-missing",
            "LD502": "base-is-local-path",
            "LD503": "revision-unpinned",
            "LD504": "mixed-dtypes",
            "LD505": "pickle-only",
            "LD506": "not-deployable",
            "LD507": "needs-modified-base",
            "LD508": "fan-in-fan-out-unset",
        },
    ),
    **_family(
        "merge",
        {
            "LD601": "merge-not-finite",
            "LD602": "update-erased",
            "LD603": "update-weakened",
            "LD610": "not-foldable",
        },
    ),
    **_family(
        "effect",
        {
            "LD604": "effect-lost",
            "LD605": "effect-weakened",
            "LD606": "effect-undecided",
            "LD613": "gain-on-text-lost",
        },
    ),
    **_family(
        "merged",
        {"LD607": "outputs-differ", "LD609": "activation-overflow", "LD612": "merge-regressed"},
    ),
    **_family(
        "mergeevidence",
        {"LD608": "too-little-text", "LD611": "outputs-not-measured", "LD614": "training-precision-assumed"},
    ),
    **_family(
        "forgetting",
        {
            "LD701": "ability-lost",
            "LD702": "forgetting-undecided",
            "LD703": "part-lost",
            "LD704": "ability-weakened",
            "LD705": "ability-gained",
            "LD709": "deployment-loses",
        },
    ),
    **_family(
        "forgettingevidence",
        {"LD706": "task-at-chance", "LD707": "tasks-unfinished", "LD708": "score-missing"},
    ),
    **_family(
        "learning",
        {
            "LD710": "training-data-recited",
            "LD711": "training-data-remembered",
            "LD712": "weaker-form-keeps-more",
            "LD713": "tokenizer-differs",
        },
    ),
    **_family(
        "traffic",
        {
            "LD801": "novel-requests",
            "LD802": "mix-shift",
            "LD803": "wrong-adapter",
            "LD809": "similarity-below-convention",
        },
    ),
    **_family(
        "answers",
        {"LD806": "perplexity-raised", "LD807": "answers-changed"},
    ),
    **_family(
        "baselines",
        {
            "LD804": "too-few-requests",
            "LD805": "baseline-expired",
            "LD808": "traffic-unattributed",
            "LD810": "thin-baseline",
            "LD811": "nothing-embedded",
            "LD812": "lake-file-left-out",
        },
    ),
    **_family("watching", {"LD813": "drift-alarm", "LD814": "acknowledged-alarm"}),
    **_family(
        "comparing",
        {
            "LD516": "same-update",
            "LD517": "near-duplicate",
            "LD518": "bases-differ",
            "LD519": "nothing-in-common",
            "LD520": "compared-in-part",
            "LD521": "related-adapters",
        },
    ),
    **_family(
        "colliding",
        {"LD615": "updates-interfere", "LD616": "signs-conflict", "LD617": "whole-layers-collide"},
    ),
    **_family(
        "fleet",
        {
            "LD522": "adapters-fail",
            "LD523": "unreadable-in-fleet",
            "LD524": "one-name-many-bases",
            "LD525": "orphan-adapters",
            "LD526": "copies-in-fleet",
            "LD527": "fleet-outlier",
            "LD528": "scan-incomplete",
        },
    ),
    **_family(
        "registered",
        {
            "LD530": "adapter-without-owner",
            "LD531": "adapter-without-data-hash",
            "LD532": "adapter-without-evaluation",
            "LD533": "live-adapter-fails",
            "LD534": "stale-evaluation",
            "LD535": "live-adapter-not-inspected",
        },
    ),
    **_family("canary", {"LD815": "canary-worse", "LD816": "canary-undecided", "LD817": "canary-uneven-split"}),
    **_family("served", {"LD413": "adapter-not-answering", "LD415": "not-isolated", "LD416": "slow-switches"}),
    **_family(
        "servedas",
        {
            "LD414": "serves-the-base",
            "LD417": "serving-undecided",
            "LD418": "adapters-answer-alike",
            "LD419": "answers-unlike-its-report",
        },
    ),
    **_family(
        "validation",
        {
            "LD901": "validation-gap",
            "LD906": "best-is-not-last",
            "LD912": "still-improving",
            "LD914": "losses-in-two-units",
        },
    ),
    **_family(
        "training",
        {
            "LD902": "loss-not-finite",
            "LD904": "loss-spikes",
            "LD905": "gradients-not-finite",
            "LD913": "unreadable-log",
        },
    ),
    **_family("course", {"LD903": "loss-diverged", "LD915": "loss-never-fell"}),
    **_family(
        "trajectory",
        {
            "LD907": "norm-grows-without-gain",
            "LD908": "rank-collapsed-midway",
            "LD909": "checkpoints-missing",
            "LD910": "unreadable-checkpoint",
            "LD911": "checkpoint-unchanged",
            "LD916": "update-not-finite-since",
            "LD917": "checkpoints-of-two-kinds",
            "LD918": "updates-not-compared",
        },
    ),
    **_family(
        "provenance",
        {
            "LD509": "base-differs-from-stamp",
            "LD510": "stamp-of-other-weights",
            "LD513": "unreadable-stamp",
            "LD514": "incomplete-provenance",
        },
    ),
}


@lru_cache(maxsize=1)
def all_rules() -> tuple[Rule, ...]:
    """Load every rule, in the order of their codes."""
    return tuple(load(entry) for _, entry in sorted(RULES.items()))


def find_rule(word: str) -> Rule:
    """Return the rule with this code or name.

    Raises:
        UsageError: There is none; the nearest is named.
    """
    for rule in all_rules():
        if word.upper() == rule.code or word == rule.name:
            return rule
    import difflib

    words = [rule.code for rule in all_rules()] + [rule.name for rule in all_rules()]
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else "'loradiag rule' lists them"
    raise UsageError(f"no rule is called {word!r}; {hint}")

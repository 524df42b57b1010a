"""LD101 to LD104: could the file be read at all?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from loradiag.core.findings import Severity
from loradiag.core.rules import Evidence, Limits, Match, rule
from loradiag.core.text import printable

_SPECIFIC = {"lfs-pointer": "LD102", "empty": "LD103", "duplicate-key": "LD104"}


def _unreadable(evidence: Evidence, kinds: Sequence[str] | None) -> Iterator[Match]:
    """A match if nothing could be read for one of ``kinds``; None stands for every kind that has no rule of its own."""
    integrity = evidence.measurements.integrity
    reason = integrity.unreadable if integrity else None
    if reason is None:
        return
    if (reason.kind in kinds) if kinds is not None else (reason.kind not in _SPECIFIC):
        yield Match(f"{printable(reason.file)}: {printable(reason.detail)}", advice=reason.remedy or None)


@rule("LD101", "unreadable-adapter", Severity.ERROR, source="loradiag", advice="Fetch or save the adapter again.")
def unreadable_adapter(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The adapter could not be read, so nothing is known of it.

    ## Why it matters
    A release that goes on after "could not read" ships something that nobody has looked at.

    ## What to do
    The message names the file and the reason: cut short, a header that claims more than there is, no permission, a
    pickle that was not allowed, a shard that is missing.
    """
    return _unreadable(evidence, None)


@rule(
    "LD102",
    "git-lfs-pointer",
    Severity.ERROR,
    source="git-lfs pointer specification, version 1",
    advice="Run: git lfs pull",
)
def git_lfs_pointer(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The weight file is a git-LFS pointer: some 130 bytes of text in place of the weights.

    ## Why it matters
    A repository cloned without git-LFS looks complete and holds no adapter.

    ## What to do
    Install git-lfs and run ``git lfs pull``.
    """
    return _unreadable(evidence, ["lfs-pointer"])


@rule(
    "LD103",
    "empty-adapter",
    Severity.ERROR,
    source="loradiag",
    advice="Save the adapter again and look at the log of the run.",
)
def empty_adapter(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The weight file holds no tensor at all.

    ## Why it matters
    Loaders take it and serve the base model without a word.

    ## What to do
    Save again. Under FSDP or DeepSpeed, gather the state dict on rank 0 before saving.
    """
    return _unreadable(evidence, ["empty"])


@rule(
    "LD104",
    "duplicate-header-key",
    Severity.ERROR,
    source="RFC 8259 §4: behaviour on duplicate names is unpredictable",
    advice="Do not load it. Save it again with the safetensors package.",
)
def duplicate_header_key(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Two entries of the safetensors header have the same name.

    ## Why it matters
    One loader takes the first, another the last: what an auditor sees is not what a server runs. No honest writer
    produces such a file.

    ## What to do
    Treat the file as hostile or damaged.
    """
    return _unreadable(evidence, ["duplicate-key"])

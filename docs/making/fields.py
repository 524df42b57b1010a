"""What a docstring says of single fields: its clauses that begin with a field's name, apart from the rest."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence

_SENTENCE = re.compile(r"(?<=[.)])\s+(?=``|[A-Z])")
_NAME = re.compile(r"``([\w*]+)``")


def sorted_out(text: str, names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return what a docstring says of the type, and what of each field.

    Args:
        text: The docstring, in which names of fields stand in double backquotes; ``kld_*`` stands for several.
        names: Of the fields.
    """
    told: dict[str, list[str]] = {}
    rest = []
    for paragraph in text.split("\n\n"):
        kept = []
        for sentence in _SENTENCE.split(" ".join(paragraph.split())):
            waiting: list[str] = []
            for clause in _clauses(sentence, names):
                head = _NAME.match(clause)
                meant = _meant(head[1], names) if head else []
                if head is None or not meant:
                    kept.append(clause)
                elif (words := _words(clause[head.end() :])) is None:
                    waiting += meant  # "``low`` and ``high``: …": what is said comes with the last of them
                else:
                    for name in _between(waiting, meant, names, sentence):
                        told.setdefault(name, []).append(words)
                    waiting = []
        if kept:
            rest.append(" ".join(kept))
    about = "\n\n".join(rest).rstrip(" :;,")
    return about + ("" if about.endswith((".", ")", "?")) else "."), {
        name: " ".join(said) for name, said in told.items()
    }


def _meant(word: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if fnmatch.fnmatchcase(name, word)]


def _between(waiting: list[str], meant: list[str], names: Sequence[str], sentence: str) -> list[str]:
    """All that is meant: of "``gain`` to ``nonfinite``" the fields between as well."""
    if waiting and f"``{waiting[-1]}`` to ``{meant[0]}``" in sentence:
        return list(names[names.index(waiting[-1]) : names.index(meant[0]) + 1])
    return [*waiting, *meant]


def _clauses(sentence: str, names: Sequence[str]) -> list[str]:
    """Cut a sentence before every field that begins a clause, never within brackets."""
    cuts, depth = [0], 0
    for match in re.finditer(r"[()]|(?:[,;:] (?:and )?| and | to )(?=``)", sentence):
        if match[0] in "()":
            depth += 1 if match[0] == "(" else -1
        elif depth == 0:
            name = _NAME.match(sentence, match.end())
            joined = match[0] in (" and ", " to ")
            if name and _meant(name[1], names) and not (joined and not _bare(sentence[cuts[-1] : match.start()])):
                cuts.append(match.end())
    return [sentence[start:end].strip() for start, end in zip(cuts, [*cuts[1:], len(sentence)], strict=True)]


def _bare(clause: str) -> bool:
    """Whether there is nothing but a name."""
    return _NAME.fullmatch(clause.strip()) is not None


def _words(text: str) -> str | None:
    """What is said after a name, as a sentence; None where nothing is."""
    words = text.strip().removeprefix(":").strip()
    words = re.sub(r"(?:,| and| to)$|[;:]$", "", words).strip()
    if words in {"", "and", "to", ","}:
        return None
    words = re.sub(r"^(?:is|are) ", "", words).rstrip(",;:. ")
    return (words[0].upper() + words[1:] if re.match(r"[a-z][a-z'-]* ", words) else words) + "."


EVERYWHERE: Mapping[str, str] = {
    "name": "Its name.",
    "module": "The module's name.",
    "role": "What it is in its block: ``attention.q`` … ``mlp.down``, ``embedding``, ``head`` and so on.",
    "stack": "The part of the network: ``decoder``, ``encoder``, ``unet`` and so on.",
    "layer": "The layer's number; null outside of layers.",
    "method": "How it was trained: ``lora``, ``dora``, ``loha`` and so on.",
    "d_out": "Rows of the update.",
    "d_in": "Columns of the update.",
    "alpha": "α, where there is one.",
    "scale": "What B · A is multiplied by.",
    "scale_source": "How that is known.",
    "effective_rank": "#{σᵢ > 0.01 σ₁}.",
    "effective_rank_10": "#{σᵢ > 0.1 σ₁}.",
    "entropy_rank": "exp(−Σ p ln p) with p = σᵢ/Σσ.",
    "stable_rank": "‖ΔW‖_F²/σ₁².",
    "energy_rank_90": "The least k with 90% of Σσ².",
    "energy_rank_95": "The least k with 95% of Σσ².",
    "energy_rank_99": "The least k with 99% of Σσ².",
    "frobenius_norm": "‖ΔW‖_F.",
    "spectral_norm": "σ₁.",
    "modules": "A row a module, in the order of the adapter; or how many there are.",
    "sha256": "Of its bytes, in hexadecimal.",
    "adapter": "The adapter's name.",
    "status": "What the rules make of it.",
    "reason": "Why something is null, or was not done.",
    "created": "When it was written, in UTC.",
    "start": "When it begins, in UTC.",
    "end": "When it ends, in UTC.",
    "time": "In UTC.",
    "p": "The p-value.",
    "low": "The lower end of the interval.",
    "high": "The upper end of the interval.",
    "step": "The step of the training.",
}
"""What fields of these names are in any type that says nothing else of them."""

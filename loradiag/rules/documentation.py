"""What a rule says of itself, for ``loradiag rule`` and for the rule pages: both come from the rule alone."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loradiag.core.rules import Rule
from loradiag.rules.measured import measured

FAMILIES = {
    "1": "integrity",
    "2": "spectrum",
    "3": "scale and norm",
    "4": "coverage",
    "5": "identity and provenance",
    "6": "merge",
    "7": "forgetting",
    "8": "traffic",
    "9": "training log",
}


def listing(rules: Sequence[Rule]) -> str:
    """One line a rule, by family."""
    lines, family = [], ""
    for rule in rules:
        if rule.code[2] != family:
            family = rule.code[2]
            lines += ["", f"LD{family}xx  {FAMILIES[family]}"]
        lines.append(f"  {rule.code}  {rule.severity.value:8} {rule.name:28} {rule.summary}")
    return "\n".join([*lines[1:], "", "loradiag rule CODE explains one.", ""])


def as_text(rule: Rule) -> str:
    """The documentation of one rule as plain text."""
    head = f"{rule.code} {rule.name}\n{rule.severity.value}, confidence {rule.confidence.value}\n"
    body = "\n".join(_plain(line) for line in rule.documentation.splitlines())
    parts = [head, body, "", "ADVICE", rule.advice, "", "SOURCE", rule.source]
    rates = measured(rule.code)
    parts += ["", "MEASURED", rates] if rates else []
    if rule.thresholds:
        parts += ["", "THRESHOLDS (in a policy: [thresholds." + rule.code + "])"]
        parts += [f"  {t.name} = {t.default:g}   {t.description}\n      from: {t.source}" for t in rule.thresholds]
    return "\n".join(parts) + "\n"


def _plain(line: str) -> str:
    return line[3:].upper() if line.startswith("## ") else line.replace("``", "")


def as_markdown(rule: Rule) -> str:
    """The documentation of one rule as a section of Markdown."""
    lines = [f"## {rule.code} {rule.name}", "", f"*{rule.severity.value}, confidence {rule.confidence.value}*", ""]
    lines += [
        "#" + line if line.startswith("## ") else line.replace("``", "`") for line in rule.documentation.splitlines()
    ]
    lines += ["", f"**Advice.** {rule.advice}", "", f"**Source.** {rule.source}", ""]
    rates = measured(rule.code)
    lines += [f"**Measured.** {rates}", ""] if rates else []
    if rule.thresholds:
        lines += ["| threshold | default | meaning | source |", "|---|---|---|---|"]
        lines += [f"| `{t.name}` | {t.default:g} | {t.description} | {t.source} |" for t in rule.thresholds]
        lines.append("")
    return "\n".join(lines)


def as_json(rules: Sequence[Rule]) -> str:
    """All that is known of rules, for other programs."""
    rows = [
        {
            "code": rule.code,
            "name": rule.name,
            "severity": rule.severity.value,
            "confidence": rule.confidence.value,
            "summary": rule.summary,
            "documentation": rule.documentation,
            "advice": rule.advice,
            "source": rule.source,
            "measured": measured(rule.code),
            "makes_inconclusive": rule.undecided,
            "thresholds": [
                {"name": t.name, "default": t.default, "description": t.description, "source": t.source}
                for t in rule.thresholds
            ],
        }
        for rule in rules
    ]
    return msgspec.json.format(msgspec.json.encode(rows)).decode() + "\n"

"""A page for every rule, from what the rule says of itself, and their index by family."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.rules import Rule
from loradiag.rules import all_rules
from loradiag.rules.documentation import FAMILIES, as_markdown
from making.prose import from_docstring, table


def address(rule: Rule) -> str:
    """Where its page lies below ``rules/``."""
    return f"{rule.code}.md"


def page_of(rule: Rule, more: str = "") -> str:
    """The page of one rule; ``more`` says where it is measured."""
    head, *body = as_markdown(rule).split("\n")
    lines = [head.removeprefix("#"), "", f"Family: {FAMILIES[rule.code[2]]}.", ""]
    lines += [line.removeprefix("#") if line.startswith("### ") else line for line in body]
    if rule.undecided:
        lines += [
            "A finding of this rule makes the verdict *inconclusive*, unless it, or another one, fails the gate.",
            "",
        ]
    lines += ["## In a policy", "", "```toml", *_policy(rule), "```", "", "See [the policy](../policy.md).", ""]
    return "\n".join([*lines, more])


def _policy(rule: Rule) -> Iterable[str]:
    yield from (
        (f"[thresholds.{rule.code}]", *(f"{t.name} = {t.default:g}" for t in rule.thresholds), "")
        if (rule.thresholds)
        else ()
    )
    other = "warning" if rule.severity.value == "error" else "error"
    yield from ("[severity]", f'{rule.code} = "{other}"          # {rule.severity.value} unless you say otherwise', "")
    yield from ("[[ignore]]", f'code = "{rule.code}"', 'reason = "why it does not matter here"', "expires = 2027-06-30")


def rows_of(rules: Iterable[Rule], below: str) -> list[str]:
    """A table of rules whose pages lie at ``below``."""
    return table(
        ("rule", "severity", "what it says"),
        (
            (f"[{rule.code} {rule.name}]({below}{address(rule)})", rule.severity.value, from_docstring(rule.summary))
            for rule in rules
        ),
    )


def index() -> str:
    """All rules, by family."""
    rules = all_rules()
    lines = [
        "# Rules",
        "",
        f"{len(rules)} rules. A rule sees measurements and no tensors; its page is its own docstring.",
        "",
    ]
    lines += [
        "A code is never used again. Severity: `error` would harm or be useless if shipped, `warning` deserves a look,"
    ]
    lines += ["`info` is worth knowing. Confidence is told apart from it: how sure the rule can be that it is so.", ""]
    for digit, family in FAMILIES.items():
        lines += [f"## LD{digit}xx {family}", ""]
        lines += rows_of((rule for rule in rules if rule.code[2] == digit), "")
    return "\n".join(lines)


def thresholds() -> str:
    """Every threshold of every rule, with its default and where that comes from."""
    rows = []
    for rule in all_rules():
        for limit in rule.thresholds:
            place = f"[{rule.code}](rules/{address(rule)})"
            rows.append((place, f"`{limit.name}`", f"{limit.default:g}", limit.description, limit.source))
    return "\n".join(table(("rule", "threshold", "default", "what it is", "where it comes from"), rows))

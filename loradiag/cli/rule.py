"""``loradiag rule``."""

from __future__ import annotations

import click


@click.command(epilog="Examples: loradiag rule    loradiag rule LD107    loradiag rule dead-modules")
@click.argument("code", required=False)
@click.option(
    "--format", "format_", type=click.Choice(["text", "markdown", "json"]), default="text", help="[default: text]"
)
def rule(code: str | None, format_: str) -> None:
    """Explain the rule called CODE (or by its name); without one, list all rules."""
    from loradiag.rules import all_rules, find_rule
    from loradiag.rules.documentation import as_json, as_markdown, as_text, listing

    rules = [find_rule(code)] if code else list(all_rules())
    if format_ == "json":
        text = as_json(rules)
    elif format_ == "markdown":
        text = ("" if code else "# Rules\n\n") + "\n".join(as_markdown(each) for each in rules)
    else:
        text = as_text(rules[0]) if code else listing(rules)
    click.echo(text, nl=False)

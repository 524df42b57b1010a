"""``loradiag serve-check``: adapters behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import output_options

if TYPE_CHECKING:
    from loradiag.cli.emit import Output


@click.command(
    "serve-check",
    epilog="""\b
Examples:
  loradiag serve-check http://localhost:8000
  loradiag serve-check http://localhost:8000 --adapters support,billing --prompts support_prompts.jsonl
  loradiag inspect support/ -o support.json; loradiag serve-check http://localhost:8000 --report support.json
  loradiag serve-check https://llm.example.org/v1 --adapters a,b --base llama --chat --key-env LLM_KEY -o served.html""",
)
@click.argument("url", metavar="URL")
@click.option("--adapters", metavar="A,B", help="Names to ask. [default: what the server lists as adapters]")
@click.option("--base", metavar="NAME", help="The base's name there. [default: what the server says of each adapter]")
@click.option(
    "--prompts",
    metavar="FILE",
    type=click.Path(path_type=str),
    help="Prompts of the adapters' own domain: to others an adapter may rightly answer as its base. [default: neutral ones]",
)
@click.option("--field", metavar="NAME", help="Where in a record of FILE the prompt is.")
@click.option("--limit", type=int, default=32, metavar="N", help="Prompts at most. [default: 32]")
@click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="[NAME=]FILE",
    help="An inspect report on an adapter, which tells what to expect of it; may be repeated.",
)
@click.option("--chat/--completions", default=None, help="Which API. [default: what the server answers]")
@click.option("--key-env", metavar="NAME", help="Environment variable that holds the key. [default: OPENAI_API_KEY]")
@click.option("--max-tokens", type=int, default=24, metavar="N", help="Of each answer. [default: 24]")
@click.option("--rounds", type=int, default=2, metavar="N", help="Times each prompt is asked under load. [default: 2]")
@click.option("--concurrency", type=int, default=8, metavar="N", help="Requests at once under load. [default: 8]")
@click.option(
    "--switches",
    type=int,
    default=8,
    metavar="N",
    help="Switches to each, to time the first token; 0: none. [default: 8]",
)
@click.option("--timeout", type=float, default=60.0, metavar="SECONDS", help="For one answer. [default: 60]")
@click.option(
    "--max-requests", type=int, default=6500, metavar="N", help="Ask nothing where more are needed. [default: 6500]"
)
@click.option("--seed", type=int, default=0, metavar="N", help="Of the order under load. [default: 0]")
@click.option("--show-text", is_flag=True, help="Keep texts of answers that changed; else hashes and lengths.")
@click.option("-v", "--verbose", is_flag=True, help="Show every adapter, and examples.")
@output_options
def serve_check(
    url: str,
    *,
    adapters: str | None,
    chat: bool | None,
    verbose: bool,
    output: Output,
    **options: Any,
) -> None:
    """Ask the OpenAI-compatible endpoint URL whether its adapters are served.

    Each adapter answers; gives other answers than its base; gives its own answers also while others are asked; and how long the
    first token takes after a switch. Every prompt is asked alone first, twice, since servers that round do not always say the
    same: answers are held against that. Exit 1 where an adapter is not served as itself.
    """
    from loradiag.api import serve_check as run
    from loradiag.cli.progress import Bar

    names = [name.strip() for name in (adapters or "").split(",") if name.strip()]
    if adapters is not None and not names:
        raise click.BadParameter("names, with commas between them", param_hint="--adapters")
    output.check_places()
    with Bar(enabled=not output.quiet, unit="requests") as bar:
        report = run(
            url,
            names,
            api="auto" if chat is None else "chat" if chat else "completions",
            policy=output.policy,
            progress=bar.total,
            **options,
        )
    output.emit([report], verbose=verbose)
    output.end([report])

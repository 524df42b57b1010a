"""``loradiag forgetting``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import output_options, pickle_option, remote_code_option, revision_option
from loradiag.cli.pairs import name_and_value
from loradiag.core.errors import EXIT_INTERRUPTED, UsageError
from loradiag.core.text import printable

if TYPE_CHECKING:
    from loradiag.cli.emit import Output
    from loradiag.core.policy import Policy


@click.command(
    "forgetting",
    epilog="""\b
Examples:
  loradiag forgetting models/base/ my_adapter/ --tasks hellaswag,arc_easy,mmlu
  loradiag forgetting models/base/ my_adapter/ --tasks 'toy_*' --include-path fixtures/tasks -o report.html -o report.json
  loradiag forgetting models/base/ my_adapter/ --tasks hellaswag --route nf4          # as it will be served
  loradiag forgetting models/base/ a/ b/ c/ --text held_out.jsonl --domain-text domain.jsonl
  loradiag forgetting models/base/ my_adapter/ --tasks hellaswag --domain-text domain.jsonl --sweep --write weaker/
  loradiag forgetting models/base/ my_adapter/ --tasks hellaswag --training-data train.jsonl --control-text held_out.jsonl
  loradiag forgetting models/base/ my_adapter/ --tasks mmlu --margin 0.03 --margin mmlu_law=0.10""",
)
@click.argument("base", metavar="BASE", type=click.Path(path_type=str))
@click.argument("adapters", metavar="ADAPTER...", nargs=-1, required=True, type=click.Path(path_type=str))
@click.option(
    "--tasks",
    multiple=True,
    metavar="NAMES",
    help="Tasks, groups or tags of lm-evaluation-harness, with commas between them; * stands for anything.",
)
@click.option(
    "--include-path",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=str),
    help="A folder of task definitions of your own (YAML); may be repeated.",
)
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=str),
    help="Compare perplexity on this file: JSONL, JSON, plain text, CSV, Parquet; may be repeated.",
)
@click.option(
    "--domain-text",
    metavar="FILE",
    type=click.Path(path_type=str),
    help="Text of what the adapter was trained for: shows what was gained; not judged.",
)
@click.option(
    "--training-data",
    metavar="FILE",
    type=click.Path(path_type=str),
    help="What the adapter was trained on: is it recited? Needs --control-text.",
)
@click.option(
    "--control-text",
    metavar="FILE",
    type=click.Path(path_type=str),
    help="With --training-data: text of the same kind that was not trained on. [default: --domain-text]",
)
@click.option("--field", metavar="NAME", help="Where in a record of a text file the text is (a.b for nested ones).")
@click.option(
    "--margin",
    "margins",
    multiple=True,
    metavar="[TASK=]SHARE",
    help="The share of the base's score that may be lost. [default: 0.05; or as the policy says]",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="TASK=NAME",
    help="The metric that a task is judged by. [default: its first]",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Documents of each task and file at most.")
@click.option("-n", "--num-fewshot", type=click.IntRange(0), metavar="N", help="Examples before each document.")
@click.option("--apply-chat-template", is_flag=True, help="Put prompts through the tokenizer's chat template.")
@click.option(
    "--cluster", metavar="FIELD", help="The field of documents that names their source. [default: passage, article, …]"
)
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="ROUTE",
    help="Evaluate what is served too: bf16, nf4, nf4-inplace, … (see merge-drift); may be repeated. It is judged then.",
)
@click.option("--sweep", is_flag=True, help="Look for a weaker form that keeps more of the base; needs --domain-text.")
@click.option(
    "--candidate",
    "candidates",
    multiple=True,
    metavar="FORM",
    help="With --sweep: scale:0.5 (base + 0.5·Δ), rank:8, intruders:0.75; may be repeated. [default: a grid]",
)
@click.option(
    "--write",
    metavar="DIR",
    type=click.Path(path_type=str),
    help="With --sweep: write the chosen form, a PEFT adapter.",
)
@click.option("--force", is_flag=True, help="With --write: replace the adapter that lies in DIR.")
@click.option("--trained-on", metavar="PRECISION", help="The base during training: bf16, fp16, fp32, nf4, fp4, int8.")
@click.option(
    "--tokenizer", metavar="DIR", type=click.Path(path_type=str), help="Tokenizer for base and adapter alike."
)
@click.option("--device", default="cpu", metavar="DEVICE", help="Where the model runs. [default: cpu]")
@click.option("--device-map", metavar="auto", help="Spread the model over all GPUs, memory and disk, by accelerate.")
@click.option("--compute", metavar="TYPE", help="What it computes in: fp32, bf16, fp16. [default: fp32 on a CPU]")
@click.option("--batch", type=click.IntRange(1), default=16, metavar="N", help="Requests at once. [default: 16]")
@click.option("--max-length", type=click.IntRange(2), metavar="N", help="Tokens of a request at most.")
@click.option("--backend", default="transformers", metavar="NAME", help="transformers or vllm. [default: transformers]")
@click.option(
    "--examples",
    type=click.IntRange(0),
    default=5,
    metavar="N",
    help="Changed documents to show, each way. [default: 5]",
)
@click.option("--cache/--no-cache", default=True, help="Remember the base's answers. [default: on; see loradiag cache]")
@click.option("--fit/--no-fit", default=True, help="Look whether the adapter was trained on this base. [default: on]")
@revision_option
@pickle_option
@remote_code_option
@click.option("--confirm-run-unsafe-code", is_flag=True, help="Run code that the model writes, for tasks that do.")
@click.option("-v", "--verbose", is_flag=True, help="Show every metric, and the documents that changed.")
@output_options
def forgetting(
    base: str,
    adapters: tuple[str, ...],
    *,
    tasks: tuple[str, ...],
    margins: tuple[str, ...],
    metrics: tuple[str, ...],
    verbose: bool,
    output: Output,
    **options: Any,
) -> None:
    """Say what ADAPTER made BASE forget: the same questions to both, compared document by document.

    Tasks are those of lm-evaluation-harness. Each is safe, forgot or inconclusive against a margin, with the number of
    documents that would decide. The base's answers are remembered, and an interrupted run goes on where it stopped.
    """
    from loradiag.api import InterruptedRunError, forgetting_all
    from loradiag.cli.progress import Bar

    output.check_places(options["write"])
    policy = with_margins(output.policy, margins)
    named = [name for word in tasks for name in word.split(",") if name]
    code = 0
    with Bar(enabled=not output.quiet) as bar:
        try:
            reports = forgetting_all(
                base,
                adapters,
                tasks=named,
                metrics=dict(_split("--metric", word) for word in metrics),
                policy=policy,
                progress=bar.total,
                **options,
            )
        except InterruptedRunError as stopped:
            reports, code = stopped.reports, EXIT_INTERRUPTED
        except KeyboardInterrupt:
            _tell_interrupted()
            sys.exit(EXIT_INTERRUPTED)
    output.emit(reports, verbose=verbose)
    if code:
        _tell_interrupted()
    output.end(reports, code)


def _tell_interrupted() -> None:
    click.echo("loradiag: interrupted; what was finished is kept, and the same command goes on from there", err=True)


def _split(option: str, word: str) -> tuple[str, str]:
    name, value = name_and_value(option, word, "TASK=VALUE")
    if not value:
        raise UsageError(f"{option} {printable(word)}: write TASK=VALUE")
    return name, value


def with_margins(policy: Policy, margins: Sequence[str]) -> Policy:
    """The policy with the margins of the command line in force.

    Raises:
        UsageError: One is no share.
    """
    import msgspec

    from loradiag.core.abilities import RULE

    limits = dict(policy.thresholds.get(RULE, {}))
    for word in margins:
        name, _, value = word.rpartition("=")
        try:
            share = float(value)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise UsageError(f"--margin {printable(word)}: a share of the base's score from 0 to 1, such as 0.05")
        limits[f"margin.{name}" if name else "margin"] = share
    return msgspec.structs.replace(policy, thresholds={**policy.thresholds, RULE: limits}) if margins else policy

"""``loradiag merge-drift``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from loradiag.cli.options import output_options, pickle_option, remote_code_option, revision_option
from loradiag.core.errors import EXIT_GATE_FAILED, EXIT_INTERRUPTED, EXIT_OK, UsageError
from loradiag.core.text import printable

if TYPE_CHECKING:
    from loradiag.cli.emit import Output
    from loradiag.cli.progress import Bar
    from loradiag.core.report import Report


@click.command(
    "merge-drift",
    epilog="""\b
Examples:
  loradiag merge-drift models/base/ my_adapter/                        # weights only: no model is run
  loradiag merge-drift models/base/ my_adapter/ --prompts prompts.jsonl
  loradiag merge-drift models/base/ my_adapter/ --route nf4 --prompts prompts.jsonl -o report.html -o report.json
  loradiag merge-drift models/base/ my_adapter/ --route bf16 --save merged/
\b
Routes: bf16, fp16, fp32 (the control); nf4, fp4, int8 (fold into 16 bits, then quantize); nf4-inplace … (PEFT's merge into
a quantized base); bf16-from-nf4 … (dequantized base); fp8-e4m3; q8_0, q4_0 (GGUF).""",
)
@click.argument("base", metavar="BASE", type=click.Path(path_type=str))
@click.argument("adapter", metavar="ADAPTER", type=click.Path(path_type=str))
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="ROUTE",
    help="A way to deploy that must keep the adapter; may be repeated. [default: measure all; one must keep it]",
)
@click.option(
    "--prompts",
    metavar="FILE",
    type=click.Path(path_type=str),
    help="Measure outputs too, on these texts: JSONL, JSON, plain text, CSV, Parquet; - is standard input.",
)
@click.option("--field", metavar="NAME", help="Where in a record of --prompts the text is (a.b for nested ones).")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Samples of --prompts at most.")
@click.option(
    "--trained-on",
    metavar="PRECISION",
    help="The base during training: bf16, fp16, fp32, nf4 (QLoRA), fp4, int8. [default: guessed, and said so]",
)
@click.option(
    "--block-size", type=int, default=64, metavar="N", help="Values that share a scale in 4 bits. [default: 64]"
)
@click.option(
    "--double-quant/--no-double-quant", "double_quantization", default=True, help="Quantize these scales. [default: on]"
)
@click.option("--device", default="cpu", metavar="DEVICE", help="Where to fold and to run the model. [default: cpu]")
@click.option(
    "--compute", metavar="TYPE", help="What the model computes in: fp32, bf16, fp16. [default: fp32 on a CPU]"
)
@click.option("--max-length", type=int, default=1024, metavar="N", help="Tokens of a sample at most. [default: 1024]")
@click.option("--batch-tokens", type=int, default=4096, metavar="N", help="Tokens of a batch at most. [default: 4096]")
@click.option(
    "--baseline",
    metavar="REPORT",
    type=click.Path(path_type=str),
    help="Fail where less is kept than this report says.",
)
@click.option(
    "--save", metavar="DIR", type=click.Path(path_type=str), help="Write the merged checkpoint, read back and checked."
)
@click.option(
    "--save-route", metavar="ROUTE", help="With --save: which. [default: the only --route, else the recommended]"
)
@click.option("--force", is_flag=True, help="With --save: replace the checkpoint that lies in DIR.")
@click.option("--fit/--no-fit", default=True, help="Look whether the adapter was trained on this base. [default: on]")
@revision_option
@pickle_option
@remote_code_option
@click.option("-v", "--verbose", is_flag=True, help="Show every module of every route.")
@output_options
def merge_drift(
    base: str,
    adapter: str,
    *,
    save: str | None,
    save_route: str | None,
    force: bool,
    verbose: bool,
    output: Output,
    **options: Any,
) -> None:
    """Say what survives of ADAPTER if it is folded into BASE and stored in 16, 8 or 4 bits, and how to deploy it.

    Weights are folded and quantized as users' tools do it, tensor by tensor; with --prompts the model runs too, unmerged
    and along every route. Finished parts of an interrupted run are kept: the same command goes on from there.
    """
    from loradiag.api import merge_drift as measure
    from loradiag.cli.emit import exit_code, tell_unused
    from loradiag.cli.progress import Bar

    if save is None and (save_route is not None or force):
        raise UsageError("--save-route and --force say what to write where: name the directory with --save")
    output.check_places()
    if save is not None:
        from loradiag.saving.save import check_place

        check_place(save, base, adapter, force=force)
    with Bar(enabled=not output.quiet) as bar:
        try:
            report = measure(base, adapter, policy=output.policy, progress=bar.stage, **options)
        except KeyboardInterrupt:
            click.echo(
                "loradiag: interrupted; what was finished is kept, and the same command goes on from there", err=True
            )
            sys.exit(EXIT_INTERRUPTED)
        output.emit([report], verbose=verbose)
        tell_unused([report])
        code = exit_code([report])
        if save is not None:
            code = _save(base, adapter, save, report, bar, options, route=save_route, force=force) or code
    sys.exit(code)


def _save(base: str, adapter: str, place: str, report: Report, bar: Bar, options: Mapping[str, Any], **how: Any) -> int:
    """Write the merged checkpoint, if there is one to write: 0, or 1 if not."""
    from loradiag.saving.save import chosen, save_merged

    try:
        chosen(report, how["route"])
    except UsageError as error:
        click.echo(f"loradiag: {error}", err=True)
        return EXIT_GATE_FAILED
    saved = save_merged(
        base,
        adapter,
        place,
        report,
        revision=options["revision"],
        allow_pickle=options["allow_pickle"],
        progress=bar.stage,
        **how,
    )
    click.echo(
        f"loradiag: {printable(saved.path)}: {saved.route}, {saved.bytes / 1e6:,.1f} MB, read back and checked",
        err=True,
    )
    return EXIT_OK

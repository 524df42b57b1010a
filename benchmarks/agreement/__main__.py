"""Compute every family of numbers a second time, and say how far apart the two are.

python -m benchmarks.agreement [--quick] [--write]

From the project's root; ``--write`` puts the table into docs/agreement.md. Ends with 1 where something does not agree.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

import argparse
import sys
from collections.abc import Iterator, Sequence

from benchmarks.agreement.rows import Agreement
from benchmarks.tables import markdown
from benchmarks.validity.page import ROOT, put_between_markers, today


def agreements(*, quick: bool = False) -> Iterator[Agreement]:
    """All of them."""
    from benchmarks.agreement.inference import inference
    from benchmarks.agreement.outputs import outputs
    from benchmarks.agreement.updates import updates

    yield from updates(quick=quick)
    yield from outputs(quick=quick)
    yield from inference(quick=quick)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.agreement", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="few cases, no lm-eval")
    parser.add_argument("--write", action="store_true", help="write docs/agreement.md")
    options = parser.parse_args(arguments)
    rows = list(agreements(quick=options.quick))
    text = f"Measured on {today()}.\n\n{table(rows)}"
    print(text)
    if options.write:
        put_between_markers(ROOT / "docs" / "agreement.md", text)
    return 0 if all(row.holds for row in rows) else 1


def table(rows: Sequence[Agreement]) -> str:
    """The rows as Markdown."""
    head = ("quantity", "beside", "cases", "largest difference", "tolerance", "agrees")
    return markdown(
        head,
        (
            [
                row.quantity,
                row.source,
                f"{row.cases:,}",
                f"{row.difference:.1e}" + (" (relative)" if row.relative else ""),
                f"{row.tolerance:.2g}",
                "yes" if row.holds else "**NO**",
            ]
            for row in rows
        ),
    )


if __name__ == "__main__":
    sys.exit(main())

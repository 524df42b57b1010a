"""A demonstration, part by part, each with the commands that would do the same."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from loradiag.demo import folder as marks
from loradiag.demo import records, traffic, weights
from loradiag.demo.kept import REPORTS
from loradiag.demo.month import Month
from loradiag.demo.source import fixtures

Told = Callable[[str, int, int], None]


class Part(msgspec.Struct, frozen=True):
    """Something that a demonstration holds.

    Attributes:
        title: What it is.
        commands: What makes it, as typed in the folder.
        note: What else is to be known of it.
    """

    title: str
    commands: tuple[str, ...] = ()
    note: str = ""


LAID_OUT = Part("adapters/, incoming/, base/, encoder/, data/, tasks/: toys, copied")
INSPECTED = Part(
    "reports of single adapters",
    (
        "loradiag inspect adapters/ledger --base base -o reports/inspect-ledger.json",
        "loradiag inspect incoming/* -o reports/inspect-incoming.json",
    ),
    "earlier checkpoints lay in adapters/ledger before; a few adapters were inspected beforehand",
)
COMPARED = Part(
    "adapters beside each other, and the checkpoints of one run",
    (
        "loradiag compare adapters/ledger adapters/grammar -o reports/compare-ledger-grammar.json",
        "loradiag compare adapters/ledger_run -o reports/trajectory.json",
    ),
)
SCANNED = Part("all adapters together", ("loradiag fleet adapters incoming -o reports/fleet.json",))
UNPACKED = Part(
    "merges and forgetting",
    (
        "loradiag merge-drift base adapters/ledger --prompts data/ledger_heldout.jsonl --limit 100 "
        "-o reports/merge-ledger.json",
        "loradiag forgetting base adapters/chant --tasks 'toy_*' --include-path tasks --text data/base_heldout.jsonl "
        "--domain-text data/chant_heldout.jsonl --route bf16 --route nf4 --sweep -o reports/forgetting-chant.json",
    ),
    "made beforehand: these take half a minute an adapter, and loradiag[forgetting]",
)
BASELINES = Part(
    "baselines/: what traffic should look like",
    (
        "loradiag drift baseline adapters/ledger --data data/ledger_train.jsonl --encoder encoder --keep-text "
        "-o baselines/ledger",
    ),
)
LIVED = Part(
    "lake/: a month of requests, watched day by day",
    (
        "loradiag traffic ingest logs/*.jsonl --lake lake --encoder encoder --base-model base --keep-text",
        "loradiag drift watch --lake lake --baseline baselines --once -o reports/watch.json",
        "loradiag drift alarms --lake lake --acknowledge 3 --by jon --why 'routing is mended on Friday'",
        "loradiag drift check --lake lake --baseline baselines --window 7d --show-text -o reports/drift-week.json",
    ),
)
CHECKED = Part(
    "every day of the month by itself",
    ("loradiag drift check --lake lake --baseline baselines --last all --show-text -o reports/drift-days.json",),
)
RECORDED = Part(
    "registry/: owners, stages and results of every adapter",
    (
        "loradiag registry add reports/*-inspect-* --registry registry/registry.sqlite",
        "loradiag registry set adapters/ledger --owner mira --stage staging --registry registry/registry.sqlite",
    ),
    "where loradiag[registry] is installed",
)

PARTS = (LAID_OUT, INSPECTED, COMPARED, SCANNED, UNPACKED, BASELINES, LIVED, CHECKED, RECORDED)


def make_demo(folder: Path, told: Told) -> None:
    """Make a demonstration, or leave a finished one as it is.

    Args:
        folder: Empty, absent, or one that holds a demonstration; an interrupted one is begun anew.
        told: Told what is being made, the parts of it that are done, and their number.

    Raises:
        InputError: The data that it is made from is missing.
        MissingExtraError: A package of the drift extra is not installed.
        UsageError: The folder holds other things, or cannot be written.
    """
    if marks.finished(folder):
        return
    source = fixtures()
    marks.begin(folder)
    month = Month()
    with _inside(folder):
        for part, make in _steps(source, month, told):
            told(part.title, 0, 0)
            make()
    marks.finish(folder)


def _steps(source: Path, month: Month, told: Told) -> Iterator[tuple[Part, Callable[[], None]]]:
    yield LAID_OUT, partial(weights.lay_out, source)
    yield INSPECTED, partial(weights.inspect_each, source, month)
    yield COMPARED, partial(weights.compare_some, month)
    yield SCANNED, partial(weights.scan_all, month)
    yield UNPACKED, partial(weights.unpack, source, month)
    yield BASELINES, partial(traffic.make_baselines, month)
    yield LIVED, partial(traffic.live_through, source, month, partial(told, LIVED.title))
    yield CHECKED, partial(traffic.check_days, month)
    if records.can_record():
        yield RECORDED, records.record


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Paths are said as in the commands; nothing is remembered outside of the folder, nor asked of the network."""
    changes = {"LORADIAG_CACHE": str(folder.resolve() / "cache"), "HF_HUB_OFFLINE": "1"}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        with contextlib.chdir(folder):
            REPORTS.mkdir()
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

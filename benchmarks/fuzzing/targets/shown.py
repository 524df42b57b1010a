"""What is made of reports: judged anew, shown in every format, shelved, recorded in a registry and exported from it."""

from __future__ import annotations

import csv
import functools
import io
import json
import tempfile
from contextlib import suppress
from pathlib import Path

from benchmarks.fuzzing.mutating import as_json
from benchmarks.fuzzing.showing import harmless
from benchmarks.fuzzing.targets import Target
from benchmarks.fuzzing.targets.kinds import named, reports
from loradiag.api.judging import judge
from loradiag.api.registry import Registry, open_registry
from loradiag.core.errors import LoradiagError
from loradiag.core.report import decode
from loradiag.core.text import printable
from loradiag.outputs import FORMATS, renderer
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.registry import list_text
from loradiag.overview.roster import roster
from loradiag.overview.shelf import Shelf
from loradiag.registry.exporting import TABLES

_STYLES = (Style(), Style(verbose=True, width=60, measure="spectral_norm"))
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def _judged(data: bytes, _: Path) -> None:
    """As ``loradiag judge REPORT`` in every format; the size of the input says how."""
    found = [judge(report) for report in decode(data, "report.json")]
    for name in FORMATS:
        harmless(name, renderer(name)(found, _STYLES[len(data) % 2]))


def _shelf(data: bytes, folder: Path) -> None:
    """As the dashboard reads a folder of reports."""
    (folder / "report.json").write_bytes(data)
    shelf = Shelf(folder)
    shelf.refresh()
    assert all(printable(problem) == problem for problem in shelf.flawed.values())
    for card in shelf.cards:
        shelf.report(card)
    for row in roster(shelf.cards):
        assert printable(row.why) == row.why


def _recorded(data: bytes, folder: Path) -> None:
    """As ``registry add REPORT`` records it, and what is listed, shown and exported then."""
    found = decode(data, "report.json")
    place = folder / "registry.sqlite"
    for ending in ("-wal", "-shm"):
        place.with_name(place.name + ending).unlink(missing_ok=True)
    place.write_bytes(_empty_registry())
    with open_registry(place, create=False) as registry:
        done = registry.record([(report, None, None) for report in found], who="me")
        assert all(printable(row.problem or "") == (row.problem or "") for row in done)
        look(registry, len(data))


def look(registry: Registry, number: int) -> None:
    """List, show, rank and check all that a registry has, and export it: as JSON, and the table of a number as CSV."""
    rows = registry.ls()
    harmless("table", list_text(rows, Style()))
    for row in rows:
        told = registry.show(row.sha256)
        for report in told.reports:
            registry.report(row.sha256, str(report.number))
        for task in {one.task for one in told.evaluations}:
            with suppress(LoradiagError):
                registry.best(task)
    for report in registry.check():
        harmless("json", renderer("json")([report], Style()))
    harmless("document", str(registry.export("json", documents=True)))
    text = str(registry.export("csv", TABLES[number % len(TABLES)]))
    for cells in csv.reader(io.StringIO(text)):
        assert not any(cell.startswith(_FORMULAS) and not _is_number(cell) for cell in cells), "a formula"
        assert all(printable(cell) == cell for cell in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@functools.cache
def _empty_registry() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "registry.sqlite")
        open_registry(place).close()
        return place.read_bytes()


def _of_weights() -> list[bytes]:
    """The same reports, each of some weights: others are refused by a registry at once."""
    found = []
    for number, data in enumerate(reports()):
        document = json.loads(data)
        while "reports" in document:
            document = document["reports"][-1]
        for one in [document]:
            one["subject"]["sha256"] = f"{number:064x}"
        found.append(json.dumps(document).encode())
    return found


TARGETS = {
    "judged": Target(_judged, reports, as_json, 1 << 17),
    "named": Target(_judged, reports, named, 1 << 19),
    "shelf": Target(_shelf, reports, as_json, 1 << 17),
    "recorded": Target(_recorded, _of_weights, as_json, 1 << 17),
}

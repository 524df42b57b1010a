"""One target in a process of its own: bounded in memory, and ended where an input takes too long."""

from __future__ import annotations

import faulthandler
import json
import mmap
import os
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

from benchmarks.fuzzing import engines
from benchmarks.fuzzing.targets import Target
from loradiag.core.errors import LoradiagError
from loradiag.core.text import printable

LIMIT = 20.0
"""Seconds that an input may take before it is called a hang."""

MEMORY = 1 << 30
"""Bytes of addresses that a target may take beyond what its imports and its first input took."""

_ROOM = 1 << 21
_ALONE = {
    "HF_HUB_OFFLINE": "1",
    "LORADIAG_THREADS": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RUST_BACKTRACE": "0",
    "TOKENIZERS_PARALLELISM": "false",
}
"""The environment, with a cache and a folder for temporary files of its own: nothing of the user's is read or written, nothing
waits for a network, and one core is enough."""


class Tally:
    """What became of inputs: results, errors that loradiag foresees, and what should not have happened, each kind once.

    Args:
        place: A folder for the input in hand, which outlives the process, and for those that ended as none should.
        inputs: How many there will be.
    """

    def __init__(self, place: Path, inputs: int) -> None:
        self.place, self._inputs = place, inputs
        self.done = self.results = self.refusals = 0
        self.slowest = 0.0
        self.escaped: dict[str, int] = {}
        self.first = self.peak = 0
        self._began = time.monotonic()
        with (place / "in-hand").open("wb+") as file:
            file.truncate(_ROOM)
            self._hand = mmap.mmap(file.fileno(), _ROOM)

    def once(self, target: Target) -> Callable[[bytes], None]:
        """Make of a target what takes an input."""
        folder = self.place / "work"
        folder.mkdir(exist_ok=True)
        self.write()  # what does not come to its first 500 inputs has said something too
        run = target.run

        def take(data: bytes) -> None:
            self._hand[: 8 + len(data)] = len(data).to_bytes(8, "little") + data
            faulthandler.dump_traceback_later(LIMIT, exit=True)
            began = time.perf_counter()
            try:
                run(data, folder)
                self.results += 1
            except LoradiagError as error:
                self.refusals += 1
                if printable(str(error)) != str(error):
                    self._escape(error, data, "a message that is no plain line: ")
            except KeyboardInterrupt:
                raise
            except (
                BaseException
            ) as error:  # Rust's panics are no Exception, and nothing that is read may end the program
                self._escape(error, data)
            faulthandler.cancel_dump_traceback_later()
            self._counted(time.perf_counter() - began)

        return take

    def _counted(self, seconds: float) -> None:
        self.done += 1
        self.slowest = max(self.slowest, seconds)
        if self.done in (1, 20) or self.done % 500 == 0:
            self.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            if self.done == 20:
                self.first = self.peak
                taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
        if self.done % 500 == 0 or self.done >= self._inputs:  # atheris ends the process without a word
            self.write()

    def _escape(self, error: BaseException, data: bytes, what: str = "") -> None:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "fuzzing/child" not in frame.filename]
        ours = [frame for frame in frames if "/loradiag/" in frame.filename] or frames
        where = f"{ours[-1].filename.partition('/loradiag/')[2] or ours[-1].filename}:{ours[-1].lineno}"
        key = f"{what}{type(error).__name__} at {where}"
        if key not in self.escaped:
            name = f"escaped-{len(self.escaped)}"
            (self.place / name).write_bytes(data)
            (self.place / f"{name}.txt").write_text(
                key + "\n" + "".join(traceback.format_exception(error)), errors="backslashreplace"
            )
        self.escaped[key] = self.escaped.get(key, 0) + 1

    def write(self) -> None:
        """Say how far it has come."""
        told = {name: getattr(self, name) for name in ("done", "results", "refusals", "escaped")}
        told |= {
            "slowest_s": round(self.slowest, 3),
            "grown_mb": max(self.peak - self.first, 0) / 1024 if self.first else 0,
        }
        told["seconds"] = round(time.monotonic() - self._began, 1)
        temporary = self.place / ".tally"
        temporary.write_text(json.dumps(told))
        os.replace(temporary, self.place / "tally.json")


def main() -> None:
    """``python -m benchmarks.fuzzing.child TARGET INPUTS SEED ENGINE PLACE``."""
    name, inputs, seed, engine, place = sys.argv[1:]
    os.environ.update(_ALONE | {"LORADIAG_CACHE": f"{place}/work/cache", "TMPDIR": f"{place}/work/tmp"})
    Path(place, "work", "tmp").mkdir(parents=True, exist_ok=True)
    tally = Tally(Path(place), int(inputs))
    warnings.simplefilter("ignore")
    if engine == "seeded":
        engines.seeded(name, tally.once, int(inputs), int(seed))
        tally.write()
    else:
        (Path(place) / "corpus").mkdir(exist_ok=True)
        engines.guided(name, tally.once, int(inputs), int(seed), f"{place}/corpus")


if __name__ == "__main__":
    main()

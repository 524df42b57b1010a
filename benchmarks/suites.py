"""What is run on each shape, and the targets."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.processes import FailedError, Sample, measure
from benchmarks.shapes import SHAPES

ROOT = Path(__file__).resolve().parent.parent
CHILDREN = ROOT / "benchmarks" / "children"
WEIGHTS = "adapter_model.safetensors"
CONTROL = "control"
INSPECT = "loradiag inspect"
ONE_PASS = "loradiag, spectra only"

# 1 says that a gate failed: the adapter was inspected all the same.
INSPECTED = (0, 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """How much slower than the control, and how large at its peak, ``inspect`` may be."""

    ratio: float
    peak: float


TARGETS: Mapping[str, Target] = {"8b": Target(4, 300), "70b": Target(6, 700)}
REPEATS: Mapping[str, int] = {"8b": 9, "70b": 3, "moe": 3, "peers": 3}


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """Where things are: the adapters, and the program under test."""

    cache: Path
    loradiag: Path

    @property
    def environment(self) -> dict[str, str]:
        """Compiled modules are kept aside, as an installed package has them compiled, whatever the caller's settings."""
        return {"PYTHONPYCACHEPREFIX": str(self.cache.resolve() / "pycache"), "PYTHONDONTWRITEBYTECODE": ""}

    def adapter(self, key: str) -> Path:
        """Make the adapter unless it is there, and return its folder with its bytes in the page cache."""
        folder = self.cache / key
        weights = folder / WEIGHTS
        if not weights.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "benchmarks.generate", key, str(folder.resolve())]
            subprocess.run(command, cwd=ROOT, check=True)
        with weights.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass
        return folder

    def runs(self, key: str) -> dict[str, Callable[[], Sample]]:
        """The processes to compare on one shape."""
        folder = self.adapter(key)
        control = [sys.executable, str(CHILDREN / "control.py"), str(folder / WEIGHTS)]
        one_pass = [str(self.loradiag.parent / "python"), str(CHILDREN / "one_pass.py"), str(folder)]
        return {
            CONTROL: lambda: measure(control, environment={**self.environment, "OPENBLAS_NUM_THREADS": "1"}),
            INSPECT: lambda: self.inspect(key),
            ONE_PASS: lambda: measure(one_pass, environment=self.environment),
        }

    def inspect(self, key: str) -> Sample:
        """Measure one ``loradiag inspect`` as a user would run it.

        Raises:
            FailedError: It ended as it should not, or wrote no report (a crash and a failed gate share an exit code).
        """
        report = self.cache / f"{key}.report.json"
        command = [str(self.loradiag), "inspect", str(self.cache / key), "--format", "json", "--output", str(report)]
        report.unlink(missing_ok=True)
        sample = measure(command, environment=self.environment, accepted=INSPECTED)
        if not report.is_file():
            raise FailedError(f"{self.loradiag} left no report of {key}")
        return sample


def modules(key: str) -> int:
    """Number of modules of a shape."""
    return len(SHAPES[key].modules)

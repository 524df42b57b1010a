"""Where inputs come from: atheris, which follows what they cover, or seeds that are changed at random, the same each time."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

from benchmarks.fuzzing.mutating import blindly
from benchmarks.fuzzing.targets import Target, target

Once = Callable[[bytes], None]
_MEANT = 0.6
"""Share of inputs that are changed where it has meaning."""

_IN_FRAMES = 0.97
"""The same of several files in one: one byte more in the first, and the others are none."""

_KEPT = 64
"""Inputs that were made of others and are changed further."""

_FURTHER = 0.3
"""Share of inputs that may be made of one of these: most of what was changed often is refused early."""

_AFRESH = 0.25
"""Share of atheris' inputs that are made of a sound one: most of what it keeps is refused early."""


def seeded(name: str, once: Callable[[Target], Once], inputs: int, seed: int) -> None:
    """Give every seed as it is, then inputs made of seeds and of earlier inputs.

    Args:
        name: Of the target.
        once: Makes of a target what takes an input.
        inputs: How many.
        seed: Of all randomness.
    """
    found = target(name)
    pool = found.seeds()
    _warm(found, pool)
    take, random = once(found), Random(f"{name} {seed}")
    sound = len(pool)
    for number in range(inputs):
        some = pool if random.random() < _FURTHER else pool[:sound]
        data = pool[number] if number < sound else random.choice(some)
        if number >= sound:
            data = (found.mutate if _is_meant(found, random) else blindly)(data, random)[: found.largest]
            if random.random() < 0.1:  # what was changed once is changed again
                if len(pool) == sound + _KEPT:
                    pool.pop(sound + random.randrange(_KEPT))
                pool.append(data)
        take(data)


def _warm(found: Target, seeds: list[bytes]) -> None:
    """Read the seeds once, so that what is imported when it is needed is there before any input is timed."""
    with tempfile.TemporaryDirectory(prefix="loradiag-fuzzing-") as folder:
        for data in seeds:
            with suppress(Exception):
                found.run(data, Path(folder))


def _is_meant(found: Target, random: Random) -> bool:
    """Whether to change an input where that has meaning, and not its bytes, whatever they are."""
    return random.random() < (_IN_FRAMES if found.framed else _MEANT)


def guided(name: str, once: Callable[[Target], Once], inputs: int, seed: int, corpus: str) -> None:
    """Let atheris choose: it keeps what covers new branches of loradiag. Ends the process.

    Args:
        name: Of the target.
        once: Makes of a target what takes an input.
        inputs: How many.
        seed: Of all randomness.
        corpus: An empty folder.
    """
    import atheris

    with atheris.instrument_imports(include=["loradiag", "zipfile"], enable_loader_override=False):
        import loradiag.api  # noqa: F401 - what is imported here is watched

        found = target(name)
        seeds = found.seeds()
        _warm(found, seeds)
    for number, data in enumerate(seeds):
        with open(f"{corpus}/{number}", "wb") as file:
            file.write(data)
    take = once(found)

    def mutate(data: bytes, most: int, draw: int) -> bytes:
        random = Random(draw)
        if random.random() < _AFRESH:
            data = random.choice(seeds)
        return (found.mutate(data, random) if _is_meant(found, random) else atheris.Mutate(data, most))[:most]

    options = [f"-runs={inputs}", f"-seed={seed + 1}", f"-max_len={found.largest}", "-len_control=0", "-rss_limit_mb=0"]
    options += ["-timeout=1000", "-verbosity=0", f"-artifact_prefix={corpus}.", "-detect_leaks=0", "-reload=0"]
    atheris.Setup([sys.argv[0], *options, corpus], lambda data: take(bytes(data)), custom_mutator=mutate)
    atheris.Fuzz()

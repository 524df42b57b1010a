"""How often ``loradiag serve-check`` takes sound servers for faulty ones, and finds faults, over simulated servers that round.

python benchmarks/served.py [--servers 2000]
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
from collections.abc import Sequence  # noqa: E402

from tests.analyzers.served.simulating import Kind, shares  # noqa: E402

SERVERS: dict[str, Kind] = {
    "steady, logprobs": Kind(),
    "steady, no logprobs": Kind(logprobs=False),
    **{
        f"{noise:.0%} of answers change{'' if logprobs else ', no logprobs'}": Kind(
            noise=noise, logprobs=logprobs, wobble=0.01
        )
        for noise in (0.02, 0.05, 0.2)
        for logprobs in (True, False)
    },
    **{
        f"{noise:.0%} of one-word answers change, all to another's, no logprobs": Kind(
            noise=noise, lands=1.0, logprobs=False, short=True
        )
        for noise in (0.02, 0.05, 0.2)
    },
    "2% alone, 10% under any load, no logprobs": Kind(noise=0.02, loaded=5, logprobs=False),
    **{
        f"mixes up {mixed:.0%}{'' if logprobs else ', no logprobs'}": Kind(mixed=mixed, logprobs=logprobs)
        for mixed in (0.02, 0.05, 0.1)
        for logprobs in (True, False)
    },
    "mixes up 20%, one-word answers, no logprobs": Kind(mixed=0.2, logprobs=False, short=True),
    "mixes up 20%, 5% of answers change, no logprobs": Kind(mixed=0.2, noise=0.05, logprobs=False),
    "mixes up 10%, 5% of answers change": Kind(mixed=0.1, noise=0.05, wobble=0.01),
    "mixes up 10%, 5% of answers change, no logprobs": Kind(mixed=0.1, noise=0.05, logprobs=False),
    "silent": Kind(differs=0, shift=0),
    "silent, 5% of answers change": Kind(differs=0, shift=0, noise=0.05, wobble=0.01),
    "silent, 20% of answers change": Kind(differs=0, shift=0, noise=0.2, wobble=0.01),
    "silent, no logprobs, 24 prompts": Kind(differs=0, logprobs=False, prompts=24),
    "silent, no logprobs": Kind(differs=0, logprobs=False),
    "silent, no logprobs, 5% of answers change": Kind(differs=0, logprobs=False, noise=0.05),
    "one text in three is its own": Kind(differs=1 / 3),
    "one text in three is its own, no logprobs": Kind(differs=1 / 3, logprobs=False),
    "one text in three is its own, no logprobs, 5% change": Kind(differs=1 / 3, logprobs=False, noise=0.05),
    "one text in twenty, no logprobs": Kind(differs=0.05, logprobs=False),
    "one text in twenty, no logprobs, 40 prompts": Kind(differs=0.05, logprobs=False, prompts=40),
    "texts of the base, logprobs 0.02 nats apart": Kind(differs=0, shift=0.02),
    "texts of the base, logprobs 0.02 nats apart, wobble 0.01": Kind(differs=0, shift=0.02, wobble=0.01),
    "texts of the base, logprobs 0.02 nats apart, wobble 0.03": Kind(differs=0, shift=0.02, wobble=0.03),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a kind of server."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--servers", type=int, default=2000, help="of each kind (default: 2000)")
    servers = parser.parse_args(arguments).servers
    print(f"{'server':58}  an adapter beside its base; the gravest isolation of all models")
    for name, kind in SERVERS.items():
        besides, loads = shares(kind, servers)
        told = "; ".join(
            ", ".join(f"{word} {share:.1%}" for word, share in found.items()) for found in (besides, loads)
        )
        print(f"{name:58}  {told}", flush=True)


if __name__ == "__main__":
    main()

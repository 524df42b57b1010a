"""OpenAI-compatible servers on loopback that are sound, round, or have one fault; what they were told to do is the label."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.validity.cases import FIXTURES, Expected
from benchmarks.validity.families.words import Place, Told, counting, expect

JUDGED = frozenset(f"LD{number}" for number in range(413, 420))


class Case(NamedTuple):
    """A server, and how it is asked. ``reports``: of the adapter ``a``, by the name of a fixture."""

    label: str
    expected: Expected
    manners: dict[str, Any] = {}
    options: dict[str, Any] = {}
    report: str | None = None
    alias: bool = False
    close: bool = False


ENOUGH = {"limit": 32}
"""As many of the built-in prompts as are asked by default: texts alone take 30 to tell."""
OWN = {"limit": 32, "prompts": True}
"""Prompts of one's own."""

SOUND = (
    Case("sound", expect()),
    Case("sound, no logprobs", expect(), {"logprobs": False}, ENOUGH),
    Case("sound, no logprobs, own prompts", expect(), {"logprobs": False}, OWN),
    Case("sound, no streams", expect(), {"streams": False}),
    Case("sound, by chat", expect(), {"completions": False}),
    Case("a tenth of answers changes", expect(), {"noise": 0.1}, {"limit": 16}),
    Case("a fifth of answers changes", expect(), {"noise": 0.2}, {"limit": 16}),
    Case("a tenth of answers changes, no logprobs", expect(may="LD417"), {"noise": 0.1, "logprobs": False}, OWN),
    Case("slow for all alike", expect(), {"delay_ms": 15}, {"switches": 8}),
    Case("the base's words, other logprobs", expect(may="LD417"), {}, {}, close=True),
    Case("untrained, as its report says", expect(may="LD417"), {"silent": ["a"]}, {}, "untrained"),
    Case("trained, as its report says", expect(), {}, {}, "healthy"),
)
FAULTY = (
    Case("not loaded", expect("LD413"), {"status": {"a": 404}}),
    Case("fails inside", expect("LD413"), {"status": {"a": 500}}),
    Case("fails under load", expect("LD413", "LD417"), {"loaded_status": {"a": 500}, "delay_ms": 4}, {"concurrency": 6}),
    Case("no JSON", expect("LD413"), {"garbage": ["a"]}),
    Case("empty answers", expect("LD413"), {"empty": ["a"]}),
    Case("answers as the base", expect("LD414"), {"silent": ["a"]}),
    Case("answers as the base, a tenth changes", expect("LD414", "LD417"), {"silent": ["a"], "noise": 0.1}, {"limit": 24}),
    Case("answers as the base, no logprobs", expect("LD414"), {"silent": ["a"], "logprobs": False}, ENOUGH),
    Case("answers as the base, no logprobs, own prompts", expect("LD414"), {"silent": ["a"], "logprobs": False}, OWN),
    Case("answers as the base, few prompts, no logprobs", expect("LD417"), {"silent": ["a"], "logprobs": False}),
    Case("no base to compare with", expect("LD417"), {"parents": False}, {"names": ["a", "b"]}),
    Case("three in ten mixed up", expect("LD415"), {"mixed": 0.3, "delay_ms": 4}, {"concurrency": 6}),
    Case("three in ten mixed up, no logprobs", expect("LD415", "LD417"), {"mixed": 0.3, "delay_ms": 4, "logprobs": False},
         {"concurrency": 6, "limit": 24}),
    Case("one in ten mixed up", expect("LD415", "LD417"), {"mixed": 0.1, "delay_ms": 4}, {"concurrency": 6, "limit": 24}),
    Case("loads anew at every switch", expect("LD416"), {"switch_ms": 90, "delay_ms": 10}, {"switches": 8}),
    Case("two names for one adapter", expect("LD418"), {}, {}, alias=True),
    Case("two names for one adapter, no logprobs", expect("LD418"), {"logprobs": False}, ENOUGH, alias=True),
    Case("untrained by its report, and answers", expect("LD419"), {}, {}, "untrained"),
)  # fmt: skip


def told(place: Place) -> Iterator[Told]:
    """Every server several times, each time of other adapters."""
    reports = {name: _report(place.scratch, name) for name in ("untrained", "healthy")}
    reports["prompts"] = place.scratch / "prompts.jsonl"
    reports["prompts"].write_text("".join(f'{{"prompt": "Tell me of number {number}."}}\n' for number in range(40)))
    for case in (*SOUND, *FAULTY):
        for seed in range(1 if place.quick else 6 if case in SOUND else 4):
            yield _told(case, seed, reports)


def _report(scratch: Path, name: str) -> Path:
    from loradiag.api import inspect
    from loradiag.core.report import encode

    file = scratch / f"{name}.json"
    file.write_bytes(encode(inspect(FIXTURES / "adapters" / name, FIXTURES / "base")))
    return file


def _told(case: Case, seed: int, reports: dict[str, Path]) -> Told:
    from loradiag.api import serve_check
    from tests.analyzers.served.server import Manners, Row, serving
    from tests.analyzers.served.speaking import close, speak

    said = close if case.close else speak

    def salted(adapter: str, prompt: str, most: int, turned: bool) -> list[Row]:
        # Another seed is another server: its adapters say other things.
        who = "a" if case.alias and adapter == "b" else adapter
        return said(who, f"{prompt} {seed}", most, turned)

    options = {"limit": 12, "switches": 0, "timeout": 5.0, "seed": seed, **case.options}
    names = options.pop("names", [])
    if options.get("prompts"):
        options["prompts"] = reports["prompts"]
    if case.report:
        options["reports"] = [f"a={reports[case.report]}"]
    manners = Manners(salted, **case.manners)
    with serving(manners) as url:
        findings = serve_check(url, names, **options).findings
    return Told(
        family="server",
        name=f"{case.label} #{seed}",
        label=case.label,
        expected=case.expected,
        judged=JUDGED,
        fired=counting(findings),
        sound=case in SOUND,
    )

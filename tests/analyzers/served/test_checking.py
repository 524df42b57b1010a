"""A whole check against a server that is told to misbehave."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

import loradiag
from loradiag.analyzers.served import client
from loradiag.analyzers.served.prompts import built_in
from loradiag.api.served import PROMPTS
from loradiag.core.report import Report, encode
from loradiag.core.served import Served, ServedModel
from loradiag.core.verdict import Status
from tests.analyzers.served.server import Manners, Row, serving
from tests.analyzers.served.speaking import close, speak


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr(client, "_FIRST", 0.01)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def check(manners: Manners, names: Sequence[str] = (), **options: Any) -> Report:
    """A check of eight prompts."""
    with serving(manners) as url:
        return loradiag.serve_check(url, names, **{"limit": 8, "switches": 0, "timeout": 5.0, **options})


def served(report: Report) -> Served:
    """The measurement."""
    assert report.measurements.served is not None
    return report.measurements.served


def rows(report: Report) -> dict[str, ServedModel]:
    """Models by name."""
    found = served(report)
    return {row.name: row for row in (*found.bases, *found.adapters)}


def codes(report: Report) -> list[str]:
    """The rules that speak."""
    return [finding.code for finding in report.findings]


@pytest.mark.parametrize("api", ["completions", "chat"])
@pytest.mark.parametrize("logprobs", [True, False])
def test_a_sound_server_passes(api: str, logprobs: bool) -> None:
    """By either API, with logprobs and without; every request is at temperature 0."""
    manners = Manners(speak, logprobs=logprobs)
    report = check(manners, api=api, limit=12)
    found = served(report)
    assert (report.verdict.status, codes(report)) == (Status.PASS, [])
    assert (found.api, found.logprobs, [row.name for row in found.adapters]) == (api, logprobs, ["a", "b"])
    assert [row.base for row in found.adapters] == ["base", "base"]
    assert all(row.isolation == "isolated" and row.asked == 12 * 6 and row.failed == 0 for row in found.adapters)
    assert {body["temperature"] for body in manners.asked} == {0}
    assert found.requests == len(manners.asked) + 1


def test_which_api_is_found_out() -> None:
    """A server of chats only, and one that takes no logprobs."""
    assert served(check(Manners(speak, completions=False))).api == "chat"
    assert served(check(Manners(speak, chat=False))).api == "completions"
    found = served(check(Manners(speak, rejects_logprobs=True)))
    assert (found.api, found.logprobs) == ("completions", False)


def test_halves_of_characters_go_into_a_report() -> None:
    """A server whose tokens are bytes sends them; a name that has one is no name that could be asked for."""

    def halved(adapter: str, prompt: str, most: int, turned: bool) -> list[Row]:
        rows = speak(adapter, prompt, most, turned)
        return [*rows[:-1], ("\ud83d", rows[-1][1], rows[-1][2])]

    report = check(Manners(halved, adapters=("a", "b", "c\udc00"), mixed=0.6), show_text=True)
    assert [row.name for row in served(report).adapters] == ["a", "b"]
    texts = [example.loaded.text or "" for row in rows(report).values() for example in row.examples]
    assert texts
    assert all(text.endswith("\\ud83d") for text in texts)
    assert b"\\\\ud83d" in encode(report)


def test_an_adapter_that_is_the_base() -> None:
    """Texts and logprobs: an error. Texts alone, of eight prompts: not decided."""
    report = check(Manners(speak, silent=["a"]))
    assert codes(report) == ["LD414"]
    assert report.findings[0].modules == ["a"]
    assert codes(check(Manners(speak, silent=["a"], logprobs=False))) == ["LD417"]
    assert check(Manners(speak, silent=["a"], logprobs=False)).verdict.status is Status.INCONCLUSIVE


@pytest.mark.parametrize("api", ["completions", "chat"])
def test_the_built_in_prompts_are_enough_by_texts_alone(api: Literal["completions", "chat"]) -> None:
    """As it is asked by default, a server without logprobs is told: an adapter that is its base, two names for one."""
    manners = Manners(speak, silent=["a"], logprobs=False)
    with serving(manners) as url:
        report = loradiag.serve_check(url, api=api, switches=0)
    assert served(report).prompts == PROMPTS
    assert [(row.code, row.modules) for row in report.findings] == [("LD414", ["a"])]

    def one(adapter: str, prompt: str, most: int, turned: bool) -> list[Row]:
        return speak("a" if adapter == "b" else adapter, prompt, most, turned)

    with serving(Manners(one, logprobs=False)) as url:
        report = loradiag.serve_check(url, api=api, switches=0)
    assert [(row.code, row.modules) for row in report.findings] == [("LD418", ["a", "b"])]


def test_the_built_in_prompts() -> None:
    """Are more than are asked by default, no two alike, to be shown as they are, and of several scripts and lengths."""
    texts = built_in().texts
    asked = built_in(PROMPTS).texts
    assert len(texts) >= 40
    assert texts[: len(asked)] == asked
    assert len(set(texts)) == len(texts)
    assert all((text == text.strip() and text.isprintable()) or "\n" in text for text in texts)
    assert len({unicodedata.name(text[0]).split()[0] for text in asked if text[0].isalpha()}) >= 2
    assert min(map(len, asked)) < 10 < 300 < max(map(len, asked))


def test_an_adapter_that_is_the_base_on_a_server_that_rounds() -> None:
    """A tenth of the answers change; all others are told from the base all the same."""
    report = check(Manners(speak, silent=["a"], noise=0.1), limit=16)
    assert [(row.code, row.modules) for row in report.findings if row.severity.value == "error"] == [("LD414", ["a"])]


def test_the_same_words_with_other_logprobs_are_no_base() -> None:
    """An adapter may say what its base says: by 0.02 nats it is told apart."""
    report = check(Manners(close))
    assert rows(report)["a"].beside_status == "differs"
    assert "LD414" not in codes(report)


@pytest.mark.parametrize("logprobs", [True, False])
def test_adapters_that_are_mixed_up_under_load(logprobs: bool) -> None:
    """Every one that was is named, with those whose answers it gave; alone nothing is seen."""
    report = check(Manners(speak, mixed=0.3, delay_ms=4, logprobs=logprobs), limit=12, concurrency=6, show_text=True)
    found = [finding for finding in report.findings if finding.code == "LD415"]
    assert found
    assert report.verdict.status is Status.FAIL
    for name in (finding.modules[0] for finding in found):
        row = rows(report)[name]
        assert row.isolation == "mixed-up"
        assert row.changed_alone == row.changed_own == row.taken_own == 0
        assert set(row.takers) <= {"base", "a", "b"} - {name}
        example = row.examples[0]
        assert example.equals in row.takers
        assert example.alone.text != example.loaded.text


def test_texts_are_kept_only_where_they_were_asked_for() -> None:
    """Hashes and lengths do."""
    report = check(Manners(speak, mixed=0.4, delay_ms=4), limit=12)
    examples = [example for row in rows(report).values() for example in row.examples]
    assert examples
    assert all(example.alone.text is None and len(example.alone.sha256) == 16 for example in examples)


def test_rounding_is_no_fault() -> None:
    """A fifth of the answers change by near ties, alone and under load."""
    report = check(Manners(speak, noise=0.2), limit=16)
    assert report.verdict.status is Status.PASS
    assert sum(row.ties for row in rows(report).values()) > 0
    without = check(Manners(speak, noise=0.2, logprobs=False), limit=16)
    assert without.verdict.status is not Status.FAIL
    assert sum(row.changed_alone for row in rows(without).values()) > 0


FAULTS = {
    "404": ({"status": {"a": 404}}, "status 404"),
    "500": ({"status": {"a": 500}}, "status 500"),
    "garbage": ({"garbage": ["a"]}, "not JSON"),
    "half": ({"half": ["a"]}, "answer cut off"),
    "dripping": ({"dripping": ["a"]}, "timed out"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_adapter_that_never_answers(fault: str) -> None:
    """It is asked three times, and the others are checked all the same."""
    changes, kind = FAULTS[fault]
    slow = fault == "dripping"
    report = check(Manners(speak, **changes), timeout=0.5 if slow else 10)  # type: ignore[arg-type]
    row = rows(report)["a"]
    assert (row.answering, row.failures, row.asked) == ("never", {kind: 3}, 3)
    assert report.findings[0].modules == ["a"]
    if not slow:  # half a second may be too short for the others on a busy machine
        assert codes(report) == ["LD413"]
        assert rows(report)["b"].isolation == "isolated"


def test_an_adapter_that_fails_under_load_only() -> None:
    """What is lost there is counted."""
    report = check(Manners(speak, loaded_status={"a": 500}, delay_ms=4))
    row = rows(report)["a"]
    assert row.answering == "partly"
    assert row.failures["status 500"] > 2
    assert "LD413" in codes(report)


def test_empty_answers_are_none() -> None:
    """A server that says nothing in so many words."""
    report = check(Manners(speak, empty=["a"]))
    assert rows(report)["a"].answering == "empty"
    assert codes(report) == ["LD413"]


def test_a_busy_server_is_asked_again() -> None:
    """Three answers of 429 cost nothing but time; one that stays busy is said to be."""
    report = check(Manners(speak, busy=2))
    assert report.verdict.status is Status.PASS
    report = check(Manners(speak, status={"a": 429}))
    assert rows(report)["a"].failures == {"status 429": 3}
    assert served(report).requests > 3 * 3


def test_switches_are_timed() -> None:
    """A server that takes 60 ms longer after each, and one that does not."""
    slow = check(Manners(speak, switch_ms=60), limit=3, switches=5)
    found = served(slow).times
    assert found is not None
    assert (found.n, found.failed) == (15, 0)
    assert found.switch is not None
    assert found.stay is not None
    assert 55 < found.switch - found.stay < 120
    assert codes(slow)[0] == "LD416"
    assert served(slow).streamed
    even = check(Manners(speak, delay_ms=4), limit=3, switches=5)
    times = served(even).times
    assert times is not None
    assert times.low is not None
    assert times.low < 1.5
    assert "LD416" not in codes(even)


@pytest.mark.parametrize("api", ["completions", "chat"])
def test_a_stream_that_breaks_off_has_no_time(api: str) -> None:
    """Nor is a server that does not stream left without one: its whole answers are timed."""
    report = check(Manners(speak, half_streams=["a"]), limit=2, switches=2, api=api)
    assert rows(report)["a"].times is not None
    assert rows(report)["a"].times.failed == 2  # type: ignore[union-attr]
    assert rows(report)["b"].times.n == 2  # type: ignore[union-attr]
    whole = check(Manners(speak, streams=False), limit=2, switches=2, api=api)
    assert not served(whole).streamed
    assert rows(whole)["a"].times.n == 2  # type: ignore[union-attr]


def test_one_adapter_without_a_base() -> None:
    """It is asked alone; whether it is the base cannot be told, and nothing under load."""
    report = check(Manners(speak, parents=False), ["a"])
    found = served(report)
    assert (found.bases, found.adapters[0].loaded, found.adapters[0].isolation) == ([], 0, "unjudged")
    assert codes(report) == ["LD417"]


def test_two_names_of_one_adapter() -> None:
    """Told of as a pair."""
    report = check(Manners(lambda name, *rest: speak("a" if name == "b" else name, *rest)))
    assert codes(report)[0] == "LD418"
    assert report.findings[0].modules == ["a", "b"]


def test_switches_and_stays_are_timed_on_the_same_prompts() -> None:
    """Of each model alone: prompts are of any length, and a longer one takes longer."""
    manners = Manners(speak)
    check(manners, limit=8, switches=4)
    asked: dict[str, list[str]] = {}
    for body in manners.asked:
        if body["stream"]:
            asked.setdefault(body["model"], []).append(body["prompt"])
    assert asked.keys() == {"base", "a", "b"}
    for prompts in asked.values():
        assert len(prompts) == 8
        assert sorted(prompts[::2]) == sorted(prompts[1::2])


def test_prompts_come_from_a_file(tmp_path: Path) -> None:
    """The same prompt once, and no more than asked for."""
    file = tmp_path / "prompts.jsonl"
    file.write_text("".join(f'{{"prompt": "number {number % 5}", "completion": "x"}}\n' for number in range(10)))
    manners = Manners(speak)
    found = served(check(manners, prompts=file, limit=50))
    assert {body["prompt"] for body in manners.asked} == {f"number {number}" for number in range(5)}
    assert (found.prompts, found.prompts_sha256 is not None) == (5, True)

"""Where and how an endpoint is asked: addresses, keys, names, limits, and one line for each way to fail."""

from __future__ import annotations

import base64
import time
from threading import Thread

import pytest

from loradiag.analyzers.served import client as asking
from loradiag.analyzers.served import wire
from loradiag.analyzers.served.address import endpoint_at
from loradiag.analyzers.served.answers import Answer, Failure, MalformedError, Manner, Outcome, answer_of
from loradiag.analyzers.served.client import Client
from loradiag.analyzers.served.models import cast
from loradiag.api import serve_check
from loradiag.core.errors import InputError, LoradiagError, UsageError
from tests.analyzers.served.server import Manners, serving
from tests.analyzers.served.speaking import speak

KEY = "sk-very-secret"
MANNER = Manner("completions", False, 4)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_FIRST", 0.01)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def client_of(url: str, key_env: str | None = None, timeout: float = 5.0) -> Client:
    """A client for a test."""
    return Client(endpoint_at(url, key_env), timeout=timeout, most=1000)


@pytest.mark.parametrize(
    ("url", "path", "shown"),
    [
        ("http://h:8000", "/v1/models", "http://h:8000"),
        ("http://h:8000/", "/v1/models", "http://h:8000"),
        ("http://h/v1", "/v1/models", "http://h"),
        ("https://h/openai/v1/chat/completions", "/openai/v1/models", "https://h/openai"),
        ("https://h/api/v3", "/api/v3/models", "https://h/api/v3"),
        ("http://[::1]:9/v1?x=1", "/v1/models?x=1", "http://[::1]:9"),
        ("http://user:secret@h/v1", "/v1/models", "http://h"),
    ],
)
def test_addresses(url: str, path: str, shown: str) -> None:
    """With and without a version, and shown without what is secret."""
    endpoint = endpoint_at(url)
    assert (endpoint.path("models"), endpoint.shown) == (path, shown)
    assert "secret" not in repr(endpoint)


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://h", "http://", "http://h:0", "http://h h", "http://h\n", "http://h:x"]
)
def test_what_is_no_address_is_not_repeated(url: str) -> None:
    """It may be a key."""
    if url == "http://h\n":
        assert endpoint_at(url).shown == "http://h"
        return
    with pytest.raises(UsageError, match=r"^URL: no address of http or https; give one such as"):
        endpoint_at(url)


def test_a_key_that_nobody_named_stays_on_this_machine_or_in_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was named goes where it was sent."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MY_KEY", KEY)
    assert endpoint_at("https://example.org").has_key
    assert endpoint_at("http://127.0.0.1:1").has_key
    assert endpoint_at("http://localhost:1").has_key
    assert not endpoint_at("http://example.org").has_key
    assert endpoint_at("http://example.org", "MY_KEY").has_key
    told = base64.b64encode(b"me:p@ss").decode()
    assert endpoint_at("http://me:p%40ss@example.org").headers()["Authorization"] == f"Basic {told}"
    with pytest.raises(UsageError, match="--key-env NONE: no such variable"):
        endpoint_at("https://example.org", "NONE")
    monkeypatch.setenv("MY_KEY", "two\nlines")
    with pytest.raises(UsageError, match="no header can carry") as caught:
        endpoint_at("https://example.org", "MY_KEY")
    assert "lines" not in str(caught.value)


def test_a_key_is_sent_and_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """To whom it is for, and not along a redirect."""
    monkeypatch.setenv("MY_KEY", KEY)
    manners = Manners(speak, key=KEY)
    with serving(manners) as url:
        report = serve_check(url, key_env="MY_KEY", limit=3, switches=0)
        assert {headers["Authorization"] for headers in manners.headers} == {f"Bearer {KEY}"}
        assert KEY not in repr(report)
        with pytest.raises(InputError, match=r"refuses access \(status 401\); it wants a key: --key-env"):
            serve_check(url)
    elsewhere = Manners(speak)
    with serving(elsewhere) as other, serving(Manners(speak, redirect=f"{other}/v1/models?token=x")) as url:
        with pytest.raises(InputError, match="sends elsewhere") as caught:
            serve_check(url, key_env="MY_KEY")
        assert KEY not in str(caught.value)
        assert "token" not in str(caught.value)
        assert other in str(caught.value)
    assert elsewhere.headers == []


def test_a_wrong_key_is_said_to_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the list of models is open to all."""
    monkeypatch.setenv("MY_KEY", "wrong")
    with serving(Manners(speak, key=KEY)) as url, pytest.raises(InputError, match="set the variable of --key-env"):
        serve_check(url, ["a"], key_env="MY_KEY")


def test_nobody_there() -> None:
    """One line that names the address, and what to do; exit code 3."""
    with serving(Manners(speak)) as url:
        pass
    with pytest.raises(
        InputError, match=r"cannot be reached \(connection refused\); see whether the server runs"
    ) as caught:
        serve_check(f"{url.replace('http://', 'http://me:secret@')}/v1")
    assert (caught.value.exit_code, "secret" in str(caught.value)) == (3, False)
    with pytest.raises(InputError, match="no such host"):
        serve_check("http://no-such-host.invalid", ["a"])
    with serving(Manners(speak)) as url, pytest.raises(InputError, match="no TLS connection"):
        serve_check(url.replace("http://", "https://"), ["a"], timeout=2)


CASTS = {
    "listed": ({}, [], None, {"a": "base", "b": "base"}, ("base",)),
    "named": ({}, ["b"], None, {"b": "base"}, ("base",)),
    "not listed": ({}, ["z"], None, {"z": "base"}, ("base",)),
    "no parents": ({"parents": False}, ["a"], None, {"a": None}, ()),
    "no parents, a base": ({"parents": False}, [], "base", {"a": "base", "b": "base"}, ("base",)),
    "no list": ({"lists": False}, ["a"], "base", {"a": "base"}, ("base",)),
    "another base": ({}, ["a"], "b", {"a": "b"}, ("b",)),
}


@pytest.mark.parametrize("case", CASTS)
def test_who_is_asked(case: str) -> None:
    """What was named, and what the server tells."""
    changes, names, base, adapters, bases = CASTS[case]
    with serving(Manners(speak, **changes)) as url:  # type: ignore[arg-type]
        found = cast(client_of(url), names, base)
    assert (found.adapters, found.bases) == (adapters, bases)


def test_who_cannot_be_told() -> None:
    """Each in a line that says what to name."""
    cases: list[tuple[dict[str, object], str | None, type[LoradiagError], str]] = [
        ({"parents": False}, None, UsageError, "lists base, a, b and not which of them are adapters; name them"),
        ({"lists": False}, None, UsageError, "does not list what it serves; name the adapters"),
        ({"adapters": ()}, None, InputError, r"lists one model only \(base\)"),
        ({"adapters": ()}, "base", InputError, "lists one model only"),
    ]
    for changes, base, error, said in cases:
        with serving(Manners(speak, **changes)) as url, pytest.raises(error, match=said):  # type: ignore[arg-type]
            cast(client_of(url), [], base)
    with serving(Manners(speak)) as url, pytest.raises(UsageError, match="among the adapters"):
        cast(client_of(url), ["a"], "a")


def test_tries_are_bounded_and_patient() -> None:
    """Twice 429 and then an answer; what the server wants waited for is capped."""
    manners = Manners(speak, busy=2, retry_after="1")
    with serving(manners) as url:
        begun = time.monotonic()
        assert isinstance(client_of(url).ask("a", "x", MANNER), Answer)
        assert 1.9 < time.monotonic() - begun < 4
        assert len(manners.asked) == 3
    with serving(Manners(speak, status={"a": 500})) as url:
        asked = client_of(url)
        assert asked.ask("a", "x", MANNER) == Failure("status 500")
        assert asked.requests == 1


def test_requests_are_bounded() -> None:
    """Before any is sent where more are needed, and in any case."""
    manners = Manners(speak)
    with serving(manners) as url:
        with pytest.raises(UsageError, match="need 624 requests: --max-requests 624 allows them"):
            serve_check(url, max_requests=100)
        assert manners.asked == []
        few = Client(endpoint_at(url), timeout=5, most=2)
        assert [type(few.ask("a", "x", MANNER)) for _ in range(3)] == [Answer, Answer, Failure]
    for options in (
        {"limit": 0},
        {"concurrency": 0},
        {"timeout": 0.0},
        {"rounds": 0},
        {"max_tokens": 0},
        {"switches": -1},
    ):
        with pytest.raises(UsageError, match="from "):
            serve_check("http://localhost:1", **options)  # type: ignore[arg-type]


def test_answers_that_are_too_long_or_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of bytes, and one of time for all of them."""
    monkeypatch.setattr(wire, "MAX_BODY", 50)
    with serving(Manners(speak)) as url:
        assert client_of(url).ask("a", "x", MANNER) == Failure("answer too large")
    monkeypatch.undo()
    with serving(Manners(speak, dripping=["a"])) as url:
        begun = time.monotonic()
        assert client_of(url, timeout=0.3).ask("a", "x", MANNER) == Failure("timed out")
        assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"choices": []},
        {"choices": [3]},
        {"choices": [{"text": 3}]},
        {"choices": [{"text": "x" * 300_000}]},
    ],
)
def test_what_is_no_answer(document: object) -> None:
    """Whatever is sent, it is an answer or it is malformed."""
    for api in ("completions", "chat"):
        with pytest.raises(MalformedError):
            answer_of(document, api)  # type: ignore[arg-type]


def test_odd_logprobs_are_none() -> None:
    """Of another length, no numbers, not finite; the text is an answer all the same."""
    for logprobs in (
        {"tokens": ["a"], "token_logprobs": []},
        {"tokens": ["a"], "token_logprobs": [float("nan")]},
        {"tokens": ["a"], "token_logprobs": ["x"]},
        {"tokens": "a"},
        {"tokens": [], "token_logprobs": []},
        [1],
    ):
        assert answer_of({"choices": [{"text": "a", "logprobs": logprobs}]}, "completions") == Answer("a", None)
    thinking = {"choices": [{"message": {"content": None, "reasoning_content": "hm"}, "logprobs": {"content": [{}]}}]}
    assert answer_of(thinking, "chat") == Answer("hm", None)


def test_an_interrupt_hangs_up() -> None:
    """What waits for a slow answer ends at once, and nothing more is asked."""
    with serving(Manners(speak, delay_ms=3000)) as url:
        asked = client_of(url, timeout=30)
        found: list[Outcome] = []
        waiting = Thread(target=lambda: found.append(asked.ask("a", "x", MANNER)))
        begun = time.monotonic()
        waiting.start()
        time.sleep(0.3)
        asked.stop()
        waiting.join(5)
        assert time.monotonic() - begun < 2
        assert isinstance(found[0], Failure)
        assert asked.ask("a", "x", MANNER) == Failure("too many requests")

"""What every output must be, whatever the names in it: well formed, and nothing that a reader's program obeys."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from xml.etree import ElementTree

from loradiag.core.errors import LoradiagError
from loradiag.core.report import decode
from loradiag.core.text import printable

_COMMANDS = ("::error title=", "::warning title=", "::notice title=", "loradiag: ")
_OWN = re.compile(r"<(script|style)[^>]*>.*?</\1>", re.DOTALL)
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)((?:\s+[A-Za-z][-A-Za-z0-9:]*(?:=\"[^\"<>]*\")?)*)\s*(/?)>")
_ATTRIBUTE = re.compile(r"\s([A-Za-z][-A-Za-z0-9:]*)(?:=\"([^\"]*)\")?")
_VOID = frozenset(("meta", "input", "br", "hr", "wbr"))
_FOREIGN = frozenset(("iframe", "object", "embed", "link", "base", "form", "img", "image", "use", "animate", "hostile"))
_IN_MARKDOWN = frozenset(("details", "summary", "code", "br", "sub", "sup"))


def asked(ask: Callable[[], object], secret: str | None = None) -> None:
    """Ask for something that may be refused, by a plain line without what must not be shown.

    Raises:
        AssertionError: The refusal is none such.
    """
    said = ""
    try:
        ask()
    except LoradiagError as error:
        said = str(error)
    assert printable(said) == said, "a message that is no plain line"
    assert secret is None or secret not in said, said


def harmless(name: str, text: str) -> None:
    """Fail if an output holds a control character, a bidirectional override or what no encoding has; or is not of its format.

    Raises:
        AssertionError: It is so.
    """
    text.encode()
    for line in text.split("\n"):
        assert printable(line) == line, f"raw characters in {name}: {printable(line)[:200]}"
    _CHECKS.get(name, lambda _: None)(text)


def _json(text: str) -> None:
    json.loads(text, parse_constant=_never)
    decode(text.encode())


def _never(word: str) -> float:
    raise AssertionError(f"{word} in JSON")


def _sarif(text: str) -> None:
    (run,) = json.loads(text, parse_constant=_never)["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        said = re.sub(r"\\[\[\]]", "", result["message"]["text"])
        assert "](" not in said, "a link in a message of SARIF"
        assert not re.search(r"[{}]", said.replace("{{", "").replace("}}", "")), "a placeholder in SARIF"
    for artifact in run["artifacts"]:
        uri = artifact["location"]["uri"]
        assert uri.isascii(), uri
        assert not re.search(r"[\s<>\"\\^`{|}]", uri), uri


def _gitlab(text: str) -> None:
    for issue in json.loads(text, parse_constant=_never):
        assert re.fullmatch("[0-9a-f]{32}", issue["fingerprint"])
        assert isinstance(issue["description"], str)
    assert "<" not in text


def _junit(text: str) -> None:
    suites = ElementTree.fromstring(text)
    for suite in suites:
        cases = suite.findall("testcase")
        assert int(suite.get("tests", "-1")) == len(cases)
        assert int(suite.get("failures", "-1")) == sum(case.find("failure") is not None for case in cases)


def _github(text: str) -> None:
    for line in text.removesuffix("\n").split("\n"):
        assert line.startswith(_COMMANDS), f"a line that is no command of ours: {line[:200]}"
        assert "##[" not in line or line.startswith("::"), "a command of the old form"
        if line.startswith("::"):
            title, separator, _ = line.partition("title=")[2].partition("::")
            assert separator
            assert "," not in title, "another property of a command"


def _markdown(text: str) -> None:
    outside = re.sub(r"`[^`\n]*`", "", text)
    for closing, tag, attributes, _ in _TAG.findall(outside):
        assert tag in _IN_MARKDOWN, f"<{closing}{tag}{attributes}> in Markdown"
        assert not attributes.strip(), attributes
    assert not re.search("<[A-Za-z/!?]", _TAG.sub("", outside)), "markup in Markdown"
    assert "javascript:" not in "".join(re.findall(r"\]\(([^)]*)\)", outside)).lower()
    assert "![" not in outside, "an image in Markdown"


def _html(text: str) -> None:
    head, _, body = text.partition("<body")
    assert body, "no page"
    assert head.count("<script") + body.count("<script") <= 1, "another script"
    body = _OWN.sub("", f"<body{body}").removesuffix("\n").removesuffix("</html>")
    opened: Counter[str] = Counter()
    for closing, tag, attributes, own in _TAG.findall(body):
        assert tag not in _FOREIGN, f"<{tag}> in the page"
        for attribute, value in _ATTRIBUTE.findall(attributes):
            assert not attribute.startswith("on"), f"{attribute} in the page"
            assert attribute not in ("href", "src", "action", "xlink:href") or value.startswith(("#", "https://")), (
                value
            )
        if tag not in _VOID and not own:
            opened[tag] += -1 if closing else 1
    assert not any(opened.values()), f"tags that do not close: {opened.most_common(3)}"
    left = _TAG.sub("", body)
    assert "<" not in left, f"markup that is none: {left[left.index('<') :][:200]}"


_CHECKS = {
    "json": _json,
    "gitlab": _gitlab,
    "sarif": _sarif,
    "junit": _junit,
    "github": _github,
    "markdown": _markdown,
    "html": _html,
}

"""SARIF: the structure that version 2.1.0 demands, written down from the specification."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import jsonschema  # type: ignore[import-untyped,unused-ignore]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.core.report import Report
from loradiag.outputs.sarif import MODULES, render
from loradiag.outputs.style import Style
from tests.outputs import building, merge_reports, samples


def closed(required: list[str], **properties: object) -> dict[str, object]:
    """An object that may have these properties and no others, as every object of SARIF but a property bag."""
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def listed(items: object, *, unique: bool = False) -> dict[str, object]:
    """An array."""
    return {"type": "array", "items": items, "uniqueItems": unique}


TEXT = {"type": "string"}
URI = {"type": "string", "pattern": r"^[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+$"}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
INDEX = {"type": "integer", "minimum": -1}
BAG = {"type": "object"}
MESSAGE = closed(["text"], text=TEXT)
ARTIFACT_LOCATION = closed([], uri=URI, uriBaseId=TEXT, index=INDEX)
REGION = closed([], startLine={"type": "integer", "minimum": 1})
PHYSICAL = closed(["artifactLocation"], artifactLocation=ARTIFACT_LOCATION, region=REGION)
LOGICAL = closed([], name=TEXT, fullyQualifiedName=TEXT, kind=TEXT)
LOCATION = closed([], physicalLocation=PHYSICAL, logicalLocations=listed(LOGICAL, unique=True))
SUPPRESSION = closed(["kind"], kind={"enum": ["inSource", "external"]}, justification=TEXT)
RESULT = closed(
    ["message"],
    ruleId=TEXT,
    ruleIndex=INDEX,
    level=LEVEL,
    message=MESSAGE,
    locations=listed(LOCATION),
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
    suppressions=listed(SUPPRESSION, unique=True),
    properties=BAG,
)
RULE = closed(
    ["id"],
    id=TEXT,
    name=TEXT,
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
    defaultConfiguration=closed([], level=LEVEL),
    properties=BAG,
)
DRIVER = closed(["name"], name=TEXT, version=TEXT, rules=listed(RULE, unique=True))
INVOCATION = closed(["executionSuccessful"], executionSuccessful={"type": "boolean"}, endTimeUtc=TEXT)
ARTIFACT = closed([], location=ARTIFACT_LOCATION, roles=listed({"const": "analysisTarget"}, unique=True), hashes=BAG)
RUN = closed(
    ["tool"],
    tool=closed(["driver"], driver=DRIVER),
    invocations=listed(INVOCATION),
    artifacts=listed(ARTIFACT, unique=True),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results=listed(RESULT),
    properties=BAG,
)
LOG = closed(["version", "runs"], **{"$schema": TEXT, "version": {"const": "2.1.0"}, "runs": listed(RUN)})


def run_of(reports: list[Report]) -> dict[str, Any]:
    """Render, check the structure, and return the one run."""
    log = json.loads(render(reports, Style()))
    jsonschema.validate(log, LOG)
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


@pytest.mark.parametrize("make", samples.CASES.values(), ids=samples.CASES)
def test_structure(make: Callable[[], list[Report]]) -> None:
    """The log is SARIF, each result points at its rule and its artifact, and there are no idle rules."""
    run = run_of(make())
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert run["artifacts"][place["index"]]["location"]["uri"] == place["uri"]
    assert {rule["id"] for rule in rules} == {result["ruleId"] for result in run["results"]}


def test_levels_fingerprints_and_suppressions() -> None:
    """Severities become levels, and an ignored finding is suppressed with its reason."""
    report = samples.broken()[0]
    by_code = {result["ruleId"]: result for result in run_of([report])["results"]}
    assert [by_code[code]["level"] for code in ("LD107", "LD405", "LD304")] == ["error", "warning", "note"]
    assert by_code["LD304"]["suppressions"] == [{"kind": "external", "justification": "known"}]
    assert "suppressions" not in by_code["LD107"]
    assert by_code["LD107"]["partialFingerprints"] == {"loradiag/v1": report.findings[0].fingerprint}
    assert by_code["LD107"]["properties"]["observed"] == 2
    assert by_code["LD107"]["properties"]["confidence"] == "medium"


def test_unreadable_subjects_make_the_run_unsuccessful() -> None:
    """A check that could not be made is not a run that succeeded."""
    assert run_of(samples.unreadable())["invocations"][0]["executionSuccessful"] is False
    assert run_of(samples.broken())["invocations"][0]["executionSuccessful"] is True


def test_locations_are_of_the_weight_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths stay so, those below the current directory become so, others are file URIs; all are encoded."""
    monkeypatch.setattr("os.getcwd", lambda: "/home/me/work")

    def uri(path: str) -> str:
        run = run_of([building.report(building.measured(building.grid(1)), path=path)])
        return str(run["artifacts"][0]["location"]["uri"])

    assert uri("runs/a b") == "runs/a%20b/adapter_model.safetensors"
    assert uri("./runs/x/adapter_model.safetensors") == "runs/x/adapter_model.safetensors"
    assert uri("/home/me/work/runs/x/") == "runs/x/adapter_model.safetensors"
    assert uri("/elsewhere/é") == "file:///elsewhere/%C3%A9/adapter_model.safetensors"
    assert uri("javascript:x?y#z") == "javascript%3Ax%3Fy%23z/adapter_model.safetensors"


def test_messages_hold_no_links_and_no_placeholders() -> None:
    """Brackets and braces of a name are escaped as the specification says."""
    found = building.finding(message="see [a](javascript:x) and {0}")
    text = run_of([building.report(building.measured([]), [found])])["results"][0]["message"]["text"]
    assert text == r"see \[a\](javascript:x) and {{0}}"


def test_modules_are_capped() -> None:
    """A finding about ten thousand modules names the first hundred and counts all."""
    (result,) = run_of(samples.experts())["results"]
    assert len(result["locations"][0]["logicalLocations"]) == MODULES
    assert result["properties"]["modules"] == 10_239


def test_results_about_routes_can_be_told_apart() -> None:
    """One rule says the same of several routes: fingerprints differ, and the route is a property."""
    results = run_of([*merge_reports.gated(), *merge_reports.by_weights()])["results"]
    prints = [result["partialFingerprints"]["loradiag/v1"] for result in run_of(merge_reports.gated())["results"]]
    assert len(set(prints)) == len(prints) == 4
    named = [result["properties"].get("route") for result in results if result["ruleId"] == "LD604"]
    assert named == ["nf4-inplace", "nf4"]
    assert "route" not in next(result for result in results if result["ruleId"] == "LD503")["properties"]
    every = run_of(merge_reports.refused())["results"][0]["properties"]["route"]
    assert every == "*"


@given(name=st.text(max_size=60))
@settings(deadline=None, max_examples=60)
def test_any_name_gives_valid_sarif(name: str) -> None:
    """Names cannot break the structure; URIs hold the characters of URIs only."""
    run = run_of(samples.hostile(name))
    for artifact in run["artifacts"]:
        assert re.fullmatch(URI["pattern"], artifact["location"]["uri"])

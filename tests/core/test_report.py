"""The report: round trip, schema, and what older and stranger documents do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest

import loradiag
from loradiag.core.errors import InputError
from loradiag.core.report import Reports, decode, encode, json_schema, spans
from loradiag.core.text import printable
from tests.conftest import MakeAdapter, peft_arrays
from tests.outputs.test_learning import hostile
from tests.rules import comparing
from tests.rules import fleet as fleets

SCHEMA = Path(loradiag.__file__).parent / "report.schema.json"


@pytest.fixture
def report(make_adapter: MakeAdapter) -> loradiag.Report:
    """A report on a small adapter with a dead module."""
    arrays = peft_arrays()
    arrays["base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight"][:] = 0
    return loradiag.inspect(make_adapter(arrays))


def test_round_trip_keeps_everything(report: loradiag.Report) -> None:
    """Decoding what was encoded gives the same report, alone or among others."""
    assert decode(encode(report)) == [report]
    assert decode(encode(Reports(reports=[report, report]))) == [report, report]


def test_judging_again_gives_the_same_verdict(report: loradiag.Report) -> None:
    """Nothing that a rule needs is lost on the way to JSON and back."""
    again = loradiag.judge(decode(encode(report))[0])
    assert again.findings == report.findings
    assert again.verdict == report.verdict


def test_reports_follow_the_committed_schema(report: loradiag.Report) -> None:
    """An independent validator accepts real reports under the committed schema, and refuses a broken one."""
    schema = json.loads(SCHEMA.read_text())
    document = json.loads(encode(report))
    jsonschema.Draft202012Validator(schema).validate(document)
    del document["verdict"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(document)


def test_committed_schema_is_up_to_date() -> None:
    """The schema in the package is the one that the types give. Regenerate: loradiag schema > loradiag/report.schema.json."""
    assert SCHEMA.read_text() == json_schema()


def test_json_has_no_nan_and_nothing_that_a_terminal_obeys(make_adapter: MakeAdapter) -> None:
    """NaN comes out as null, and C1 controls and bidirectional overrides as escapes."""
    name = "base_model.model.model.layers.0.self_attn.\x9b31m\u202e_q"
    arrays = peft_arrays()
    arrays[f"{name}.lora_A.weight"] = arrays["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"] * float(
        "nan"
    )
    arrays[f"{name}.lora_B.weight"] = arrays["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"]
    text = encode(loradiag.inspect(make_adapter(arrays))).decode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    document = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
    row = next(row for row in document["measurements"]["spectrum"]["modules"] if "\u202e" in row["name"])
    assert row["spectral_norm"] is None
    assert row["sigma"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1, 2]", "no schema_version"),
        (b'{"schema_version": "2.0"}', "schema 2.0"),
        (b'{"schema_version": "1.0", "subject": 3}', "not a valid report"),
        (b'{"schema_version": "1.0", "reports": []}', "holds no report"),
        (b"[" * 100_000 + b"]" * 100_000, "not JSON"),
        (b'{"schema_version": "\\u001b]0;x\\u0007"}', r"schema \x1b]0;x\x07"),
    ],
)
def test_foreign_documents_are_refused_in_one_line(text: bytes, said: str) -> None:
    """What is no report is told from what is one of another version."""
    with pytest.raises(InputError) as caught:
        decode(text, "file.json")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert printable(str(caught.value)) == str(caught.value)


@pytest.mark.parametrize("field", ["frobenius_norm", "entropy_share", "change", "cosine_last"])
@pytest.mark.parametrize("values", [[1.0], [1.0, None, 1.0]])
def test_a_run_whose_modules_are_known_at_other_steps(field: str, values: list[float | None]) -> None:
    """What is shown side by side has to be of the same steps: such a report is refused in one line."""
    document = json.loads(encode(hostile("run")))
    document["measurements"]["trajectory"]["modules"][0][field] = values
    with pytest.raises(InputError, match="a module is known at other steps than there are"):
        decode(json.dumps(document).encode())


def test_later_additions_are_tolerated(report: loradiag.Report) -> None:
    """A report of a later minor version, with fields that are not known yet, can still be read."""
    document = json.loads(encode(report))
    document["schema_version"] = "1.9"
    document["measurements"]["weather"] = {"clouds": []}
    document["subject"]["new"] = 1
    assert decode(msgspec.json.encode(document))[0].subject == report.subject


@pytest.mark.parametrize("indent", [0, 2])
def test_spans_are_of_one_report_each(report: loradiag.Report, indent: int) -> None:
    """What stands there is the report as a document of its own, also where two are alike; other documents are one span."""
    data = encode(Reports(reports=[report, report]), indent)
    found = [decode(data[start:end]) for start, end in spans(data)]
    assert found == [[report], [report]]
    assert spans(encode(Reports(reports=[]), indent)) == []
    for other in (encode(report, indent), b"no JSON \xff", b"[]", b'{"reports": 3}', b"", b"[" * 100_000):
        assert spans(other) == [(0, len(other))]


@pytest.mark.parametrize("place", [2, -1, 10**12])
def test_pairs_of_adapters_that_are_not_there_are_refused(place: int) -> None:
    """Rules and outputs look adapters up by their places: a document with others is no report."""
    alone = [fleets.adapter("a"), fleets.adapter("b")]
    related = fleets.fleet(*alone, pairs=[msgspec.structs.replace(fleets.SAME, a=0, b=1)], overlaps=[])
    for made, table in ((comparing.report(comparing.comparison()), "comparison"), (fleets.report(related), "fleet")):
        document = json.loads(encode(made))
        rows = document["measurements"][table]["pairs"] or [json.loads(msgspec.json.encode(comparing.pair()))]
        document["measurements"][table]["pairs"] = [{**rows[0], "b": place}]
        with pytest.raises(InputError, match="is not a valid report: a pair is of adapters that are not there"):
            decode(json.dumps(document).encode())

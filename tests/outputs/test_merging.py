"""Merge drift in words: how to deploy, what it was measured against, and what changed since."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.outputs import renderer
from loradiag.outputs.deploying import advice, deploys
from loradiag.outputs.merging import changes, since, statements
from loradiag.outputs.style import Style
from tests.outputs import merge_parts, merge_reports, samples
from tests.outputs.merge_parts import merge_of, with_routes
from tests.outputs.reading import PEOPLE, Make, body, only, shown

SENTENCES = [
    (
        merge_reports.by_outputs,
        "pass",
        "deploy as nf4: fold into the 16-bit base, then quantize to NF4; the cheapest measured route that keeps the adapter "
        "(ρ 0.0236, 4.13 bits)",
        (),
    ),
    (
        merge_reports.excused,
        "pass",
        "deploy as int8: fold into the 16-bit base, then quantize to INT8; the cheapest measured route that keeps the adapter "
        "(ρ 1.7e-04, 8 bits)",
        ("cheaper, and passed with a reservation: nf4",),
    ),
    (
        merge_reports.by_weights,
        "pass",
        "deploy as bf16: fold into the 16-bit base, store BF16; the cheapest measured route that keeps the update "
        "(delta gain 1.000, 16 bits)",
        ("judged by its weights alone: no model was run", "cheaper, and not decided: nf4, int8"),
    ),
    (
        merge_reports.none,
        "fail",
        "no route that was measured keeps the adapter: serve it unmerged beside its base, or fold it into the 16-bit "
        "original, which was not measured",
        (),
    ),
    (
        merge_reports.undecided,
        "inconclusive",
        "no route is known to keep the adapter; not decided: nf4",
        ("what would decide it: give --prompts",),
    ),
    (
        merge_reports.refused,
        "fail",
        "3 parts of the adapter cannot be folded: serve it unmerged beside its base",
        (),
    ),
]


@pytest.mark.parametrize(("make", "tone", "text", "more"), SENTENCES, ids=lambda value: getattr(value, "__name__", ""))
def test_the_advice_claims_what_was_measured(make: Make, tone: str, text: str, more: tuple[str, ...]) -> None:
    """One sentence, and what limits it."""
    found = advice(only(make))
    assert (found.tone, found.text, found.more) == (tone, text, more)


@PEOPLE
@pytest.mark.parametrize("make", [row[0] for row in SENTENCES], ids=lambda make: make.__name__)
def test_the_advice_is_in_every_output_for_people(name: str, make: Make) -> None:
    """With a capital or without."""
    found = advice(only(make))
    for line in (found.text, *found.more):
        assert line[1:] in shown(name, only(make)).replace("&#x27;", "'")


def test_a_fold_that_failed_is_no_way_out() -> None:
    """Where the fold into the original was measured and failed, serving unmerged is what is left."""
    failed = with_routes(
        only(merge_reports.none), [merge_parts.route("bf16", 0.2, "fail"), merge_parts.route("nf4", 0.2, "fail")]
    )
    assert advice(failed).text == "no route that was measured keeps the adapter: serve it unmerged beside its base"


def test_one_route_is_not_called_the_cheapest() -> None:
    """There was nothing to compare it with."""
    alone = with_routes(
        only(merge_reports.by_outputs), [merge_parts.route("bf16", **merge_parts.loss(0.01, 1.0))], recommended="bf16"
    )
    assert (
        advice(alone).text
        == "deploy as bf16: fold into the 16-bit base, store BF16; it keeps the adapter (ρ 0.01, 16 bits)"
    )


def test_parts_left_out_are_said_even_if_the_policy_ignores_them() -> None:
    """A route may pass where LD610 is set aside; it is still not the whole adapter."""
    report = only(merge_reports.refused)
    passing = [msgspec.structs.replace(row, status="pass") for row in merge_of(report).routes]
    assert (
        "it leaves out 3 parts of the adapter that cannot be folded"
        in advice(with_routes(report, passing, recommended="bf16")).more
    )


@pytest.mark.parametrize(
    ("index", "text"),
    [(0, "the routes have not been judged"), (2, "no route was measured"), (3, "no route was measured")],
)
def test_nothing_is_advised_where_nothing_is_known(index: int, text: str) -> None:
    """Not judged, none that applies, none at all; and a recommendation of a route that is not there is none."""
    found = advice(merge_reports.extreme()[index])
    assert (found.tone, found.text) == ("inconclusive", text)


def test_overviews_say_how_to_deploy_each() -> None:
    """In a word; and nothing where no report is about merge drift."""
    several = [*merge_reports.by_outputs(), *merge_reports.none(), *merge_reports.undecided(), *samples.healthy()]
    assert deploys(several) == ["nf4", "unmerged", "not decided", "–"]
    assert deploys(samples.healthy()) == []
    for name in ("text", "markdown", "html"):
        text = renderer(name)(several[:3], Style())
        assert "deploy as" in text
        assert (
            "stable" not in text.partition("</style>")[2].partition("<details")[0] + text.partition("<details")[0][:900]
        )
        assert "deploy as" not in renderer(name)([*samples.healthy(), *samples.broken()], Style())


def test_statements_say_what_was_compared_with_what() -> None:
    """Precision of training and how it is known; the text; how the adapter ran; what it does."""
    told = dict(statements(merge_of(only(merge_reports.by_outputs))))
    assert told == {
        "trained": "over a base in bf16, assumed: adapters do not record it",
        "text": "200 samples, 3 cut short, 37,855 tokens of data/med_test.jsonl (field text)",
        "reference": "the adapter unmerged, run by PEFT; float32 on cpu",
        "effect": "the base is 3.48 nats a token away (mean KLD), an exact fold 1.6e-07; its likeliest token is the "
        "adapter's for 26.1%; NLL 6.41 nats without the adapter, 2.87 with it",
        "4 bits": "blocks of 64 values, scales quantized themselves",
        "activations": "at most 461, of model.layers.5; FP16 ends at 65,504",
    }
    assert dict(statements(merge_of(only(merge_reports.refused)))) == {
        "trained": "over a base in nf4, as it is stored",
        "measured": "weights only, no model was run",
        "4 bits": "blocks of 64 values, scales in FP32",
    }
    told = dict(statements(merge_of(only(merge_reports.compared))))
    assert told["text"].endswith("of standard input")
    assert told["reference"] == "the adapter added exactly, as PEFT does not read its layout; float32 on cpu"


@PEOPLE
def test_statements_are_in_every_output_for_people(name: str) -> None:
    """The headline of the section."""
    text = shown(name, only(merge_reports.by_outputs)).replace("&#x27;", "'")
    for _, said in statements(merge_of(only(merge_reports.by_outputs))):
        assert said in text


@PEOPLE
def test_an_earlier_report_is_compared(name: str) -> None:
    """Before and now of each route that both have; what did not change is said once."""
    text = shown(name, only(merge_reports.compared)).replace("| ", "")
    assert "release/1.json of 2025-01-01T00:00:00Z, on the same text" in text
    assert "nf4 0.998 → 0.996 0.012 → 0.0476 0.05 → 0.08 99.0% → 95.6% pass → fail" in text
    assert "bf16 0.998 → 1.000 0.012 0.05 99.0% pass" in text
    assert "gone" not in text


def test_outputs_on_other_text_are_not_compared() -> None:
    """Gains are, as they need none."""
    made = merge_of(only(merge_reports.compared))
    assert made.prior is not None
    other = msgspec.structs.replace(made.prior, same_prompts=False)
    first = changes(msgspec.structs.replace(made, prior=other))[0]
    assert (first.gain, first.effect_loss, first.kld, first.kept) == ("0.998 → 0.996", "", "", "")
    assert since(other).endswith("whose outputs were measured on other text or not at all")
    text = renderer("text")([with_routes(only(merge_reports.compared), made.routes, prior=other)], Style())
    assert "0.012 →" not in text
    assert changes(merge_of(only(merge_reports.by_outputs))) == []


def test_an_earlier_report_of_other_routes() -> None:
    """Nothing to compare is said, not shown as an empty table."""
    made = merge_of(only(merge_reports.compared))
    report = with_routes(only(merge_reports.compared), [merge_parts.route("q8_0")])
    assert made.prior is not None
    assert "it has none of these routes" in shown("text", report)
    assert "no such routes" in shown("markdown", report)
    assert "It has none of these routes." in shown("html", report)


@PEOPLE
def test_reports_without_routes_say_nothing_of_them(name: str) -> None:
    """An inspection looks as before."""
    text = body(renderer(name)(samples.healthy(), Style(verbose=True)))
    assert "erge drift" not in text
    assert "survives" not in text


@given(name=st.text(alphabet=st.characters(), max_size=40))
@settings(deadline=None, max_examples=40)
def test_sentences_are_safe(name: str) -> None:
    """Whatever a report holds, every sentence is printable and short enough to read."""
    (report,) = merge_reports.hostile(name)
    found = advice(report)
    said = [found.text, *found.more, *(text for _, text in statements(merge_of(report)))]
    prior = merge_of(report).prior
    assert prior is not None
    for text in (*said, since(prior), *deploys([report])):
        assert text.isprintable() or not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", text)
        assert len(text) < 1000

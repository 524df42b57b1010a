"""From docstrings, help texts and links to Markdown."""

from __future__ import annotations

import pytest
from making import fields, links, prose


def test_docstrings_leave_no_mark() -> None:
    """Roles and double backquotes become code; stars, underscores and brackets stay what they are."""
    text = prose.from_docstring("``a_b`` and :func:`~loradiag.linalg.spectra.measures`: ‖·‖_F of <x> * [n]")
    assert text == "`a_b` and `measures`: ‖·‖\\_F of &lt;x&gt; \\* \\[n\\]"


def test_help_texts_have_their_options_as_code() -> None:
    """Options, variables and files of settings, and nothing that only looks like one."""
    text = prose.from_help("With --base or LORADIAG_CACHE; a checkpoint-*/ of loradiag.toml")
    assert text == "With `--base` or `LORADIAG_CACHE`; a checkpoint-\\*/ of `loradiag.toml`"


def test_sentences_go_to_the_fields_that_they_begin_with() -> None:
    """One or several names, clauses within a sentence, ranges and wildcards; the rest is about the type."""
    text = (
        "One window. ``n``: that count; ``low`` and ``high``: its interval. ``kind`` is a word, ``dtype`` the format\n"
        "(``low``, or ``high``). Times are in UTC. ``kld_*``: in nats. ``a`` to ``c`` are as in ``kind``."
    )
    names = ["n", "low", "high", "kind", "dtype", "kld_mean", "kld_p99", "a", "b", "c", "silent"]
    about, told = fields.sorted_out(text, names)
    assert about == "One window. Times are in UTC."
    assert told == {
        "n": "That count.",
        "low": "Its interval.",
        "high": "Its interval.",
        "kind": "A word.",
        "dtype": "The format (``low``, or ``high``).",
        "kld_mean": "In nats.",
        "kld_p99": "In nats.",
        "a": "As in ``kind``.",
        "b": "As in ``kind``.",
        "c": "As in ``kind``.",
    }


@pytest.mark.parametrize(
    ("markdown", "page", "linked"),
    [
        ("see LD107.", "a.md", "see [LD107](rules/LD107.md)."),
        ("see LD107.", "analyzers/a.md", "see [LD107](../rules/LD107.md)."),
        ("see LD107.", "rules/LD107.md", "see LD107."),
        ("`LD107` and [LD107](x.md)", "a.md", "`LD107` and [LD107](x.md)"),
        ("# LD107", "a.md", "# LD107"),
        ("LD999", "a.md", "LD999"),
        ("```text\nLD107\n```\nLD106", "a.md", "```text\nLD107\n```\n[LD106](rules/LD106.md)"),
        ("[x](../README.md)", "a.md", "`README.md`"),
        ("[x](rules.md)", "a.md", "[x](rules/index.md)"),
        ("[x](start.md#install) [y](https://example.org)", "a.md", "[x](start.md#install) [y](https://example.org)"),
    ],
)
def test_links(markdown: str, page: str, linked: str) -> None:
    """Codes lead to their rules, but in code and headings; what lies outside of the site is only named."""
    assert links.linked(markdown, page) == linked


def test_formulas_are_mathml() -> None:
    """What was marked as a formula is MathML; the bars of norms keep their height."""
    pytest.importorskip("latex2mathml", reason="formulas need loradiag[docs]")
    from making import maths

    made = maths.drawn('<p><span class="arithmatex">\\(\\lVert a \\rVert &lt; b\\)</span></p>')
    assert made.startswith("<p><math")
    assert made.count('stretchy="false">&#x02016;') == 2
    assert "arithmatex" not in made
    block = maths.drawn('<div class="arithmatex">\\[\\frac{1}{2}\\]</div>')
    assert block.startswith('<div class="formula"><math')
    assert "<mfrac>" in block

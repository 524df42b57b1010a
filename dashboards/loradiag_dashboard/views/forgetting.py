"""Forgetting: what an adapter lost of its base, task by task, and which weaker form would lose less."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from loradiag.core.forgetting import Forgetting
from loradiag.core.report import Report
from loradiag.outputs.forgetting import statements, summary
from loradiag.outputs.questions import MARKS, WORDS, asked, called, flat, gating, learned, named
from loradiag.outputs.scores import metric_words, relative, score_words, share_words
from loradiag.outputs.sweep import chosen as taken
from loradiag.outputs.sweep import form, kept_words, loss_words
from loradiag_dashboard.parts.findings import findings
from loradiag_dashboard.parts.frame import footer
from loradiag_dashboard.parts.nothing import nothing
from loradiag_dashboard.parts.plain import md
from loradiag_dashboard.parts.reports import any_of, choose
from loradiag_dashboard.parts.told import figure, headline, verdict
from loradiag_dashboard.parts.told import statements as told
from loradiag_dashboard.views.asked.flips import flips
from loradiag_dashboard.views.asked.forest import MOST, forest
from loradiag_dashboard.views.asked.memory import memory
from loradiag_dashboard.views.asked.scores import scores
from loradiag_dashboard.views.asked.weaker import weaker

KIND = "forgetting"
_RUN = "loradiag forgetting BASE my_adapter/ --tasks arc_easy,hellaswag -o reports/my_adapter-forgetting.json"
_SWEEP = _RUN.replace(" -o ", " --domain-text domain.jsonl --sweep -o ")


def forgetting() -> None:
    """Draw the page."""
    if not any_of(KIND):
        nothing("No forgetting report yet", "It asks base and adapter the same questions, document by document.", _RUN)
        footer()
        return
    chosen = choose(KIND, ("adapter", "Adapter"), ("merge", "Merge"))
    found = chosen.report.measurements.forgetting if chosen else None
    if chosen is not None and found is not None:
        _draw(chosen.report, found)
    footer()


def _draw(report: Report, found: Forgetting) -> None:
    said = summary(report, found)
    headline(said)
    verdict(report, said)
    _now(found)
    questions = asked(found)
    if questions:
        forest(questions, "forest", "What each task lost or gained, the worst first")
        if len(flat(questions)) > MOST:
            st.caption(f"The {MOST:,} worst of {len(flat(questions)):,} are drawn; the table has all.")
    if found.unfinished:
        names = ", ".join(md(called(name)) for name in found.unfinished)
        st.warning(
            f"The run was interrupted; not finished: {names}. The same command goes on.", icon=":material/pause:"
        )
    if questions or learned(found):
        st.subheader("Scores", anchor="scores")
        scores(report, found)
        st.subheader("Documents that changed", anchor="documents")
        flips(found)
    st.subheader("Weaker forms", anchor="weaker")
    if found.sweep is not None:
        weaker(found.sweep)
    else:
        nothing("No weaker forms were tried", "A sweep looks for one that keeps more of the base.", _SWEEP)
    if found.memorisation is not None:
        st.subheader("Memorisation", anchor="memorisation")
        memory(found.memorisation)
    st.subheader("Findings", anchor="findings")
    findings(report)
    told(statements(report, found), "How it was run")


def _now(found: Forgetting) -> None:
    """The whole in numbers."""
    rows = gating(found, flat(asked(found)))
    with st.container(horizontal=True):
        if rows:
            counts: Counter[str] = Counter(score.status for score in rows)
            said = ", ".join(
                f"{MARKS[status]} {counts[status]:,} {WORDS[status]}" for status in MARKS if counts[status]
            )
            figure(
                "Forgotten", f"{counts['forgot']:,} of {len(rows):,}", said, "Scores that lost more than the margin."
            )
        known = [(change, score) for score in rows if (change := relative(score, score.difference)) is not None]
        if known:
            change, score = min(known, key=lambda pair: pair[0])
            about = "The largest loss in percent of the base's score."
            figure("Largest loss", share_words(change) if change < 0 else "none", md(named(score)), about)
        for score in gating(found, flat(learned(found)))[:1] or flat(learned(found))[:1]:
            before, now = score_words(score, score.base), score_words(score, score.adapter)
            figure("On its own domain", now, f"the base: {before}", f"{md(metric_words(score))}; not judged.")
        best = taken(found.sweep) if found.sweep else None
        if best is not None:
            said = f"keeps {kept_words(best.kept_report)}, loses {loss_words(best.loss_report)}"
            figure("Form to take", md(form(best)), said, "Of what was learned, and of the task that loses most.")

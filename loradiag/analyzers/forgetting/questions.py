"""Questions: a task of lm-eval, or the perplexity of texts. What is asked, how it is asked, and how answers become a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from loradiag.analyzers.forgetting.wanted import Wanted
from loradiag.core.errors import InputError, UsageError
from loradiag.core.forgetting import ScoreRole
from loradiag.core.text import listed, printable
from loradiag.models.harness.answers import Metric, Scored
from loradiag.models.harness.asking import Options, Progress, prepare, requests_digest, score
from loradiag.models.harness.tasks import Group, Tasks, load_tasks
from loradiag.models.harness.texts import PERPLEXITY, Documents, documents, score_documents

DOMAIN = "domain"
"""The name of the domain's text in reports."""

Aggregate = Callable[[Sequence[Any]], float]


class Question(Protocol):
    """Something that a model is asked.

    Attributes:
        name: In reports.
        role: What it is.
        asked: Whether the user named it.
    """

    name: str
    role: ScoreRole
    asked: bool

    def digest(self, wrapped: Any) -> str:
        """Make the requests, and return a hash of all that decides the answers, the model aside."""

    def size(self) -> int:
        """How much work it is, in an arbitrary unit."""

    def ask(self, wrapped: Any, progress: Progress) -> Scored:
        """Ask the model."""

    def metrics(self) -> Sequence[str]:
        """Names of the metrics that there will be."""

    def aggregate(self, metric: Metric) -> Aggregate | None:
        """The function from documents' values to the score, for metrics that are no mean of them."""


class TaskQuestion:
    """A task of lm-eval."""

    role: ScoreRole = "task"

    def __init__(self, name: str, task: Any, options: Options, *, asked: bool) -> None:
        self.name, self.asked = name, asked
        self._task, self._options = task, options
        prepare(task, options)

    def digest(self, wrapped: Any) -> str:
        """See :class:`Question`."""
        return requests_digest(self.name, self._task, wrapped, self._options)

    def size(self) -> int:
        """Characters that are read, and what is written at the price of reading."""
        return sum(_cost(instance) for instance in self._task.instances)

    def ask(self, wrapped: Any, progress: Progress) -> Scored:
        """See :class:`Question`."""
        return score(self.name, self._task, wrapped, self._options, progress)

    def metrics(self) -> Sequence[str]:
        """See :class:`Question`."""
        return list(self._task.aggregation())

    def aggregate(self, metric: Metric) -> Aggregate | None:
        """See :class:`Question`."""
        found: Aggregate | None = self._task.aggregation().get(metric.name)
        return found


_WRITING = 4000
"""Characters that could be read in the time in which an answer is written."""


def _cost(instance: Any) -> int:
    read = sum(len(part) for part in instance.args if isinstance(part, str))
    return int((read + (_WRITING if instance.request_type == "generate_until" else 0)) * instance.repeats)


class TextQuestion:
    """The perplexity of texts."""

    def __init__(self, asked: Documents, role: ScoreRole) -> None:
        self.name, self.role, self.asked = asked.name, role, role == "text"
        self.documents = asked

    def digest(self, wrapped: Any) -> str:  # noqa: ARG002
        """See :class:`Question`."""
        return self.documents.digest()

    def size(self) -> int:
        """Characters."""
        return sum(map(len, self.documents.texts))

    def metrics(self) -> Sequence[str]:
        """See :class:`Question`."""
        return [PERPLEXITY.name]

    def ask(self, wrapped: Any, progress: Progress) -> Scored:
        """See :class:`Question`."""
        return score_documents(self.documents, wrapped, progress)

    def aggregate(self, metric: Metric) -> Aggregate | None:  # noqa: ARG002
        """Perplexity is a ratio, for which no function is needed."""
        return None


class Questions(msgspec.Struct, frozen=True):
    """All questions of a run, and the groups of tasks."""

    questions: Sequence[Question]
    groups: Sequence[Group]
    asked: frozenset[str]


def find_tasks(wanted: Wanted, tell: Callable[[str], None]) -> Tasks | None:
    """Load the tasks that are wanted, which needs no model; None if none are.

    Raises:
        InputError: A task's data cannot be had.
        UsageError: There is no such task.
    """
    return load_tasks(wanted.tasks, wanted.include, tell) if wanted.tasks else None


def load_questions(wanted: Wanted, tasks: Tasks | None, wrapped: Any) -> Questions:
    """Make questions of tasks and texts.

    Raises:
        InputError: A text has no tokens.
        UsageError: A name is taken twice, or a metric is named of a task that is not asked.
    """
    found: list[Question] = []
    if tasks:
        for name, task in tasks.tasks.items():
            found.append(TaskQuestion(name, task, wanted.options, asked=name in tasks.asked))
    for name, texts in wanted.texts.items():
        found.append(_text(name, texts, wrapped, "text"))
    if wanted.domain is not None:
        found.append(_text(DOMAIN, wanted.domain, wrapped, "domain"))
    names = [question.name for question in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{printable(name)}: two questions have this name; rename a file")
    _check_metrics(wanted, found)
    return Questions(found, tasks.groups if tasks else (), tasks.asked if tasks else frozenset())


def _text(name: str, texts: Any, wrapped: Any, role: ScoreRole) -> TextQuestion:
    asked = documents(name, texts, wrapped)
    if not asked.texts:
        raise InputError(texts.path, "has no text of one token or more", "give longer texts", kind="empty")
    return TextQuestion(asked, role)


def _check_metrics(wanted: Wanted, questions: Sequence[Question]) -> None:
    known = {question.name: question.metrics() for question in questions}
    for task, metric in wanted.metrics.items():
        option = f"--metric {printable(task)}={printable(metric)}"
        if task not in known:
            raise UsageError(
                f"{option}: this run has no task of that name; it has {listed(list(map(printable, known)))}"
            )
        if metric.partition(",")[0] not in known[task]:
            raise UsageError(f"{option}: the task has {listed(list(map(printable, known[task])))}")

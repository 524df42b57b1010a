"""Alert rules and dashboard refer to what the watch really exposes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from loradiag.cli.drift.monitoring import monitoring
from loradiag.core.errors import UsageError
from loradiag.watching.metrics import Metrics
from loradiag.watching.monitoring import SHIPPED, content, write_monitoring
from tests.conftest import ROOT
from tests.rules.watching import alarm, watch
from tests.watching.test_metrics import totals

METRIC = re.compile(r"(loradiag_[a-z_]+)(?:\{([^}]*)\})?")


def exposed() -> dict[str, set[str]]:
    """The labels of every metric."""
    metrics = Metrics()
    metrics.update(totals(), [watch(alarm())])
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(metrics.text()[0].decode())
        for sample in family.samples
    }


def expressions(node: object) -> list[str]:
    """Every expression of a document."""
    if isinstance(node, dict):
        own = [value for key, value in node.items() if key in ("expr", "definition") and isinstance(value, str)]
        return own + [found for value in node.values() for found in expressions(value)]
    return [found for value in node for found in expressions(value)] if isinstance(node, list) else []


@pytest.mark.parametrize(("name", "read"), [("alerts.yml", yaml.safe_load), ("grafana.json", json.loads)])
def test_every_metric_and_label_is_exposed(name: str, read) -> None:
    """What is misspelt would never alarm."""
    known = exposed()
    found = expressions(read(content(name)))
    assert len(found) > 5
    for expression in found:
        names = METRIC.findall(expression)
        assert names
        for metric, matchers in names:
            assert metric in known, expression
            assert set(re.findall(r"(\w+)\s*[=!]~?", matchers)) <= known[metric], expression


def test_labels_in_words_are_exposed_too() -> None:
    """Legends and annotations name labels of the metric that they stand beside."""
    known = exposed()
    for rule in yaml.safe_load(content("alerts.yml"))["groups"][0]["rules"]:
        labels = set().union(*(known[metric] for metric, _ in METRIC.findall(rule["expr"])))
        assert set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"]))) <= labels
        assert {"summary", "description"} <= set(rule["annotations"])
    for panel in json.loads(content("grafana.json"))["panels"]:
        assert panel["description"]
        for target in panel["targets"]:
            labels = set().union(*(known[metric] for metric, _ in METRIC.findall(target["expr"])))
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels


def test_panels_have_places_of_their_own() -> None:
    """None lies on another, and numbers are not used twice."""
    panels = json.loads(content("grafana.json"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


def test_prometheus_reads_the_rules(tmp_path: Path) -> None:
    """By its own tool."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed")
    write_monitoring(tmp_path)
    subprocess.run([tool, "check", "rules", str(tmp_path / "alerts.yml")], check=True)


def test_files_are_written_and_never_over_others(tmp_path: Path) -> None:
    """Unless that is wanted."""
    run = CliRunner()
    assert all(name in run.invoke(monitoring, []).stdout for name in SHIPPED)
    first = run.invoke(monitoring, ["-o", str(tmp_path / "m")])
    assert first.exit_code == 0
    assert len(first.stdout.splitlines()) == 3
    (tmp_path / "m" / "alerts.yml").write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        run.invoke(monitoring, ["-o", str(tmp_path / "m")], catch_exceptions=False)
    assert (tmp_path / "m" / "alerts.yml").read_text() == "mine"
    run.invoke(monitoring, ["-o", str(tmp_path / "m"), "--force", "-q"])
    assert (tmp_path / "m" / "alerts.yml").read_text() == content("alerts.yml")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="cannot be made"):
        write_monitoring(tmp_path / "file" / "x")
    with pytest.raises(UsageError, match="cannot be made"):
        write_monitoring(tmp_path / ("x" * 300))


def test_the_table_in_the_documentation_is_that_of_the_metrics() -> None:
    """Every metric with its labels, and no other."""
    rows = re.findall(r"^\| `(loradiag_\w+)` \| ([a-z, ]*)\|", (ROOT / "docs" / "monitoring.md").read_text(), re.M)
    told = {name: {label.strip() for label in labels.split(",") if label.strip()} for name, labels in rows}
    assert told == exposed()

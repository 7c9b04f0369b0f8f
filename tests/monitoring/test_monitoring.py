"""The files in monitoring/ name metrics, labels and pages that there are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.health import State
from tests.architecture.documents import anchors
from tests.support.backend import running
from tests.support.databases import ROOT

MONITORING = ROOT / "monitoring"
DASHBOARD = MONITORING / "grafana/dashboards/backend.json"

# A process of the service as gunicorn runs it, in which every metric was touched once.
TOUCH = """
import json
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families
from app import metrics

for metric in vars(metrics).values():
    if isinstance(metric, MetricWrapperBase):
        child = metric.labels(*["x"] * len(metric._labelnames)) if metric._labelnames else metric
        touch = next(filter(None, (getattr(child, one, None) for one in ("observe", "set", "inc"))))
        touch(1)
labels = {}
for family in text_string_to_metric_families(metrics.render_metrics().decode()):
    for sample in family.samples:
        labels.setdefault(sample.name, []).extend(sample.labels)
print(json.dumps(labels))
"""
# Of Prometheus itself: a series about each scrape, and the labels of where it came from.
OF_PROMETHEUS = {"up"}
LABELS_OF_PROMETHEUS = {"job", "instance"}
WORDS = {"by", "without", "on", "ignoring", "and", "or", "unless", "bool", "offset"}


@cache
def exported() -> dict[str, set[str]]:
    """Map each series that the service exports to its labels."""
    folder = tempfile.mkdtemp()
    try:
        done = subprocess.run(
            [sys.executable, "-c", TOUCH],
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": folder},
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        shutil.rmtree(folder)
    return {name: set(labels) for name, labels in json.loads(done.stdout).items()}


def rules() -> list[dict[str, Any]]:
    """Return the alerts."""
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    """Yield every expression of the alerts and of the dashboard."""
    for rule in rules():
        yield rule["expr"]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def names_in(expression: str) -> set[str]:
    """Find the series of an expression."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|without)\s*\([^)]*\)|\"[^\"]*\"", " ", expression)
    words = re.findall(r"(?<![\w.$])([a-zA-Z_]\w*)\b(?!\s*\()", bare)
    return set(words) - WORDS


def labels_in(expression: str) -> set[str]:
    """Find the labels by which an expression chooses and groups."""
    chosen = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    grouped = re.findall(r"\b(?:by|without)\s*\(([^)]*)\)", expression)
    return set(chosen) | {name.strip() for names in grouped for name in names.split(",")}


@pytest.mark.parametrize("expression", list(expressions()))
def test_every_series_and_label_is_exported(expression: str) -> None:
    names = names_in(expression)
    known = exported()
    labels = set().union(*(known.get(name, set()) for name in names)) | LABELS_OF_PROMETHEUS

    assert names
    assert names - known.keys() - OF_PROMETHEUS == set()
    assert labels_in(expression) - labels == set()


def test_every_metric_of_the_service_is_on_the_dashboard() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    shown = {name for panel in panels for one in panel["targets"] for name in names_in(one["expr"])}

    # A counter comes with the time it began at, a histogram in three parts.
    families = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in exported()}

    assert families - {re.sub(r"_bucket$", "", name) for name in shown} == set()


def test_the_states_that_alerts_wait_for_exist() -> None:
    told = {
        state
        for expression in expressions()
        for states in re.findall(r'service_state\{state=~?"([^"]*)"', expression)
        for state in states.split("|")
    }

    assert told <= {str(state) for state in State}


def test_every_alert_says_how_bad_it_is_and_which_page_to_open() -> None:
    for rule in rules():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")

        assert rule["labels"]["severity"] in ("page", "ticket")
        assert anchor in anchors(ROOT / page), rule["alert"]


def test_every_alert_is_seen_to_fire_in_its_test() -> None:
    *_, broken = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
    (firing,) = broken["promql_expr_test"]

    seen = {re.findall(r'"(\w+)"', sample["labels"])[0] for sample in firing["exp_samples"]}

    assert seen == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_running_service_counts_its_workers_and_tells_its_state(
    migrated_database_url: str, tmp_path: Path
) -> None:
    with (
        running(migrated_database_url, tmp_path, WORKERS="3") as backend,
        backend.client() as client,
    ):
        deadline = time.monotonic() + 30
        client.get("/readyz")
        while "\nworker_starts_total 3.0\n" not in (told := client.get("/metrics").text):
            assert time.monotonic() < deadline, told
            time.sleep(0.05)

    assert 'service_state{state="ready"} 1.0' in told
    assert 'service_state{state="read_only"} 0.0' in told


def test_prometheus_reads_the_alerts_and_asks_the_port_of_the_service() -> None:
    settings = yaml.safe_load((MONITORING / "prometheus.yml").read_text())

    assert settings["rule_files"] == ["alerts.yml"]
    assert settings["scrape_configs"][0]["static_configs"] == [{"targets": ["backend:5000"]}]


def test_the_dashboard_asks_the_source_that_is_provisioned() -> None:
    provisioned = yaml.safe_load(
        (MONITORING / "grafana/provisioning/datasources/prometheus.yml").read_text()
    )
    dashboard = json.loads(DASHBOARD.read_text())

    (source,) = provisioned["datasources"]
    asked = {panel["datasource"]["uid"] for panel in dashboard["panels"]}
    assert asked == {source["uid"]}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize(
    "what",
    ["check rules alerts.yml", "check config prometheus.yml", "test rules alerts_test.yml"],
)
def test_promtool_accepts_the_files(what: str, tmp_path: Path) -> None:
    *words, name = what.split()
    checked = subprocess.run(
        ["promtool", *words, MONITORING / name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr

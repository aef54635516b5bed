from __future__ import annotations

from pathlib import Path

import pytest

from outboard.resources.configuration import Configuration, MetricsSettings
from outboard.resources.configuration_reader import load_configuration
from outboard.sidecar.api.http.metrics import ErrorCodes, category_of, exposition, usage
from outboard.sidecar.process.options_reader import parse


def test_the_text_is_what_prometheus_reads() -> None:
    errors = {("ERR_STATE_GET", "state"): 2, ("ERR_DIRECT_INVOKE", "service-invocation"): 1}
    assert exposition('"', errors, {"up": ("gauge", "Whether it is.", 1.5)}) == (
        "# HELP dapr_error_code_total Number of answers with each error code.\n"
        "# TYPE dapr_error_code_total counter\n"
        'dapr_error_code_total{app_id="\\"",category="service-invocation",error_code="ERR_DIRECT_INVOKE"} 1\n'
        'dapr_error_code_total{app_id="\\"",category="state",error_code="ERR_STATE_GET"} 2\n'
        "# HELP up Whether it is.\n"
        "# TYPE up gauge\n"
        "up 1.5\n"
    )


def test_without_errors_there_is_only_the_process() -> None:
    text = exposition("app", {}, usage())
    assert "dapr_error_code_total" not in text
    (memory,) = [line for line in text.splitlines() if line.startswith("process_resident_memory_bytes ")]
    assert 1e6 < float(memory.partition(" ")[2]) < 1e11


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("ERR_STATE_STORE_NOT_CONFIGURED", "state"),
        ("ERR_NOT_SUPPORTED_STATE_OPERATION", "state"),
        ("ERR_PUBLISH_OUTBOX", "pubsub"),
        ("ERR_TOPIC_NAME_EMPTY", "pubsub"),
        ("ERR_SECRET_GET", "secret"),
        ("ERR_OUTBOUND_HEALTH_NOT_READY", "health"),
        ("ERR_MALFORMED_REQUEST", "common"),
    ],
)
def test_a_code_counts_for_its_building_block_unless_told_otherwise(code: str, category: str) -> None:
    errors = ErrorCodes()
    errors.count(code, "")
    errors.count(code, "")
    errors.count(code, "state")
    assert category_of(code) == category
    assert errors.counts.total() == 3
    assert errors.counts[code, category] == (3 if category == "state" else 2)


@pytest.mark.parametrize(
    ("flags", "port"),
    [([], None), (["--metrics-port=0"], 0), (["--metrics-port=9090", "--enable-metrics=false"], None)],
)
def test_metrics_have_a_port_only_where_one_is_given(flags: list[str], port: int | None) -> None:
    assert parse(["--app-id=app", *flags], {}).metrics_port == port


def test_what_a_configuration_says_of_metrics_and_what_has_no_effect(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nspec:\n"
        "  metric: {enabled: false, recordErrorCodes: true}\n  metrics: {enabled: true, rules: []}\n",
        encoding="utf-8",
    )
    configuration = load_configuration([file], {})
    assert Configuration().metrics == MetricsSettings(enabled=True, record_error_codes=False)
    assert configuration.metrics == MetricsSettings(enabled=True, record_error_codes=True)
    assert any("`rules`" in finding.problem for finding in configuration.findings)

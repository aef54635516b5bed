from __future__ import annotations

from pathlib import Path

import pytest

from outboard.errors import ResourceError
from outboard.resources.configuration import Configuration, MetricsSettings
from outboard.resources.configuration_reader import load_configuration
from outboard.sidecar.api.http.metrics import usage
from outboard.sidecar.metrics.families import exposition
from outboard.sidecar.metrics.meters import Meters
from outboard.sidecar.process.options_reader import parse


def test_without_anything_measured_there_is_only_the_process() -> None:
    text = exposition(Meters("app", "").families, usage())
    assert "dapr_" not in text
    (memory,) = [line for line in text.splitlines() if line.startswith("process_resident_memory_bytes ")]
    assert 1e6 < float(memory.partition(" ")[2]) < 1e11


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
        "  metric: {enabled: false, recordErrorCodes: true}\n"
        "  metrics: {enabled: true, rules: [], http: {increasedCardinality: false, excludeVerbs: true}, "
        "latencyDistributionBuckets: [100, 5]}\n",
        encoding="utf-8",
    )
    configuration = load_configuration([file], {})
    assert Configuration().metrics == MetricsSettings(enabled=True, record_error_codes=False)
    assert configuration.metrics == MetricsSettings(
        enabled=True, record_error_codes=True, with_paths=False, latency_buckets=(5, 100)
    )
    for key in ("rules", "excludeVerbs"):
        assert any(f"`{key}`" in finding.problem for finding in configuration.findings)


def test_buckets_that_are_no_numbers_are_told_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nspec:\n"
        "  metrics:\n    latencyDistributionBuckets: [1, soon]\n",
        encoding="utf-8",
    )
    with pytest.raises(ResourceError, match=r"c\.yaml:5: .*'soon'"):
        load_configuration([file], {})

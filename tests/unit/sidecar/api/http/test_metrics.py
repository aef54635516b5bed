from __future__ import annotations

import sys
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


@pytest.mark.skipif(sys.platform != "linux", reason="daprd tells it on Linux")
def test_on_linux_files_and_network_are_told_of() -> None:
    before = usage()
    with Path(__file__).open(encoding="utf-8"):
        opened = usage()["process_open_fds"][2] - before["process_open_fds"][2]
    assert opened == 1
    assert before["process_max_fds"][2] > before["process_open_fds"][2]
    assert before["process_virtual_memory_max_bytes"][2] >= before["process_virtual_memory_bytes"][2]
    assert before["process_network_receive_bytes_total"][0] == "counter"


def test_what_the_system_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("psutil.LINUX", False)
    monkeypatch.setattr("outboard.sidecar.api.http.metrics.NETSTAT", tmp_path / "nothing")
    assert list(usage()) == [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
    ]

from __future__ import annotations

import pytest

from outboard.sidecar.metrics.error_codes import category_of
from outboard.sidecar.metrics.families import exposition
from outboard.sidecar.metrics.meters import Meters, path_label


def told(meters: Meters) -> str:
    return exposition(meters.families, {})


def test_requests_are_told_by_path_unless_a_configuration_says_otherwise() -> None:
    for with_paths, path in ((True, "/v1.0/state/store"), (False, "")):
        meters = Meters("shop", "", with_paths=with_paths)
        meters.served("GET", "/v1.0/state/store/k", 200, 5, 7, 0.0015)
        meters.called_app("POST", path, 500, 1, 0, 0.1)
        text = told(meters)
        labels = f'app_id="shop",method="GET",path="{path}",status="200"'
        assert f"dapr_http_server_request_count{{{labels}}} 1\n" in text
        assert f'dapr_http_server_latency_bucket{{{labels},le="1"}} 0\n' in text
        assert f'dapr_http_server_latency_bucket{{{labels},le="2"}} 1\n' in text
        assert 'dapr_http_server_response_bytes_sum{app_id="shop"} 7\n' in text
        assert (
            f'dapr_http_client_sent_bytes_sum{{app_id="shop",method="POST",path="{path}",status=""}} 1'
            in text
        )


def test_a_configuration_gives_other_buckets() -> None:
    meters = Meters("shop", "prod", (5,))
    meters.published("ps", "orders", True, 0.004)
    bounds = [line.partition("le=")[2] for line in told(meters).splitlines() if "_bucket" in line]
    assert bounds == ['"5"} 1', '"+Inf"} 1']
    assert 'namespace="prod"' in told(meters)


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/v1.0/state/store/k/more", "/v1.0/state/store"),
        ("/v1.0/secrets/store/bulk", "/v1.0/secrets/store"),
        ("/v1.0/publish/ps/a/b", "/v1.0/publish/ps/a/b"),
        ("/v1.0/state/store", "/v1.0/state/store"),
        ("/", "/"),
    ],
)
def test_a_key_is_no_label(path: str, label: str) -> None:
    assert path_label(path) == label


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
    meters = Meters("shop", "", with_error_codes=True)
    for said in ("", "", "state"):
        meters.answered_with_error(code, said)
    count = 3 if category == "state" else 2
    assert category_of(code) == category
    sample = f'dapr_error_code_total{{app_id="shop",category="{category}",error_code="{code}"}} {count}\n'
    assert sample in told(meters)


def test_error_codes_are_counted_only_where_a_configuration_asks_for_them() -> None:
    meters = Meters("shop", "")
    meters.answered_with_error("ERR_STATE_GET", "")
    assert told(meters) == ""


def test_a_component_that_fails_counts_as_daprd_has_it() -> None:
    meters = Meters("shop", "")
    meters.not_loaded("pubsub.kafka", "broken", is_served=True)
    meters.not_loaded("pubsub.nothing", "unknown", is_served=False)
    counted = [line for line in told(meters).splitlines() if line.startswith("dapr_runtime")]
    start = 'dapr_runtime_component_init_fail_total{app_id="shop",component='
    assert counted == [
        f'{start}"pubsub.kafka",componentName="broken",reason="init"}} 2',
        f'{start}"pubsub.nothing",componentName="unknown",reason="creation"}} 1',
        f'{start}"pubsub.nothing",componentName="unknown",reason="init"}} 1',
    ]


def test_probes_are_told_by_their_answers() -> None:
    meters = Meters("shop", "")
    for status in (200, 503, 200):
        meters.probed(status, 0.0015)
    text = told(meters)
    assert 'dapr_http_healthprobes_completed_count{app_id="shop",status="200"} 2\n' in text
    assert 'dapr_http_healthprobes_roundtrip_latency_count{app_id="shop",status="503"} 1\n' in text
    assert "dapr_http_client" not in text

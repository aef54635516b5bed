"""The families of metrics that daprd has and this sidecar too: name, help, labels, buckets. Pure.

Source: Dapr, "Configure metrics"; daprd 1.18, `GET /metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

__all__ = ["COUNTERS", "LATENCIES", "LATENCY_HISTOGRAMS", "SIZES", "SIZE_HISTOGRAMS", "Described"]


class Described(NamedTuple):
    """What is said of a family, and the names of its labels beside the constant ones."""

    help: str
    labels: Sequence[str]


LATENCIES: Final = (
    1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50, 65, 80, 100, 130, 160, 200, 250, 300, 400, 500,
    650, 800, 1000, 2000, 5000, 10000, 20000, 50000, 100000,
)  # fmt: skip
"""Milliseconds."""
SIZES: Final = (
    "1024", "2048", "4096", "16384", "65536", "262144", "1.048576e+06", "4.194304e+06", "1.6777216e+07",
    "6.7108864e+07", "2.68435456e+08", "1.073741824e+09", "4.294967296e+09",
)  # fmt: skip
"""Bytes, as daprd writes them."""

EGRESS: Final = ("component", "success", "topic")
INGRESS: Final = ("component", "process_status", "status", "topic")
INGRESS_BULK: Final = ("component", "process_status", "topic")
STORE: Final = ("component", "operation", "success")
REQUEST: Final = ("method", "path", "status")
PROBE: Final = ("status",)

COUNTERS: Final[Mapping[str, Described]] = {
    "dapr_component_pubsub_egress_count": Described(
        "The number of outgoing messages published to the pub/sub component.", EGRESS
    ),
    "dapr_component_pubsub_egress_bulk_count": Described(
        "The number of bulk publish calls to the pub/sub component.", EGRESS
    ),
    "dapr_component_pubsub_ingress_count": Described(
        "The number of incoming messages arriving from the pub/sub component.", INGRESS
    ),
    "dapr_component_pubsub_ingress_bulk_count": Described(
        "The number of incoming bulk subscribe calls arriving from the bulk pub/sub component.", INGRESS_BULK
    ),
    "dapr_component_pubsub_ingress_bulk_event_count": Described(
        "Total number of incoming messages arriving from the bulk pub/sub component via Bulk Subscribe.",
        INGRESS_BULK,
    ),
    "dapr_component_state_count": Described(
        "The number of operations performed on the state component.", STORE
    ),
    "dapr_component_secret_count": Described(
        "The number of operations performed on the secret component.", STORE
    ),
    "dapr_http_server_request_count": Described("Count of HTTP requests processed by the server.", REQUEST),
    "dapr_http_server_response_count": Described("The number of HTTP responses", REQUEST),
    "dapr_http_client_completed_count": Described("Count of completed requests", REQUEST),
    "dapr_runtime_component_loaded": Described("The number of successfully loaded components.", ()),
    "dapr_runtime_component_init_total": Described("The number of initialized components.", ("component",)),
    "dapr_runtime_component_init_fail_total": Described(
        "The number of component initialization failures.", ("component", "componentName", "reason")
    ),
    "dapr_http_healthprobes_completed_count": Described("Count of completed health probes", PROBE),
    "dapr_error_code_total": Described("Number of answers with each error code.", ("category", "error_code")),
}
LATENCY_HISTOGRAMS: Final[Mapping[str, Described]] = {
    "dapr_component_pubsub_egress_latencies": Described(
        "The latency of the response from the pub/sub component.", EGRESS
    ),
    "dapr_component_pubsub_egress_bulk_latencies": Described(
        "The latency of the response for the bulk publish call from the pub/sub component.", EGRESS
    ),
    "dapr_component_pubsub_ingress_latencies": Described(
        "The consuming app event processing latency.", INGRESS
    ),
    "dapr_component_pubsub_ingress_bulk_latencies": Described(
        "The consuming app event processing latency for the bulk pub/sub component.", INGRESS_BULK
    ),
    "dapr_component_state_latencies": Described(
        "The latency of the response from the state component.", STORE
    ),
    "dapr_component_secret_latencies": Described(
        "The latency of the response from the secret component.", STORE
    ),
    "dapr_http_server_latency": Described("HTTP request end-to-end latency in server.", REQUEST),
    "dapr_http_client_roundtrip_latency": Described(
        "Time between first byte of request headers sent to last byte of response received, "
        "or terminal error",
        REQUEST,
    ),
    "dapr_http_healthprobes_roundtrip_latency": Described(
        "Time between first byte of health probes headers sent to last byte of response received, "
        "or terminal error",
        PROBE,
    ),
}
SIZE_HISTOGRAMS: Final[Mapping[str, Described]] = {
    "dapr_http_server_request_bytes": Described(
        "HTTP request body size if set as ContentLength (uncompressed) in server.", ()
    ),
    "dapr_http_server_response_bytes": Described("HTTP response body size (uncompressed) in server.", ()),
    "dapr_http_client_sent_bytes": Described(
        "Total bytes sent in request body (not including headers)", REQUEST
    ),
    "dapr_http_client_received_bytes": Described(
        "Total bytes received in response bodies "
        "(not including headers but including error responses with bodies)",
        (),
    ),
}

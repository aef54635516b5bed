"""The families of metrics that daprd has and this sidecar too: name, help, labels, buckets. Pure.

Source: Dapr, "Configure metrics"; daprd 1.18, `GET /metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

__all__ = [
    "CALL_COUNTERS",
    "CALL_LATENCIES",
    "CALL_SIZES",
    "CIRCUIT_STATES",
    "COUNTERS",
    "GAUGES",
    "LATENCIES",
    "LATENCY_HISTOGRAMS",
    "POLICY_COUNTERS",
    "SIZES",
    "SIZE_HISTOGRAMS",
    "Described",
]


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

SERVED: Final = ("grpc_server_method", "grpc_server_status")
CALLED: Final = ("grpc_client_method", "grpc_client_status")
POLICY: Final = ("flow_direction", "name", "namespace", "policy", "status", "target")
CIRCUIT_STATES: Final = ("closed", "half-open", "open", "unknown")

CALL_COUNTERS: Final[Mapping[str, Described]] = {
    "dapr_grpc_io_server_completed_rpcs": Described(
        "Distribution of bytes sent per RPC, by method.",
        SERVED,  # as daprd says of it
    ),
    "dapr_grpc_io_client_completed_rpcs": Described("Count of RPCs by method and status.", CALLED),
    "dapr_runtime_service_invocation_req_sent_total": Described(
        "The number of requests sent via service invocation.", ("dst_app_id", "type")
    ),
    "dapr_runtime_service_invocation_req_recv_total": Described(
        "The number of requests received via service invocation.", ("src_app_id",)
    ),
    "dapr_runtime_service_invocation_res_sent_total": Described(
        "The number of responses sent via service invocation.", ("dst_app_id", "status")
    ),
    "dapr_runtime_service_invocation_res_recv_total": Described(
        "The number of responses received via service invocation.", ("src_app_id", "status", "type")
    ),
}
CALL_LATENCIES: Final[Mapping[str, Described]] = {
    "dapr_grpc_io_server_server_latency": Described(
        "Time between first byte of request received to last byte of response sent, or terminal error.",
        SERVED,
    ),
    "dapr_grpc_io_client_roundtrip_latency": Described(
        "Time between first byte of request sent to last byte of response received, or terminal error.",
        CALLED,
    ),
    "dapr_runtime_service_invocation_res_recv_latency_ms": Described(
        "The latency of service invocation response.", ("src_app_id", "status")
    ),
}
CALL_SIZES: Final[Mapping[str, Described]] = {
    "dapr_grpc_io_server_received_bytes_per_rpc": Described(
        "Total bytes received across all messages per RPC.", SERVED[:1]
    ),
    "dapr_grpc_io_server_sent_bytes_per_rpc": Described(
        "Total bytes sent in across all response messages per RPC.", SERVED[:1]
    ),
    "dapr_grpc_io_client_received_bytes_per_rpc": Described(
        "Total bytes received across all response messages per RPC.", CALLED[:1]
    ),
    "dapr_grpc_io_client_sent_bytes_per_rpc": Described(
        "Total bytes sent across all request messages per RPC.", CALLED[:1]
    ),
}
POLICY_COUNTERS: Final[Mapping[str, Described]] = {
    "dapr_resiliency_loaded": Described("Number of resiliency policies loaded.", ("name", "namespace")),
    "dapr_resiliency_count": Described(
        "Number of times a resiliency policyKey has been applied to a building block.", POLICY
    ),
    "dapr_resiliency_activations_total": Described(
        "Number of times a resiliency policyKey has been activated in a building block after a failure "
        "or after a state change.",
        POLICY,
    ),
}
GAUGES: Final[Mapping[str, Described]] = {
    "dapr_resiliency_cb_state": Described(
        "A resiliency policy's current CircuitBreakerState state. "
        "0 is closed, 1 is half-open, 2 is open, and -1 is unknown.",
        POLICY,
    ),
}

"""What one sidecar measures of calls, from app to app and over gRPC, and of the policies of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from outboard.sidecar.metrics.catalogue import (
    CALL_COUNTERS,
    CALL_LATENCIES,
    CALL_SIZES,
    CIRCUIT_STATES,
    GAUGES,
    POLICY_COUNTERS,
    SIZES,
)
from outboard.sidecar.metrics.families import CounterFamily, GaugeFamily, HistogramFamily, MetricFamily

__all__ = ["CallMeters", "PolicyMeters"]

UNARY: Final = "unary"
STREAMING: Final = "streaming"
BREAKER: Final = "circuitbreaker"


class CallMeters:
    """All durations are in seconds, all sizes in bytes. Statuses of gRPC have the names of Go."""

    def __init__(self, constant: Mapping[str, str], latencies: Sequence[str]) -> None:
        self._counters = {
            name: CounterFamily(name, help, labels, constant)
            for name, (help, labels) in CALL_COUNTERS.items()
        }
        self._histograms = {
            name: HistogramFamily(name, help, labels, constant, bounds)
            for bounds, table in ((tuple(latencies), CALL_LATENCIES), (SIZES, CALL_SIZES))
            for name, (help, labels) in table.items()
        }

    @property
    def families(self) -> Sequence[MetricFamily]:
        """All of them."""
        return [*self._counters.values(), *self._histograms.values()]

    def served(
        self, method: str, status: str, seconds: float, taken: int | None = None, given: int | None = None
    ) -> None:
        """The gRPC API answered; the sizes are None of a call that is a stream."""
        self._counters["dapr_grpc_io_server_completed_rpcs"].add((method, status))
        self._histograms["dapr_grpc_io_server_server_latency"].observe((method, status), seconds * 1000)
        if taken is not None and given is not None:
            self._histograms["dapr_grpc_io_server_received_bytes_per_rpc"].observe((method,), taken)
            self._histograms["dapr_grpc_io_server_sent_bytes_per_rpc"].observe((method,), given)

    def called_app(self, method: str, status: str, seconds: float, sent: int, received: int) -> None:
        """An app over gRPC answered the sidecar, or did not, which is a status, too."""
        self._counters["dapr_grpc_io_client_completed_rpcs"].add((method, status))
        self._histograms["dapr_grpc_io_client_roundtrip_latency"].observe((method, status), seconds * 1000)
        self._histograms["dapr_grpc_io_client_sent_bytes_per_rpc"].observe((method,), sent)
        self._histograms["dapr_grpc_io_client_received_bytes_per_rpc"].observe((method,), received)

    def sent(self, app_id: str, *, streaming: bool = False) -> None:
        """The app's call went to `app_id`."""
        kind = STREAMING if streaming else UNARY
        self._counters["dapr_runtime_service_invocation_req_sent_total"].add((app_id, kind))

    def answered(self, app_id: str, status: int, seconds: float) -> None:
        """`app_id` answered it, with a status of HTTP or of gRPC."""
        self._counters["dapr_runtime_service_invocation_res_recv_total"].add((app_id, str(status), UNARY))
        latency = self._histograms["dapr_runtime_service_invocation_res_recv_latency_ms"]
        latency.observe((app_id, str(status)), seconds * 1000)

    def received(self, app_id: str) -> None:
        """A call of `app_id` came to this app."""
        self._counters["dapr_runtime_service_invocation_req_recv_total"].add((app_id,))

    def replied(self, app_id: str, status: int) -> None:
        """It was answered."""
        self._counters["dapr_runtime_service_invocation_res_sent_total"].add((app_id, str(status)))


class PolicyMeters:
    """The policies of Resiliency at work: `direction` is inbound or outbound, `target` as daprd writes it.

    `named` is the resource that is told of, the last one that was loaded.
    """

    def __init__(self, constant: Mapping[str, str]) -> None:
        counters = {
            name: CounterFamily(name, help, labels, constant)
            for name, (help, labels) in POLICY_COUNTERS.items()
        }
        self._loaded = counters["dapr_resiliency_loaded"]
        self._applied = counters["dapr_resiliency_count"]
        self._activated = counters["dapr_resiliency_activations_total"]
        (self._state,) = (
            GaugeFamily(name, help, labels, constant) for name, (help, labels) in GAUGES.items()
        )
        self.named = ""

    @property
    def families(self) -> Sequence[MetricFamily]:
        """All of them."""
        return [self._loaded, self._applied, self._activated, self._state]

    def loaded(self, name: str) -> None:
        """A Resiliency resource is in force."""
        self.named = name
        self._loaded.add((name, ""))

    def applied(self, policy: str, direction: str, target: str, status: str = "") -> None:
        """A call is kept by `policy`; `status` is that of a circuit breaker."""
        self._applied.add((direction, self.named, "", policy, status, target))
        if policy == BREAKER:
            for each in CIRCUIT_STATES:
                self._state.set((direction, self.named, "", policy, each, target), int(each == status))

    def activated(self, policy: str, direction: str, target: str, status: str = "") -> None:
        """`policy` did something about a call: tried again, gave up, or has another state."""
        self._activated.add((direction, self.named, "", policy, status, target))

"""What one sidecar measures. Pure.

Other than in daprd every latency is recorded, and in fractions of a millisecond: daprd cuts them to whole
ones, and leaves out those of components that are below one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from outboard.sidecar.metrics.call_meters import CallMeters, PolicyMeters
from outboard.sidecar.metrics.catalogue import (
    COUNTERS,
    LATENCIES,
    LATENCY_HISTOGRAMS,
    SIZE_HISTOGRAMS,
    SIZES,
)
from outboard.sidecar.metrics.error_codes import category_of
from outboard.sidecar.metrics.families import CounterFamily, HistogramFamily, MetricFamily

__all__ = ["Meters", "path_label"]

PATHS_KEPT: Final = 1024
KEYED: Final = ("state", "secrets")
"""The building blocks whose paths go on with a key, which is no label."""
PARTS: Final = 3
INIT: Final = "init"
CREATION: Final = "creation"


class Meters:
    """The metrics of one sidecar. All durations are in seconds, all sizes in bytes.

    `latencies` are the bounds of the buckets in milliseconds. Without `with_paths` no request is told by its
    path; error codes are counted only `with_error_codes`.
    """

    def __init__(
        self,
        app_id: str,
        namespace: str,
        latencies: Sequence[int] = LATENCIES,
        *,
        with_paths: bool = True,
        with_error_codes: bool = False,
    ) -> None:
        self._app = {"app_id": app_id}
        self._placed = {**self._app, "namespace": namespace}
        self._with_paths = with_paths
        self._with_error_codes = with_error_codes
        bounds = tuple(map(str, latencies))
        self._counters = {
            name: CounterFamily(name, help, labels, self._constant(name))
            for name, (help, labels) in COUNTERS.items()
        }
        self._histograms = {
            name: HistogramFamily(name, help, labels, self._constant(name), kept)
            for kept, table in ((bounds, LATENCY_HISTOGRAMS), (SIZES, SIZE_HISTOGRAMS))
            for name, (help, labels) in table.items()
        }
        self._egress = self._component("pubsub_egress")
        self._egress_bulk = self._component("pubsub_egress_bulk")
        self._ingress = self._component("pubsub_ingress")
        self._ingress_bulk = self._component("pubsub_ingress_bulk")
        self._ingress_bulk_events = self._counters["dapr_component_pubsub_ingress_bulk_event_count"]
        self._state = self._component("state")
        self._secret = self._component("secret")
        self.calls = CallMeters(self._app, bounds)
        """Those of calls."""
        self.policies = PolicyMeters(self._app)
        """Those of Resiliency."""
        self._server = _Server(self._counters, self._histograms)
        self._client = _Client(self._counters, self._histograms)
        self._probes = _CountAndLatency(
            self._counters["dapr_http_healthprobes_completed_count"],
            self._histograms["dapr_http_healthprobes_roundtrip_latency"],
        )

    @property
    def families(self) -> Sequence[MetricFamily]:
        """All that is measured."""
        own = [*self._counters.values(), *self._histograms.values()]
        return [*own, *self.calls.families, *self.policies.families]

    def published(self, pubsub: str, topic: str, success: bool, seconds: float) -> None:
        """The app published an event."""
        self._egress.count((pubsub, _boolean(success), topic), seconds)

    def published_in_bulk(self, pubsub: str, topic: str, success: bool, seconds: float) -> None:
        """The app published several in one request, of which all went well or not."""
        self._egress_bulk.count((pubsub, _boolean(success), topic), seconds)

    def delivered(
        self, pubsub: str, topic: str, process_status: str, status: str, seconds: float | None
    ) -> None:
        """An event came to an end, or an attempt with it; `seconds` None: the app was not asked."""
        self._ingress.count((pubsub, process_status, status, topic), seconds)

    def delivered_in_bulk(
        self, pubsub: str, topic: str, statuses: Mapping[str, int], seconds: float | None
    ) -> None:
        """A batch came to its end, with so many events by status; `seconds` as of `delivered`."""
        self._ingress_bulk.count((pubsub, "", topic), seconds)
        for status, count in statuses.items():
            if count > 0:
                self._ingress_bulk_events.add((pubsub, status, topic), count)

    def used_state(self, store: str, operation: str, success: bool, seconds: float) -> None:
        """A state store was asked."""
        self._state.count((store, operation, _boolean(success)), seconds)

    def used_secrets(self, store: str, operation: str, success: bool, seconds: float) -> None:
        """A secret store was asked."""
        self._secret.count((store, operation, _boolean(success)), seconds)

    def served(self, method: str, path: str, status: int, taken: int, given: int, seconds: float) -> None:
        """The API answered: a request of `taken` bytes with a response of `given`."""
        label = path_label(path) if self._with_paths else ""
        self._server.answered((method, label, str(status)), taken, given, seconds)

    def called_app(
        self, method: str, path: str, status: int, sent: int, received: int, seconds: float
    ) -> None:
        """The app answered the sidecar, or did not, which is 500."""
        label = path if self._with_paths else ""
        self._client.answered((method, label, str(status)), sent, received, seconds)

    def loaded(self, types: Iterable[str]) -> None:
        """Components of these types are up."""
        for each in types:
            self._counters["dapr_runtime_component_loaded"].add(())
            self._counters["dapr_runtime_component_init_total"].add((each,))

    def not_loaded(self, type: str, name: str, *, is_served: bool) -> None:
        """A component could not be set up; not even made, where its type is not served.

        As daprd counts it: where it fails, and once more for the whole of its initialization.
        """
        counter = self._counters["dapr_runtime_component_init_fail_total"]
        counter.add((type, name, INIT if is_served else CREATION))
        counter.add((type, name, INIT))

    def probed(self, status: int, seconds: float) -> None:
        """The app was asked over HTTP whether it is well, and answered, or did not, which is 500."""
        self._probes.count((str(status),), seconds)

    def answered_with_error(self, code: str, category: str) -> None:
        """The API answered with an error code. `category` empty is that of the code."""
        if self._with_error_codes and code:
            self._counters["dapr_error_code_total"].add((category or category_of(code), code))

    def _constant(self, name: str) -> Mapping[str, str]:
        return self._placed if name.startswith("dapr_component_") else self._app

    def _component(self, name: str) -> _CountAndLatency:
        start = f"dapr_component_{name}"
        return _CountAndLatency(self._counters[f"{start}_count"], self._histograms[f"{start}_latencies"])


class _CountAndLatency:
    def __init__(self, counter: CounterFamily, histogram: HistogramFamily) -> None:
        self._counter = counter
        self._histogram = histogram

    def count(self, labels: tuple[str, ...], seconds: float | None) -> None:
        self._counter.add(labels)
        if seconds is not None:
            self._histogram.observe(labels, seconds * 1000)


class _Server:
    def __init__(
        self, counters: Mapping[str, CounterFamily], histograms: Mapping[str, HistogramFamily]
    ) -> None:
        self._requests = counters["dapr_http_server_request_count"]
        self._responses = counters["dapr_http_server_response_count"]
        self._latency = histograms["dapr_http_server_latency"]
        self._taken = histograms["dapr_http_server_request_bytes"]
        self._given = histograms["dapr_http_server_response_bytes"]

    def answered(self, labels: tuple[str, str, str], taken: int, given: int, seconds: float) -> None:
        self._requests.add(labels)
        self._responses.add(labels)
        self._latency.observe(labels, seconds * 1000)
        self._taken.observe((), taken)
        self._given.observe((), given)


class _Client:
    def __init__(
        self, counters: Mapping[str, CounterFamily], histograms: Mapping[str, HistogramFamily]
    ) -> None:
        self._completed = counters["dapr_http_client_completed_count"]
        self._roundtrips = histograms["dapr_http_client_roundtrip_latency"]
        self._sent = histograms["dapr_http_client_sent_bytes"]
        self._received = histograms["dapr_http_client_received_bytes"]

    def answered(self, labels: tuple[str, str, str], sent: int, received: int, seconds: float) -> None:
        self._completed.add(labels)
        self._roundtrips.observe(labels, seconds * 1000)
        self._sent.observe((*labels[:2], ""), sent)  # daprd counts before it knows the status
        self._received.observe((), received)


@lru_cache(PATHS_KEPT)
def path_label(path: str) -> str:
    """A path of the API without keys: `/v1.0/state/orders` of `/v1.0/state/orders/7`."""
    parts = path.strip("/").split("/")
    if len(parts) > PARTS and parts[1] in KEYED:
        return "/" + "/".join(parts[:PARTS])
    return path


def _boolean(value: bool) -> str:
    return "true" if value else "false"

"""An OTLP collector on loopback: takes spans over HTTP in Protobuf, and keeps them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["Collector", "attributes", "collector"]


class Collector:
    """`spans` has, for each, the name of the service and of the instrumentation; `metrics` the names seen."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[tuple[str, str, Span]] = []
        self.metrics: set[str] = set()
        self.schemas: set[str] = set()
        self._changed = threading.Condition()

    def take_spans(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._changed:
            for resource in request.resource_spans:
                service = attributes(resource.resource.attributes).get("service.name", "")
                for scope in resource.scope_spans:
                    if scope.scope.name == "outboard":
                        self.schemas.add(scope.schema_url)
                    self.spans += [(str(service), scope.scope.name, span) for span in scope.spans]
            self._changed.notify_all()

    def take_metrics(self, body: bytes) -> None:
        request = ExportMetricsServiceRequest.FromString(body)
        with self._changed:
            for resource in request.resource_metrics:
                self.metrics |= {each.name for scope in resource.scope_metrics for each in scope.metrics}
            self._changed.notify_all()

    def wait_for(self, *names: str, seconds: float = 20.0) -> list[tuple[str, Span]]:
        """The spans with these names, in this order, each with its service, once there is one of each."""
        until = monotonic() + seconds
        with self._changed:
            while True:
                found = {span.name: (service, span) for service, _, span in self.spans}
                if all(name in found for name in names):
                    return [found[name] for name in names]
                if not self._changed.wait(until - monotonic()):
                    raise AssertionError(f"no {set(names) - set(found)} among {sorted(found)}")


def attributes(pairs: Iterable[KeyValue]) -> dict[str, object]:
    """Attributes as values of Python."""
    found: dict[str, object] = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        found[pair.key] = getattr(pair.value, kind) if kind else None
    return found


@contextmanager
def collector() -> Iterator[Collector]:
    """One that listens while the block runs, on a free port."""
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/traces":
                made.take_spans(body)
            elif self.path == "/v1/metrics":
                made.take_metrics(body)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""The behaviours of daprd that are about gRPC, in a few words each, by area, and the tests that hold them.

A holder is `group/case` of `grpc_cases`, a question by its name, `start …` or `stop …`, `file.py::test`
beside this file or below `tests`, or a case of daprd's own suite; `*` stands for anything.
Source: the Dapr documentation of each building block, and daprd 1.18 where it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["GRPC_ROWS"]

UNIT: Final = "unit/sidecar"
SERVED: Final = f"{UNIT}/runtime/test_grpc_serving.py::test"
STREAM: Final = "test_streams_same_as_daprd.py::test_the_same_stream"
STREAMS: Final = "integration/test_streaming_subscriptions.py::test"
INVOKED: Final = "test_on_invoke_same_as_daprd.py::test"
PROXIED: Final = "test_proxying_same_as_daprd.py::test"
PROPERTY: Final = "test_property_same_over_grpc.py::test"
FAILURES: Final = "test_grpc_failures_same_as_daprd.py::test_the_same_failure"
UNIX: Final = "test_unix_sockets_same_as_daprd.py::test_the_same_answers_where_ports_would_be"
SDK: Final = "e2e/test_official_sdk.py::test"

Rows = Mapping[str, tuple[str, ...]]

PROCESS: Final[Rows] = {
    "app-protocol grpc": ("grpc-event-text", f"{SDK}_its_app_over_grpc_*"),
    "app-protocol grpcs: the certificate is not verified": (
        f"{UNIT}/channel/grpc/test_grpc_exchange.py::test_tls_is_not_verified",
        f"{UNIT}/invocation/grpc/test_proxied_calls.py::test_tls_of_the_app_is_not_verified",
    ),
    "app-protocol h2c": ("h2c-ps-*", "test_h2c_calls_same_as_daprd.py::test_requests"),
    "app-max-concurrency": ("grpc-one-call-at-a-time", "h2c-one-call-at-a-time"),
    "dapr-grpc-port is taken": (f"{SERVED}_a_port_that_is_taken_*",),
    "dapr-grpc-port is the app's": ("start grpc-port-twice",),
    "max-body-size": (
        "grpc-main/publish-too-large",
        "grpc-main/publish-large",
        f"{PROXIED}_a_message_that_*",
    ),
    "max-body-size: answers of the app": (
        f"{UNIT}/channel/grpc/test_grpc_exchange.py::test_a_message_that_is_too_large_is_refused",
    ),
    "unix-domain-socket": (UNIX,),
    "the API answers before the app is there": ("daprd/serviceinvocation/grpc/slowappstartup",),
    "log: calls of the API": ("test_api_log_same_as_daprd.py::test_the_same_is_logged",),
    "signals: what is in hand": ("stop grpc*",),
    "signals: dapr-block-shutdown-duration": ("stop grpc-block*",),
    "Shutdown": ("daprd/shutdown/api/gracefulgrpc",),
    "Shutdown: forced": ("daprd/shutdown/api/forcegrpc",),
}
SERVER: Final[Rows] = {
    "reflection": ("test_reflection_same_as_daprd.py::test_the_same_is_told",),
    "reflection without the name of an app": ("grpc-main/reflection-for-nobody",),
    "unknown services go to an app": (f"{PROXIED}_methods", f"{PROXIED}_answers"),
    "unknown services without the name of an app": ("grpc-main/no-such-service",),
    "unknown methods": ("grpc-main/no-such-method",),
    "bytes that are no message": ("grpc-main/no-message", f"{PROPERTY}_any_bytes"),
    "API token": ("grpc-token/no-token", "grpc-token/other-token", "grpc-token/token"),
    "allow and deny lists": ("grpc-configured/denied-*",),
    "errors: message and details": ("grpc-main/publish-unknown", "grpc-main/state-without-nope"),
    "methods that are not configured": ("grpc-main/empty-*",),
    "tracing and baggage": (f"{PROXIED}_metadata", "daprd/tracing/baggage/grpcBaggage"),
}
PUBLISHING: Final[Rows] = {
    "single": ("grpc-main/publish-text", f"{PROPERTY}_publish"),
    "envelope": ("grpc-main/publish-json", "grpc-main/publish-bytes", "grpc-main/publish-untyped"),
    "overrides and expiration": ("grpc-main/publish-overridden", "grpc-main/publish-ttl"),
    "input that is a CloudEvent": ("grpc-main/publish-event",),
    "rawPayload puts the trace into the metadata": ("grpc-main/publish-raw", "grpc-main/publish-raw-traced"),
    "bulk": ("grpc-main/BulkPublishEvent", f"{PROPERTY}_publish_bulk"),
    "bulk by its alpha name": ("grpc-main/BulkPublishEventAlpha1",),
    "bulk takes any content type": ("grpc-main/BulkPublishEvent",),
    "bulk that fails is a status": (FAILURES,),
    "error: component missing": ("grpc-main/publish-unknown", "grpc-bare/publish"),
    "error: pubsub empty": ("grpc-main/publish-no-pubsub",),
    "error: topic empty": ("grpc-main/publish-no-topic",),
    "error: rawPayload": ("grpc-main/publish-raw-no-boolean",),
    "error: no CloudEvent": ("grpc-main/publish-no-event", "grpc-main/BulkPublishEvent-no-event"),
    "error: entryId": ("grpc-main/BulkPublishEvent-twice", "grpc-main/BulkPublishEvent-no-id"),
    "error: forbidden": ("grpc-main/publish-forbidden", "grpc-main/BulkPublishEvent-forbidden"),
    "error: component fails": (FAILURES,),
    "error: outbox": ("grpc-main/outbox-forbidden",),
}
DELIVERY: Final[Rows] = {
    "ListTopicSubscriptions": ("grpc-discovery-told", "grpc-discovery-nothing"),
    "ListTopicSubscriptions is not implemented": ("grpc-discovery-unimplemented",),
    "ListTopicSubscriptions fails": ("grpc-discovery-internal", "grpc-discovery-unavailable"),
    "ListTopicSubscriptions is not asked": ("grpc-init-endpoints",),
    "no configuration is asked for": (
        f"{UNIT}/channel/grpc/test_grpc_channel.py::test_an_app_over_grpc_is_not_asked_*",
    ),
    "rules": ("grpc-route-matches", "grpc-route-default", "grpc-route-no-match", "grpc-discovery-bad-rule"),
    "no routes are one rule with no path": ("grpc-route-none", "grpc-empty-metadata"),
    "declarative beside programmatic": ("grpc-discovery-told", "daprd/subscriptions/mixed/grpc/*"),
    "health": ("grpc-app-health",),
    "health: nothing is delivered while unwell": ("grpc-pauses-and-resumes",),
    "the event as a message": ("grpc-event-extensions", "grpc-event-overridden"),
    "data by its content type": ("grpc-event-xml", "grpc-event-json", "grpc-event-bytes"),
    "data of other content types is dropped": ("grpc-event-odd", "grpc-event-odd-json"),
    "what no message can be made of": ("grpc-unsent-*",),
    "metadata": ("grpc-event-metadata*",),
    "raw payloads": ("grpc-event-raw", "grpc-event-raw-json"),
    "dead letters": ("grpc-ps-drop", "grpc-retrying-internal", "daprd/subscriptions/*/deadletter*"),
    "SUCCESS, RETRY, DROP": ("grpc-ps-success", "grpc-ps-retry", "grpc-ps-drop"),
    "no status and an unknown one": ("grpc-ps-empty", "grpc-ps-unknown"),
    "UNIMPLEMENTED is dropped without a copy": ("grpc-ps-unimplemented",),
    "other statuses are tried again": ("grpc-retrying-unavailable", "grpc-retrying-internal"),
    "batch": ("grpc-ps-batch-envelope", "grpc-ps-batch-event"),
    "batch of raw payloads": ("grpc-ps-batch-raw",),
    "batch: OnBulkTopicEventAlpha1": ("grpc-batch-alpha",),
    "batch: UNIMPLEMENTED": ("grpc-ps-batch-unimplemented",),
    "batch: answers": ("grpc-ps-batch-untold", "grpc-ps-batch-stranger", "grpc-ps-batch-drop"),
    "batch: only what failed is tried again": ("grpc-retrying-batch-retry",),
    "resiliency: matching.gRPCStatusCodes": ("grpc-choosy-*",),
    "resiliency: timeout": ("grpc-patient-hang",),
    "resiliency: retries": ("daprd/resiliency/subscriptions/grpc",),
    "APP_API_TOKEN": ("grpc-app-token", "daprd/pubsub/grpc/appapitoken"),
    "hot reload": ("daprd/hotreload/selfhosted/pubsub/grpc", "daprd/hotreload/selfhosted/subscriptions/grpc"),
}
STREAMING: Final[Rows] = {
    "what may not come first": (STREAM, "daprd/subscriptions/stream/errors"),
    "a second beginning": (STREAM,),
    "the answer before the first event": (STREAM, "daprd/subscriptions/stream/basic"),
    "data": (STREAM,),
    "SUCCESS, RETRY, DROP": (STREAM, "daprd/subscriptions/stream/retry"),
    "an answer to an unknown event": (STREAM,),
    "dead letters": (STREAM,),
    "a client that leaves": (STREAM, "daprd/subscriptions/stream/disconnect"),
    "without an app": ("daprd/subscriptions/stream/noapp",),
    "beside the app's own": (STREAM, "daprd/subscriptions/stream/mixed"),
    "independent of the app's health": ("daprd/subscriptions/stream/healthz",),
    "several on one topic": ("daprd/subscriptions/stream/multi",),
    "metadata": (STREAM, f"{STREAMS}_both_metadata_apis_tell_of_it"),
    "resiliency": ("daprd/resiliency/subscriptions/streaming",),
    "hot reload of its component": (
        "daprd/hotreload/selfhosted/subscriptions/stream/persist", f"{STREAMS}_a_stream_goes_on_with_*",
    ),
    "the sidecar ends": ("test_streams_same_as_daprd.py::test_the_same_end", f"{STREAMS}_what_is_at_hand_*"),
    "API token and lists": (f"{STREAMS}_a_token_and_the_list_of_denied_apis_count",),
}  # fmt: skip
STATE: Final[Rows] = {
    "SaveState: bytes, and JSON by contentType": ("grpc-main/*-bytes", "grpc-main/*-json"),
    "SaveState: what is no JSON": ("grpc-main/*-no-json", "grpc-main/*-other-json"),
    "SaveState: several": ("grpc-main/*-several", "grpc-main/*-unlike"),
    "SaveState: no key": ("grpc-main/*-keys",),
    "GetState: nothing there": ("grpc-main/*-keys",),
    "GetBulkState": ("grpc-main/*-several",),
    "DeleteState": ("grpc-main/*-etags",),
    "DeleteBulkState": ("grpc-main/*-delete-many",),
    "ExecuteStateTransaction": ("grpc-main/*-transaction", "grpc-main/*-transaction-metadata"),
    "ExecuteStateTransaction: unknown operation": ("grpc-main/*-transaction-wrong",),
    "QueryStateAlpha1": ("grpc-main/*-query", f"{PROPERTY}_query"),
    "ETags": ("grpc-main/*-etags", "grpc-main/*-no-life-no-etag"),
    "options": ("grpc-main/*-options",),
    "TTL, and ttlExpireTime": ("grpc-main/*-ttl", "daprd/state/grpc/ttl"),
    "illegal keys": ("grpc-main/*-keys", "grpc-main/*-no-json-nowhere"),
    "error: no store": ("grpc-bare/state-without-nope",),
    "error: named store missing": ("grpc-main/state-without-nope", "grpc-main/state-without-name"),
    "error: the store fails": (FAILURES,),
    "any calls": (f"{PROPERTY}_state", "daprd/state/grpc/fuzzstate"),
    "outbox": ("daprd/outbox/grpc/basic", "daprd/outbox/grpc/noapp", "grpc-main/outbox-nothing-to-publish"),
    "outbox: projection": ("daprd/outbox/grpc/projection",),
}
REST: Final[Rows] = {
    "GetSecret, GetBulkSecret": ("grpc-main/secrets", f"{PROPERTY}_secrets"),
    "secrets: no stores, and unknown ones": ("grpc-bare/secrets", "grpc-main/secrets"),
    "secrets: denied, and left out of a bulk": ("grpc-configured/secrets",),
    "GetMetadata, SetMetadata": ("grpc-main/metadata", "grpc-bare/metadata", f"{PROPERTY}_metadata"),
    "InvokeService of an app over HTTP": ("test_invocation_same_as_daprd.py::test_invoke_service",),
    "InvokeService without a name": ("grpc-main/no-app-id", "grpc-main/empty-InvokeService"),
    "OnInvoke": (f"{INVOKED}_requests", f"{INVOKED}_answers", f"{INVOKED}_invoke_service"),
    "OnInvoke: retries and timeouts": (f"{INVOKED}_statuses_are_tried_again_*", f"{INVOKED}_what_takes_*"),
    "calls: who may": (f"{INVOKED}_access_that_is_denied", f"{PROXIED}_access_that_is_denied"),
    "calls: streams both ways": (f"{PROXIED}_streams", f"{PROXIED}_a_stream_goes_both_ways_at_once"),
    "calls: statuses and trailers": (f"{PROXIED}_statuses", f"{PROXIED}_answers"),
    "calls: deadlines and cancellations": (f"{PROXIED}_a_deadline_*", f"{PROXIED}_a_call_that_is_given_up_*"),
    "calls: policies": (f"{PROXIED}_what_is_tried_again", f"{PROXIED}_a_circuit_breaker"),
    "calls: tokens": (
        "daprd/serviceinvocation/grpc/appapitoken/*",
        "daprd/serviceinvocation/grpc/daprapitoken/*",
    ),
}

GRPC_ROWS: Final[Mapping[str, Rows]] = {
    "process": PROCESS,
    "server": SERVER,
    "publishing": PUBLISHING,
    "delivery": DELIVERY,
    "streaming": STREAMING,
    "state": STATE,
    "the rest": REST,
}

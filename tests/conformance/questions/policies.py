"""Resiliency policies that count by default."""

from __future__ import annotations

from conformance.question import (
    Group,
    Question,
    ask,
    responds,
    subscribed,
)
from conformance.questions.files import component, documents, resiliency
from conformance.questions.shared import PUBSUB, STATE, published
from outboard.gojson.values import Json

__all__ = ["GROUPS"]

DEFAULT_POLICIES = Group(
    "default-policies",
    (
        Question(
            "default-policy",
            ("resiliency: defaults",),
            (published("dp"),),
            (subscribed("dp"),),
            {"/dp": (responds(500),) * 5},
            deliveries=3,
        ),
        Question(
            "target-over-default",
            ("resiliency: defaults",),
            (published("td", "own"),),
            (subscribed("td", pubsub="own"),),
            {"/td": (responds(500),) * 5},
            deliveries=2,
        ),
        Question("metadata-of-resiliency", ("metadata: fields",), (ask("GET", "/v1.0/metadata"),)),
    ),
    {
        "components.yaml": documents(PUBSUB, component("own", "pubsub.in-memory")),
        "resiliency.yaml": resiliency(
            "defaults",
            {
                "retries": {
                    "DefaultPubsubComponentInboundRetryPolicy": {
                        "policy": "constant",
                        "duration": "10ms",
                        "maxRetries": 2,
                    },
                    "DefaultComponentInboundRetryPolicy": {
                        "policy": "constant",
                        "duration": "10ms",
                        "maxRetries": 5,
                    },
                    "once": {"policy": "constant", "duration": 10, "maxRetries": 1},
                }
            },
            {"own": {"inbound": {"retry": "once"}}},
        ),
    },
)


WRONG: Json = [{"key": "k", "value": 1, "options": {"concurrency": "weird"}}]
OUTBOUND = Group(
    "outbound-policies",
    (
        Question(
            "outbound-circuit-breaker",
            ("resiliency: outbound", "resiliency: circuit breaker"),
            (
                *(ask("POST", "/v1.0/state/mem", WRONG) for _ in range(4)),
                ask("GET", "/v1.0/state/mem/k"),
                ask("DELETE", "/v1.0/state/mem/k"),
                ask("POST", "/v1.0/state/mem/bulk", {"keys": ["k"]}),
                ask(
                    "POST",
                    "/v1.0/state/mem/transaction",
                    {"operations": [{"operation": "delete", "request": {"key": "k"}}]},
                ),
            ),
        ),
        Question(
            "outbound-etag",
            ("resiliency: outbound",),
            (
                ask("POST", "/v1.0/state/other", [{"key": "k", "value": 1}]),
                ask("POST", "/v1.0/state/other", [{"key": "k", "value": 1, "etag": "x"}]),
                *(ask("DELETE", "/v1.0/state/other/k", if_match="x") for _ in range(3)),
                ask("GET", "/v1.0/state/other/k"),
            ),
        ),
    ),
    {
        "components.yaml": documents(STATE, component("other", "state.in-memory")),
        "resiliency.yaml": resiliency(
            "outbound",
            {
                "retries": {"once": {"policy": "constant", "duration": "10ms", "maxRetries": 1}},
                "circuitBreakers": {"breaker": {"trip": "consecutiveFailures > 1", "timeout": "60s"}},
            },
            {
                "mem": {"outbound": {"retry": "once", "circuitBreaker": "breaker"}},
                "other": {"outbound": {"retry": "once", "circuitBreaker": "breaker"}},
            },
        ),
    },
    app=False,
)

GROUPS = (DEFAULT_POLICIES, OUTBOUND)

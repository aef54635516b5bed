"""Which keys a resource may have. daprd ignores all others silently; here a person is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from outboard.resources.node import Node

__all__ = [
    "ANY_KEY",
    "COMPONENT",
    "CONFIGURATION",
    "HTTP_ENDPOINT",
    "RESILIENCY",
    "SUBSCRIPTION",
    "Shape",
    "keys_in_other_case",
    "unknown_keys",
]

Shape: TypeAlias = "Mapping[str, Shape | None]"
"""The keys of a mapping (or of each mapping in a list), each with the shape of what stands under it.

None: whatever stands there is not looked at.
"""

ANY_KEY: Final = "*"

BASE: Final[Shape] = {"apiVersion": None, "kind": None, "metadata": None, "scopes": None}

COMPONENT: Final[Shape] = {
    **BASE,
    "auth": {"secretStore": None},
    "spec": {
        "type": None,
        "version": None,
        "initTimeout": None,
        "ignoreErrors": None,
        "metadata": {
            "name": None,
            "value": None,
            "envRef": None,
            "secretKeyRef": {"name": None, "key": None},
        },
    },
}

SUBSCRIPTION: Final[Shape] = {
    **BASE,
    "spec": {
        "pubsubname": None,
        "topic": None,
        "route": None,
        "routes": {"rules": {"match": None, "path": None}, "default": None},
        "deadLetterTopic": None,
        "metadata": None,
        "bulkSubscribe": {"enabled": None, "maxMessagesCount": None, "maxAwaitDurationMs": None},
    },
}

RETRY: Final[Shape] = {
    "policy": None,
    "duration": None,
    "maxInterval": None,
    "maxRetries": None,
    "matching": {"httpStatusCodes": None, "gRPCStatusCodes": None},
}
CIRCUIT_BREAKER: Final[Shape] = {"maxRequests": None, "interval": None, "timeout": None, "trip": None}
TARGET: Final[Shape] = {"timeout": None, "retry": None, "circuitBreaker": None}

RESILIENCY: Final[Shape] = {
    **BASE,
    "spec": {
        "policies": {
            "timeouts": None,
            "retries": {ANY_KEY: RETRY},
            "circuitBreakers": {ANY_KEY: CIRCUIT_BREAKER},
        },
        "targets": {
            "apps": None,
            "actors": None,
            "components": {ANY_KEY: {"inbound": TARGET, "outbound": TARGET}},
        },
    },
}

SECRET: Final[Shape] = {"name": None, "key": None}
HTTP_ENDPOINT: Final[Shape] = {
    **BASE,
    "auth": {"secretStore": None},
    "spec": {
        "baseUrl": None,
        "headers": {"name": None, "value": None, "envRef": None, "secretKeyRef": SECRET},
        "clientTLS": None,
    },
}

ACCESS_RULE: Final[Shape] = {"name": None, "version": None, "protocol": None}

METRICS: Final[Shape] = {
    "enabled": None,
    "http": {"increasedCardinality": None, "pathMatching": None, "excludeVerbs": None},
    "latencyDistributionBuckets": None,
    "recordErrorCodes": None,
    "rules": None,
}

CONFIGURATION: Final[Shape] = {
    **BASE,
    "spec": {
        "accessControl": None,
        "api": {"allowed": ACCESS_RULE, "denied": ACCESS_RULE},
        "appHttpPipeline": None,
        "components": {"deny": None},
        "features": {"name": None, "enabled": None},
        "httpPipeline": None,
        "logging": {"apiLogging": {"enabled": None, "obfuscateURLs": None, "omitHealthChecks": None}},
        "metric": METRICS,
        "metrics": METRICS,
        "mtls": None,
        "nameResolution": None,
        "secrets": {
            "scopes": {
                "storeName": None,
                "defaultAccess": None,
                "allowedSecrets": None,
                "deniedSecrets": None,
            },
        },
        "tracing": None,
        "wasm": None,
        "workflow": None,
    },
}


def unknown_keys(
    node: Node, shape: Shape, *, fold_case: bool = True
) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """What stands in `node` under keys that `shape` has not, each with the keys that are known there.

    Case does not count, as it does not for daprd in resource files; in a Configuration it does.
    """
    if isinstance(node.value, tuple):
        for item in node.value:
            yield from unknown_keys(item, shape, fold_case=fold_case)
    elif isinstance(node.value, Mapping):
        inner = {key.lower() if fold_case else key: value for key, value in shape.items()}
        for key, child in node.value.items():
            folded = key.lower() if fold_case else key
            name = folded if folded in inner else ANY_KEY
            if name not in inner:
                yield child, tuple(shape)
            elif (below := inner[name]) is not None:
                yield from unknown_keys(child, below, fold_case=fold_case)


def keys_in_other_case(node: Node, shape: Shape) -> Iterator[tuple[Node, str]]:
    """What stands in `node` under keys that `shape` has in another case, each with the key as it is there."""
    if isinstance(node.value, tuple):
        for item in node.value:
            yield from keys_in_other_case(item, shape)
    elif isinstance(node.value, Mapping):
        by_lower = {key.lower(): key for key in shape}
        for key, child in node.value.items():
            name = by_lower.get(key.lower(), ANY_KEY)
            if name not in (key, ANY_KEY):
                yield child, name
            if (below := shape.get(name)) is not None:
                yield from keys_in_other_case(child, below)

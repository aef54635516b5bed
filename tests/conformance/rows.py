"""The behaviours of daprd that questions are about: by area, in a few words each.

Source: the Dapr documentation of each building block, and daprd 1.18 where it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ROWS"]

AREAS: Final[Mapping[str, tuple[str, ...]]] = {
    "flags": (
        "app-channel-address", "app-id", "app-max-concurrency", "app-protocol", "dapr-listen-addresses",
        "inert flags", "log-level", "max-body-size", "port clash", "public port", "read-buffer-size",
        "single dash", "unknown flag", "values",
    ),
    "start": ("start",),
    "components": ("ignoreErrors", "same name", "unknown type"),
    "health": ("appid", "healthz", "outbound"),
    "discovery": ("disable-init-endpoints", "discovery", "no app port", "over gRPC"),
    "app health": ("health checks", "over gRPC", "paused while unwell"),
    "shutdown": ("in the middle of deliveries", "shutdown API", "signals"),
    "http": (
        "API token", "allow and deny lists", "allowed origins", "bad escape", "cleaning", "fallback",
        "metadata", "oversize", "topic", "tracing",
    ),
    "files": (
        "case of keys", "missing folder", "other documents", "same name", "scalars", "scopes",
        "unreadable document",
    ),
    "component": ("deny", "envRef", "metadata", "scopes", "secretKeyRef", "templates", "type", "version"),
    "declared": (
        "bad CEL", "bulkSubscribe", "deadLetterTopic", "metadata", "no rules", "v1alpha1", "v2alpha1",
    ),
    "configuration": ("missing file",),
    "publish": ("bulk", "single"),
    "publish errors": (
        "bulk body", "cloud event", "component missing", "entryId", "envelope", "forbidden", "pubsub empty",
        "rawPayload", "topic empty",
    ),
    "envelope": (
        "data", "datacontenttype", "expiration", "id", "source", "specversion", "subject", "time", "topic",
        "traceid", "tracestate", "type",
    ),
    "cloud event": ("completed",),
    "raw payload": ("rawPayload",),
    "bulk publish": ("decoding", "entries", "metadata"),
    "programmatic": ("answers", "rules"),
    "merging": (
        "declarative first wins", "programmatic last wins", "programmatic replaces", "unknown pubsub",
    ),
    "subscription": ("rawPayload",),
    "routing": ("CEL", "evaluation error", "first rule", "no match"),
    "reading": ("binary mode", "byte for byte", "expired", "not JSON", "rawPayload"),
    "delivery": ("dapr-api-token", "headers", "over gRPC", "over h2c", "path"),
    "outcome": ("404", "DROP", "HTTP 2xx", "RETRY", "connection error", "other status", "over gRPC"),
    "dead letters": ("copy", "in-memory"),
    "bulk subscribe": ("answers", "defaults", "envelope", "expired", "over gRPC", "routes"),
    "scoping": ("allowedTopics", "protectedTopics", "publishingScopes", "subscriptionScopes"),
    "namespacing": ("namespace",),
    "wildcards": ("wildcards",),
    "resiliency": (
        "circuit breaker", "defaults", "matching", "outbound", "retry", "timeout", "unknown policy",
    ),
    "state": (
        "bulk get", "delete", "encryption at rest", "get", "query", "save", "transaction",
        "value that is no JSON in a bulk get",
    ),
    "state keys": ("illegal key", "keyPrefix", "keys"),
    "state etags": ("mismatch", "options", "several", "transaction"),
    "state ttl": ("TTL",),
    "state errors": ("malformed", "named store missing", "no state store", "query", "unknown operation"),
    "state values": ("values",),
    "outbox": (
        "data as JSON by contentType", "nothing of a failed transaction", "projection",
        "published after the transaction",
    ),
    "unserved": ("unserved blocks",),
    "metadata": ("fields", "put", "subscriptions"),
    "secrets": ("bulk", "get", "no stores", "scoping", "unknown store"),
    "tokens": ("APP_API_TOKEN", "DAPR_API_TOKEN"),
    "state.sqlite": ("connectionString", "tableName"),
    "secret stores": ("local.env", "local.file"),
}  # fmt: skip

ROWS: Final = frozenset(f"{area}: {row}" for area, rows in AREAS.items() for row in rows)
"""Each as `area: row`."""

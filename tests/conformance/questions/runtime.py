"""Secrets, metadata, health, and paths that lead nowhere."""

from __future__ import annotations

from conformance.question import Question, ask

__all__ = ["FIRST", "QUESTIONS"]

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

SECRETS = (
    Question(
        "secrets-env",
        ("secrets: get", "secret stores: local.env"),
        (
            *(
                ask("GET", f"/v1.0/secrets/env/{name}")
                for name in (
                    "COLOUR",
                    "colour",
                    "MISSING",
                    "EMPTY",
                    "DAPR_API_TOKEN",
                    "DAPR_X",
                    "dapr_x",
                    "APP_API_TOKEN",
                    "a%2Fb",
                    "a/b",
                    "%20",
                    "SECRET_WORD",
                )
            ),
            ask("GET", "/v1.0/secrets/env/COLOUR?metadata.a=b"),
            ask("GET", "/v1.0/secrets/env/"),
            ask("GET", "/v1.0/secrets/env"),
        ),
    ),
    Question(
        "secrets-env-prefix",
        ("secret stores: local.env",),
        (
            ask("GET", "/v1.0/secrets/prefixed/WORD"),
            ask("GET", "/v1.0/secrets/prefixed/SECRET_WORD"),
            ask("GET", "/v1.0/secrets/prefixed/bulk"),
        ),
    ),
    Question(
        "secrets-file",
        ("secrets: get", "secrets: bulk", "secret stores: local.file"),
        tuple(
            ask("GET", f"/v1.0/secrets/file/{name}")
            for name in (
                "plain",
                "nested",
                "nested:deep",
                "nested:more:er",
                "list:0",
                "list:1",
                "list:1:b",
                "list",
                "missing",
                "PLAIN",
                "object",
                "text:",
                "bulk",
                "html",
            )
        ),
    ),
    Question(
        "secrets-file-separator",
        ("secret stores: local.file",),
        tuple(
            ask("GET", f"/v1.0/secrets/dotted/{name}")
            for name in ("plain", "nested.deep", "nested:deep", "list.0", "bulk")
        ),
    ),
    Question(
        "secrets-file-multi",
        ("secret stores: local.file",),
        tuple(
            ask("GET", f"/v1.0/secrets/multi/{name}")
            for name in ("plain", "nested", "list", "missing", "bulk", "object")
        ),
    ),
    Question(
        "secrets-file-odd",
        ("secret stores: local.file",),
        tuple(
            ask("GET", f"/v1.0/secrets/odd/{name}")
            for name in ("plain", "number", "flag", "none", "list", "bulk")
        ),
    ),
    Question(
        "secrets-file-leaves",
        ("secret stores: local.file",),
        tuple(
            ask("GET", f"/v1.0/secrets/leaves/{name}")
            for name in ("number", "float", "big", "flag", "none", "bulk")
        ),
    ),
    Question(
        "secrets-errors",
        ("secrets: unknown store", "http: fallback"),
        (
            ask("GET", "/v1.0/secrets/nowhere/x"),
            ask("GET", "/v1.0/secrets/nowhere/bulk"),
            ask("GET", "/v1.0/secrets"),
            ask("POST", "/v1.0/secrets/env/COLOUR"),
            ask("PUT", "/v1.0/secrets/file/plain", {}),
            ask("DELETE", "/v1.0/secrets/file/plain"),
            ask("GET", "/v1.0/secrets/mem/x"),
            ask("GET", "/v1.0/secrets/n%2Fo/x"),
        ),
    ),
)

HEALTH = Question(
    "health",
    ("health: healthz", "health: outbound", "health: appid"),
    (
        ask("GET", "/v1.0/healthz"),
        ask("GET", "/v1.0/healthz/"),
        ask("GET", "/v1.0/healthz?appid=conformance"),
        ask("GET", "/v1.0/healthz?appid=other"),
        ask("GET", "/v1.0/healthz?appid="),
        ask("GET", "/v1.0/healthz?APPID=other"),
        ask("GET", "/v1.0/healthz?appid=conformance&appid=other"),
        ask("POST", "/v1.0/healthz"),
        ask("HEAD", "/v1.0/healthz"),
        ask("GET", "/v1.0/healthz/outbound"),
        ask("GET", "/v1.0/healthz/outbound?appid=other"),
        ask("POST", "/v1.0/healthz/outbound"),
        ask("GET", "/v1.0/healthz/other"),
        ask("GET", "/healthz"),
        ask("GET", "/v1.0/healthz", traceparent=TRACE),
        ask("GET", "/v1.0/state/mem/healthz"),
        ask("GET", "/v1.0/state/mem/a%2Fhealthz"),
        ask("GET", "/v1.0/healthzx"),
        ask("GET", "/v1.0/healthz/outbound", traceparent=TRACE, tracestate="a=b"),
    ),
)

METADATA = Question(
    "metadata",
    ("metadata: fields", "metadata: put"),
    (
        ask("GET", "/v1.0/metadata"),
        ask("PUT", "/v1.0/metadata/some", "value"),
        ask("PUT", "/v1.0/metadata/other", b""),
        ask("PUT", "/v1.0/metadata/a%2Fb+c", "<b>&"),
        ask("PUT", "/v1.0/metadata/a/b", "x"),
        ask("PUT", "/v1.0/metadata/", "x"),
        ask("PUT", "/v1.0/metadata", "x"),
        ask("POST", "/v1.0/metadata/x", "x"),
        ask("DELETE", "/v1.0/metadata/some"),
        ask("GET", "/v1.0/metadata/some"),
        ask("PUT", "/v1.0/metadata/json", {"a": 1}),
        ask("PUT", "/v1.0/metadata/binary", b"\xff\x00"),
        ask("PUT", "/v1.0/metadata/daprRuntimeVersion", "mine"),
        ask("PUT", "/v1.0/metadata/%20", "blank"),
        ask("GET", "/v1.0/metadata", traceparent=TRACE),
        ask("HEAD", "/v1.0/metadata"),
    ),
)

NOWHERE = Question(
    "nowhere",
    ("http: fallback",),
    (
        *(
            ask("GET", path)
            for path in (
                "/",
                "/v1.0",
                "/v1.0/",
                "/v2.0/state/mem/k",
                "/v1.0/unknown",
                "/favicon.ico",
                "/v1.0/STATE/mem/k",
                "/V1.0/state/mem/k",
                "//",
                "/v1.0/invoke",
                "/v1.0/invoke/",
                "/v1.0-beta1/x",
                "/a%2Fb",
                "/%zz",
            )
        ),
        ask("POST", "/v1.0/unknown", {}),
        ask("OPTIONS", "/v1.0/state/mem"),
        ask("HEAD", "/"),
        ask("GET", "*"),
        ask("PROPFIND", "/v1.0/state/mem/k"),
        ask("GET", "/v1.0/unknown", traceparent=TRACE),
        ask("POST", "/v1.0/shutdown/x"),
        ask("GET", "/v1.0/shutdown"),
    ),
)

UNSERVED = Question(
    "unserved",
    ("unserved: unserved blocks",),
    (
        ask("POST", "/v1.0/bindings/x", {"operation": "create"}),
        ask("PUT", "/v1.0/bindings/x", {}),
        ask("GET", "/v1.0/configuration/x"),
        ask("GET", "/v1.0/configuration/x?key=a"),
        ask("GET", "/v1.0-alpha1/configuration/x"),
        ask("GET", "/v1.0/configuration/x/subscribe"),
        ask("GET", "/v1.0/configuration/x/abc/unsubscribe"),
        ask("GET", "/v1.0/actors/t/i/state/k"),
        ask("POST", "/v1.0/actors/t/i/state", []),
        ask("POST", "/v1.0/actors/t/i/method/m"),
        ask("POST", "/v1.0/actors/t/i/reminders/r", {}),
        ask("GET", "/v1.0/actors/t/i/reminders/r"),
        ask("DELETE", "/v1.0/actors/t/i/reminders/r"),
        ask("POST", "/v1.0/actors/t/i/timers/r", {}),
        ask("DELETE", "/v1.0/actors/t/i/timers/r"),
        ask("POST", "/v1.0-alpha1/lock/x", {}),
        ask("POST", "/v1.0-alpha1/unlock/x", {}),
        ask("POST", "/v1.0-alpha1/lock/x", b"y"),
        ask("PUT", "/v1.0-alpha1/crypto/x/encrypt", b"y"),
        ask("PUT", "/v1.0-alpha1/crypto/x/decrypt", b"y"),
        ask("POST", "/v1.0-alpha1/conversation/x/converse", {}),
        ask("POST", "/v1.0-alpha2/conversation/x/converse", {}),
        ask("POST", "/v1.0-alpha1/jobs/x", {}),
        ask("GET", "/v1.0-alpha1/jobs/x"),
        ask("DELETE", "/v1.0-alpha1/jobs/x"),
        ask("GET", "/v1.0/workflows/c/i"),
        ask("POST", "/v1.0/workflows/c/n/start"),
        ask("POST", "/v1.0/workflows/c/i/terminate"),
        ask("GET", "/v1.0-beta1/workflows/dapr/i"),
        ask("POST", "/v1.0/workflows/dapr/n/start"),
        ask("POST", "/v1.0/workflows/dapr/i/pause"),
        ask("POST", "/v1.0/workflows/dapr/i/raiseEvent/e"),
        ask("POST", "/v1.0/workflows/dapr/i/purge"),
        ask("POST", "/v1.0/bindings/x", b"y"),
    ),
)

QUESTIONS = (*SECRETS, HEALTH, NOWHERE, UNSERVED)

FIRST = METADATA
"""Of a sidecar of its own: other questions would be seen in its answers."""

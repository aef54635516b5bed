"""Settings of a Configuration file."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.question import (
    Ask,
    Group,
    Question,
    ask,
)
from conformance.questions.main import FILES
from conformance.questions.shared import published

__all__ = ["GROUPS"]


def configured(name: str, spec: str, rows: tuple[str, ...], *asks: Ask) -> Group:
    """A sidecar with a Configuration file."""
    text = f"apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{name: settings}}\nspec: {spec}\n"
    files: Mapping[str, str] = {**FILES, "../settings.yaml": text}
    return Group(name, (Question(name, rows, asks),), files, ("--config={folder}/settings.yaml",), app=False)


CONFIGURED = (
    configured(
        "api-allowed",
        "{api: {allowed: [{name: state, version: v1.0, protocol: http}, {"
        "name: metadata, version: v1.0, protocol: http}]}}",
        ("http: allow and deny lists",),
        ask("GET", "/v1.0/state/mem/k"),
        published("t"),
        ask("GET", "/v1.0/metadata"),
        ask("GET", "/v1.0/healthz"),
        ask("GET", "/v1.0/secrets/file/plain"),
        ask("POST", "/v1.0-alpha1/state/mem/query", {}),
        ask("GET", "/v1.0/healthz/outbound"),
        ask("POST", "/v1.0/shutdown"),
        ask("PUT", "/v1.0/metadata/a", "b"),
    ),
    configured(
        "api-denied",
        "{api: {denied: [{name: publish, version: v1.0, protocol: http}, {"
        "name: state, version: v1.0, protocol: grpc}]}}",
        ("http: allow and deny lists",),
        published("t"),
        ask("POST", "/v1.0/publish/bulk/ps/t", []),
        ask("POST", "/v1.0-alpha1/publish/bulk/ps/t", []),
        ask("GET", "/v1.0/state/mem/k"),
        ask("GET", "/v1.0/healthz"),
    ),
    configured(
        "secret-scopes",
        "{secrets: {scopes: [{storeName: file, defaultAccess: deny, allowedSecrets: [plain, nested:deep]}, "
        "{storeName: dotted, deniedSecrets: [plain]}]}}",
        ("secrets: scoping",),
        *(
            ask("GET", f"/v1.0/secrets/{store}/{name}")
            for store in ("file", "dotted", "multi")
            for name in ("plain", "html", "missing", "bulk")
            if (store, name) not in {("dotted", "bulk"), ("multi", "bulk")}
        ),
    ),
    configured(
        "component-deny",
        "{components: {deny: [state.in-memory, pubsub.in-memory/v2]}}",
        ("component: deny",),
        ask("GET", "/v1.0/state/mem/k"),
        ask("GET", "/v1.0/state/lite/k"),
        published("t"),
        ask("GET", "/v1.0/metadata"),
    ),
    configured(
        "no-tracing",
        '{tracing: {samplingRate: "0"}}',
        ("http: tracing",),
        ask("GET", "/v1.0/state/mem/k"),
        ask(
            "GET", "/v1.0/state/mem/k", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        ),
        published("t"),
    ),
)


GROUPS = CONFIGURED

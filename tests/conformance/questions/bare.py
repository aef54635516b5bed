"""A sidecar without an app, and one without any component."""

from __future__ import annotations

from conformance.question import (
    Group,
    Question,
    ask,
)
from conformance.questions.files import documents, subscription_v1
from conformance.questions.shared import DISCOVERY, PUBSUB, STATE, published

__all__ = ["GROUPS"]

NO_APP = Group(
    "no-app",
    (
        Question(
            "no-app",
            ("discovery: no app port", "metadata: fields"),
            (
                ask("GET", "/v1.0/metadata"),
                published("t"),
                ask("GET", "/v1.0/healthz"),
                ask("POST", "/v1.0/invoke/conformance/method/x", {}),
            ),
        ),
    ),
    {
        "components.yaml": documents(PUBSUB, STATE),
        "subscription.yaml": subscription_v1("filed", "filed", "/filed"),
    },
    app=False,
)


EMPTY = Group(
    "empty",
    (
        Question(
            "nothing-loaded",
            ("state errors: no state store", "secrets: no stores", "publish errors: component missing"),
            (
                published("t"),
                ask("POST", "/v1.0/publish/bulk/ps/t", []),
                ask("GET", "/v1.0/state/mem/k"),
                ask("POST", "/v1.0/state/mem", []),
                ask("DELETE", "/v1.0/state/mem/k"),
                ask("POST", "/v1.0/state/mem/bulk", {}),
                ask("POST", "/v1.0/state/mem/transaction", {}),
                ask("POST", "/v1.0-alpha1/state/mem/query", {}),
                ask("GET", "/v1.0/secrets/file/x"),
                ask("GET", "/v1.0/secrets/file/bulk"),
                ask("GET", "/v1.0/metadata"),
                ask("GET", "/v1.0/healthz"),
                ask("POST", "/v1.0/state/mem", b"x"),
            ),
            paths=DISCOVERY,
            deliveries=1,
        ),
    ),
)


GROUPS = (NO_APP, EMPTY)

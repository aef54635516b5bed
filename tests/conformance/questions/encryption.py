"""State that is encrypted at rest."""

from __future__ import annotations

from conformance.question import (
    Group,
    Question,
    ask,
)
from conformance.questions.files import component, documents

__all__ = ["GROUPS"]


def sealed(name: str, secret: str) -> str:
    """A store that is encrypted with the key in an environment variable; all are in one file."""
    return (
        "apiVersion: dapr.io/v1alpha1\n"
        "kind: Component\n"
        f"metadata: {{name: {name}}}\n"
        "auth: {secretStore: env}\n"
        "spec: {type: state.sqlite, version: v1, "
        'metadata: [{name: connectionString, value: "{folder}/x.db"}, {'
        f"name: primaryEncryptionKey, secretKeyRef: {{name: {secret}, key: {secret}}}}}]}}"
    )


ENCRYPTED = Group(
    "encrypted",
    (
        Question(
            "encryption",
            ("state: encryption at rest",),
            (
                ask(
                    "POST",
                    "/v1.0/state/sealed",
                    [{"key": "a", "value": "v"}, {"key": "n", "value": 5}, {"key": "o", "value": {"x": 1}}],
                ),
                *(ask("GET", f"/v1.0/state/sealed/{key}") for key in ("a", "n", "o", "missing")),
                ask(
                    "POST",
                    "/v1.0/state/sealed/transaction",
                    {"operations": [{"operation": "upsert", "request": {"key": "t", "value": "w"}}]},
                ),
                ask("GET", "/v1.0/state/sealed/t"),
                ask("POST", "/v1.0-alpha1/state/sealed/query", {}),
            ),
        ),
        Question(
            "encryption-bulk",
            ("state: value that is no JSON in a bulk get",),
            (
                ask("POST", "/v1.0/state/sealed", [{"key": "b", "value": "v"}]),
                ask("POST", "/v1.0/state/sealed/bulk", {"keys": ["b"]}),
            ),
        ),
        Question(
            "encryption-several",
            ("state: encryption at rest",),
            (
                ask("POST", "/v1.0/state/sealed", [{"key": "c", "value": 1}, {"key": "d", "value": [2]}]),
                ask("POST", "/v1.0/state/sealed/bulk", {"keys": ["d", "c", "absent"]}),
            ),
        ),
        Question(
            "encryption-other-key",
            ("state: encryption at rest",),
            (
                ask("POST", "/v1.0/state/other", [{"key": "e", "value": 1}]),
                ask("GET", "/v1.0/state/sealed/e"),
                ask("POST", "/v1.0/state/sealed/bulk", {"keys": ["e", "c"]}),
            ),
        ),
    ),
    {
        "components.yaml": documents(
            component("env", "secretstores.local.env"), sealed("sealed", "SEAL"), sealed("other", "OTHER")
        )
    },
    environment={"SEAL": "00112233445566778899aabbccddeeff" * 2, "OTHER": "ffeeddccbbaa99887766554433221100"},
    app=False,
)

GROUPS = (ENCRYPTED,)

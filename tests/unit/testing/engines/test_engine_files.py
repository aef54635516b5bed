"""The resource files that a sidecar of a test gets which is a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.resources.loader import Resources, load_resources
from outboard.testing.engines.files import components_of_board, retried_soon, rewritten

KAFKA = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: shop-pubsub}
spec:
  type: pubsub.kafka
  version: v1
  metadata:
    - {name: brokers, value: "broker.example:9092"}
    - {name: publishingScopes, value: "orders=placed"}
scopes: [orders]
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: secrets}
spec: {type: secretstores.local.env, version: v1}
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: placed}
spec: {pubsubname: shop-pubsub, topic: placed, routes: {default: /placed}}
"""


def loaded(folder: Path, *texts: str) -> Resources:
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
    return load_resources([folder], "orders")


@pytest.mark.parametrize(("engine", "kind"), [("sqlite", "pubsub.sqlite"), ("daprd", "pubsub.in-memory")])
def test_components_of_a_project_keep_their_names_and_scopes(tmp_path: Path, engine: str, kind: str) -> None:
    found = loaded(tmp_path, rewritten(KAFKA, engine, tmp_path / "data"))
    pubsub, secrets = found.components
    assert (pubsub.name, pubsub.type, pubsub.scopes) == ("shop-pubsub", kind, ("orders",))
    settings = {item.name: item.value for item in pubsub.metadata}
    assert settings.pop("publishingScopes") == "orders=placed"
    file = {"connectionString": str(tmp_path / "data" / "pubsub.db")}
    assert settings == (file if engine == "sqlite" else {})
    assert secrets.type == "secretstores.local.env"
    assert [each.subscription.topic for each in found.subscriptions] == ["placed"]


def test_a_board_without_files_gets_its_two_components(tmp_path: Path) -> None:
    found = loaded(tmp_path, components_of_board("events", "counts", "daprd", tmp_path), retried_soon())
    named = [(each.name, each.type) for each in found.components]
    assert named == [("events", "pubsub.in-memory"), ("counts", "state.in-memory")]
    policy = found.resiliencies[0].policies("events", "Pubsub", "inbound").retry
    assert policy is not None
    assert policy.max_retries == -1
    assert policy.duration == pytest.approx(0.2)

"""The resource files of the groups."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from outboard.gojson.values import Json

__all__ = ["component", "documents", "resiliency", "subscription_v1", "subscription_v2"]


def component(name: str, type: str, scopes: Sequence[str] = (), **metadata: Json) -> str:
    """A Component resource."""
    items: list[Json] = [{"name": key, "value": value} for key, value in metadata.items()]
    return _document(
        "dapr.io/v1alpha1", "Component", name, {"type": type, "version": "v1", "metadata": items}, scopes
    )


def subscription_v1(name: str, topic: str, route: str, pubsub: str = "ps", **more: Json) -> str:
    """A declarative subscription as it was first."""
    spec: dict[str, Json] = {"pubsubname": pubsub, "topic": topic, "route": route, **more}
    return _document("dapr.io/v1alpha1", "Subscription", name, spec)


def subscription_v2(
    name: str,
    topic: str,
    routes: Mapping[str, Json],
    pubsub: str = "ps",
    scopes: Sequence[str] = (),
    **more: Json,
) -> str:
    """A declarative subscription with rules."""
    spec: dict[str, Json] = {"pubsubname": pubsub, "topic": topic, "routes": dict(routes), **more}
    return _document("dapr.io/v2alpha1", "Subscription", name, spec, scopes)


def resiliency(name: str, policies: Mapping[str, Json], components: Mapping[str, Json]) -> str:
    """A Resiliency resource for components."""
    spec: dict[str, Json] = {"policies": dict(policies), "targets": {"components": dict(components)}}
    return _document("dapr.io/v1alpha1", "Resiliency", name, spec)


def documents(*texts: str) -> str:
    """Several resources in one file."""
    return "\n---\n".join(texts) + "\n"


def _document(
    version: str, kind: str, name: str, spec: Mapping[str, Json], scopes: Sequence[str] = ()
) -> str:
    """As YAML: JSON is YAML too."""
    value = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}
    lines = [f"{key}: {json.dumps(each)}" for key, each in value.items()]
    return "\n".join([*lines, f"scopes: {json.dumps(list(scopes))}"] if scopes else lines)

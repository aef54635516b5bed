"""What a sidecar tells of itself.

Source: Dapr, "Metadata API reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from outboard.gojson.values import Json
from outboard.resources import duration
from outboard.sidecar.channel.app import AppConnection
from outboard.sidecar.subscriptions.active import ActiveSubscription

__all__ = ["RUNTIME_VERSION", "ComponentInfo", "RuntimeInfo"]

RUNTIME_VERSION: Final = "1.18.1"
"""The daprd whose behaviour this sidecar follows: what clients compare versions with."""


@dataclass(frozen=True, slots=True)
class ComponentInfo:
    name: str
    type: str
    version: str
    capabilities: Sequence[str] = ()

    def to_json(self) -> Json:
        item: dict[str, Json] = {"name": self.name, "type": self.type}
        item |= {"version": self.version} if self.version else {}
        return {**item, "capabilities": list(self.capabilities)} if self.capabilities else item


@dataclass
class RuntimeInfo:
    """What the metadata API tells. `subscriptions` grows when the app has been asked."""

    app_id: str
    app: AppConnection
    features: Sequence[str] = ()
    components: Sequence[ComponentInfo] = ()
    subscriptions: Sequence[ActiveSubscription] = ()
    resiliencies: Sequence[str] = ()
    extended: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> Json:
        body: dict[str, Json] = {"id": self.app_id, "runtimeVersion": RUNTIME_VERSION}
        if self.features:
            body["enabledFeatures"] = list(self.features)
        if self.components:
            body["components"] = [component.to_json() for component in self.components]
        extended: dict[str, Json] = {**self.extended, "daprRuntimeVersion": RUNTIME_VERSION}
        body["extended"] = dict(sorted(extended.items()))
        if self.subscriptions:
            body["subscriptions"] = [_subscription(active) for active in self.subscriptions]
        if self.resiliencies:
            body["resiliencies"] = [{"name": name} for name in self.resiliencies]
        body["appConnectionProperties"] = _app_connection(self.app)
        body["actorRuntime"] = {
            "runtimeStatus": "DISABLED",
            "hostReady": False,
            "placement": "placement: disconnected",
        }
        return body


def _subscription(active: ActiveSubscription) -> Json:
    subscription = active.subscription
    item: dict[str, Json] = {"pubsubname": subscription.pubsub_name, "topic": subscription.topic}
    if subscription.metadata:
        item["metadata"] = dict(subscription.metadata)
    rules: list[Json] = [
        {name: text for name, text in (("match", rule.match), ("path", rule.path)) if text}
        for rule in subscription.rules
    ]
    if rules:
        item["rules"] = rules
    return {**item, "deadLetterTopic": subscription.dead_letter_topic, "type": active.type}


def _app_connection(app: AppConnection) -> Json:
    properties: dict[str, Json] = {"port": app.port} if app.port else {}
    properties |= {"protocol": app.protocol, "channelAddress": app.address}
    if app.max_concurrency:
        properties["maxConcurrency"] = app.max_concurrency
    health = app.health
    if health is not None:
        properties["health"] = {
            "healthCheckPath": health.path,
            "healthProbeInterval": _go_duration(health.interval),
            "healthProbeTimeout": _go_duration(health.timeout),
            "healthThreshold": health.threshold,
        }
    return properties


def _go_duration(seconds: float) -> str:
    return duration.format(seconds) if seconds >= 1 else f"{seconds * 1000:g}ms"

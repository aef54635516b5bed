"""What a sidecar tells of itself: metadata and health; and how it is asked to stop.

Source: Dapr, "Metadata API reference", "Health API reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from outboard.gojson.utf8 import text_of
from outboard.gojson.values import Json
from outboard.resources import duration
from outboard.sidecar.api.errors import simple
from outboard.sidecar.api.http import EMPTY, ApiRequest, BodyTooLarge, Reply, json_reply
from outboard.sidecar.options import Options
from outboard.sidecar.readiness import Readiness
from outboard.sidecar.subscriptions import ActiveSubscription

__all__ = ["RUNTIME_VERSION", "ComponentInfo", "RuntimeApi", "RuntimeInfo"]

RUNTIME_VERSION: Final = "1.18.1"
"""The daprd whose behaviour this sidecar follows: what clients compare versions with."""

FORCE_HEADER: Final = "dapr-force-shutdown"


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

    options: Options
    features: Sequence[str] = ()
    components: Sequence[ComponentInfo] = ()
    subscriptions: Sequence[ActiveSubscription] = ()
    resiliencies: Sequence[str] = ()
    extended: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> Json:
        body: dict[str, Json] = {"id": self.options.app_id, "runtimeVersion": RUNTIME_VERSION}
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
        body["appConnectionProperties"] = _app_connection(self.options)
        body["actorRuntime"] = {
            "runtimeStatus": "DISABLED",
            "hostReady": False,
            "placement": "placement: disconnected",
        }
        return body


class RuntimeApi:
    """The handlers of metadata, health and shutdown. `stop(force)` asks the sidecar to end."""

    def __init__(self, info: RuntimeInfo, readiness: Readiness, stop: Callable[[bool], None]) -> None:
        self._info = info
        self._readiness = readiness
        self._stop = stop

    async def metadata(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/metadata`."""
        return json_reply(200, self._info.to_json(), newline=True)

    async def set_metadata(self, request: ApiRequest) -> Reply:
        """PUT `/v1.0/metadata/{key}` with any text as its body."""
        try:
            body = await request.body()
        except BodyTooLarge as error:
            raise simple(400, "ERR_BODY_READ", f"failed to read request body: {error}") from error
        self._info.extended[request.parameters["key"]] = text_of(body)
        return EMPTY

    async def health(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/healthz`: 204 once everything is ready."""
        missing = self._readiness.missing
        if missing:
            raise simple(500, "ERR_HEALTH_NOT_READY", f"dapr is not ready: [{' '.join(missing)}]")
        if request.query.get("appid", self._info.options.app_id) != self._info.options.app_id:
            raise simple(500, "ERR_HEALTH_APPID_NOT_MATCH", "dapr app-id does not match")
        return EMPTY

    async def outbound_health(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/healthz/outbound`: 204 once components can be used, whether the app is there or not."""
        if not self._readiness.outbound.is_set():
            raise simple(500, "ERR_OUTBOUND_HEALTH_NOT_READY", "dapr outbound is not ready")
        return EMPTY

    async def shutdown(self, request: ApiRequest) -> Reply:
        """POST `/v1.0/shutdown`: answered at once; the sidecar ends after that."""
        self._stop(request.headers.get(FORCE_HEADER, "").lower() == "true")
        return EMPTY


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


def _app_connection(options: Options) -> Json:
    properties: dict[str, Json] = {"port": options.app_port} if options.app_port else {}
    properties |= {"protocol": options.app_protocol, "channelAddress": options.app_channel_address}
    if options.max_concurrency:
        properties["maxConcurrency"] = options.max_concurrency
    health = options.app_health
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

"""The handlers of metadata, health and shutdown.

Source: Dapr, "Metadata API reference", "Health API reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from outboard.gojson.utf8 import text_of
from outboard.gojson.values import Json
from outboard.sidecar.api.http.messages import EMPTY, ApiRequest, BodyTooLarge, Reply, json_reply
from outboard.sidecar.channel.app import AppConnection
from outboard.sidecar.errors import ApiError
from outboard.sidecar.metadata.service import (
    RUNTIME_VERSION,
    ComponentInfo,
    MetadataService,
    SidecarInfo,
    go_duration,
)
from outboard.sidecar.subscriptions.active import ActiveSubscription

__all__ = ["MetadataApi"]

FORCE_HEADER: Final = "dapr-force-shutdown"


class MetadataApi:
    """The handlers of metadata, health and shutdown. `stop(force)` asks the sidecar to end."""

    def __init__(self, service: MetadataService, stop: Callable[[bool], None]) -> None:
        self._service = service
        self._stop = stop

    async def metadata(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/metadata`."""
        return json_reply(200, _info(self._service.get()), newline=True)

    async def set_metadata(self, request: ApiRequest) -> Reply:
        """PUT `/v1.0/metadata/{key}` with any text as its body."""
        try:
            body = await request.body()
        except BodyTooLarge as error:
            raise ApiError(400, "ERR_BODY_READ", f"failed to read request body: {error}") from error
        self._service.set(request.parameters["key"], text_of(body))
        return EMPTY

    async def health(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/healthz`: 204 once everything is ready."""
        self._service.check_health(request.query.get("appid"))
        return EMPTY

    async def outbound_health(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/healthz/outbound`: 204 once components can be used, whether the app is there or not."""
        self._service.check_outbound()
        return EMPTY

    async def shutdown(self, request: ApiRequest) -> Reply:
        """POST `/v1.0/shutdown`: answered at once; the sidecar ends after that."""
        self._stop(request.headers.get(FORCE_HEADER, "").lower() == "true")
        return EMPTY


def _info(info: SidecarInfo) -> Json:
    body: dict[str, Json] = {"id": info.app_id, "runtimeVersion": RUNTIME_VERSION}
    if info.features:
        body["enabledFeatures"] = list(info.features)
    if info.components:
        body["components"] = [_component(each) for each in info.components]
    extended: dict[str, Json] = {**info.extended, "daprRuntimeVersion": RUNTIME_VERSION}
    body["extended"] = dict(sorted(extended.items()))
    if info.all_subscriptions:
        body["subscriptions"] = [_subscription(each) for each in info.all_subscriptions]
    if info.http_endpoints:
        body["httpEndpoints"] = [{"name": name} for name in info.http_endpoints]
    if info.resiliencies:
        body["resiliencies"] = [{"name": name} for name in info.resiliencies]
    body["appConnectionProperties"] = _app_connection(info.app)
    body["actorRuntime"] = {
        "runtimeStatus": "DISABLED",
        "hostReady": False,
        "placement": "placement: disconnected",
    }
    return body


def _component(info: ComponentInfo) -> Json:
    item: dict[str, Json] = {"name": info.name, "type": info.type}
    item |= {"version": info.version} if info.version else {}
    return {**item, "capabilities": list(info.capabilities)} if info.capabilities else item


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
            **({"healthCheckPath": health.path} if health.path else {}),
            "healthProbeInterval": go_duration(health.interval),
            "healthProbeTimeout": go_duration(health.timeout),
            "healthThreshold": health.threshold,
        }
    return properties

"""The methods of metadata and shutdown.

Source: Dapr, "Metadata API reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from dapr.proto.runtime.v1 import metadata_pb2
from google.protobuf.message import Message

from outboard.sidecar.api.grpc.call import EMPTY, Call, Method, method
from outboard.sidecar.channel.app import AppConnection
from outboard.sidecar.channel.health import AppHealthOptions
from outboard.sidecar.metadata.service import RUNTIME_VERSION, MetadataService, SidecarInfo, go_duration
from outboard.sidecar.subscriptions.active import ActiveSubscription

__all__ = ["metadata_methods"]

FORCE: Final = "dapr-force-shutdown"


def metadata_methods(service: MetadataService, stop: Callable[[bool], None]) -> Mapping[str, Method]:
    """By name. `stop(force)` asks the sidecar to end."""
    calls = _Metadata(service, stop)
    return {
        "GetMetadata": method(metadata_pb2.GetMetadataRequest, calls.get),
        "SetMetadata": method(metadata_pb2.SetMetadataRequest, calls.set),
        "Shutdown": Method(calls.shutdown),
    }


class _Metadata:
    def __init__(self, service: MetadataService, stop: Callable[[bool], None]) -> None:
        self._service = service
        self._stop = stop

    async def get(self, request: metadata_pb2.GetMetadataRequest, call: Call) -> Message:
        return _told(self._service.get())

    async def set(self, request: metadata_pb2.SetMetadataRequest, call: Call) -> Message:
        """A text without a key is dropped: as in daprd."""
        if request.key:
            self._service.set(request.key, request.value)
        return EMPTY

    async def shutdown(self, data: bytes, call: Call) -> Message:
        """Answered at once; the sidecar ends after that."""
        self._stop(call.metadata.get(FORCE, "").lower() == "true")
        return EMPTY


def _told(info: SidecarInfo) -> Message:
    components = [
        metadata_pb2.RegisteredComponents(
            name=each.name, type=each.type, version=each.version, capabilities=each.capabilities
        )
        for each in info.components
    ]
    return metadata_pb2.GetMetadataResponse(
        id=info.app_id,
        registered_components=components,
        extended_metadata={**info.extended, "daprRuntimeVersion": RUNTIME_VERSION},
        subscriptions=map(_subscription, info.all_subscriptions),
        app_connection_properties=_app_connection(info.app),
        runtime_version=RUNTIME_VERSION,
        enabled_features=info.features,
        actor_runtime=metadata_pb2.ActorRuntime(
            runtime_status=metadata_pb2.ActorRuntime.DISABLED, placement="placement: disconnected"
        ),
        workflows=metadata_pb2.MetadataWorkflows(),
        http_endpoints=[metadata_pb2.MetadataHTTPEndpoint(name=name) for name in info.http_endpoints],
        resiliencies=[metadata_pb2.MetadataResiliency(name=name) for name in info.resiliencies],
    )


def _subscription(active: ActiveSubscription) -> metadata_pb2.PubsubSubscription:
    subscription = active.subscription
    rules = [metadata_pb2.PubsubSubscriptionRule(match=each.match, path=each.path)
             for each in subscription.rules]  # fmt: skip
    return metadata_pb2.PubsubSubscription(
        pubsub_name=subscription.pubsub_name,
        topic=subscription.topic,
        metadata=subscription.metadata,
        rules=metadata_pb2.PubsubSubscriptionRules(rules=rules),
        dead_letter_topic=subscription.dead_letter_topic,
        type=metadata_pb2.PubsubSubscriptionType.Value(active.type),
    )


def _app_connection(app: AppConnection) -> metadata_pb2.AppConnectionProperties:
    return metadata_pb2.AppConnectionProperties(
        port=app.port,
        protocol=app.protocol,
        channel_address=app.address,
        max_concurrency=app.max_concurrency,
        health=None if app.health is None else _health(app.health),
    )


def _health(health: AppHealthOptions) -> metadata_pb2.AppConnectionHealthProperties:
    return metadata_pb2.AppConnectionHealthProperties(
        health_check_path=health.path,
        health_probe_interval=go_duration(health.interval),
        health_probe_timeout=go_duration(health.timeout),
        health_threshold=health.threshold,
    )

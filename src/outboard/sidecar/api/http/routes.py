"""All routes of the HTTP API, in one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from outboard.resources.configuration import ApiAccess
from outboard.sidecar.api.http.access import is_allowed
from outboard.sidecar.api.http.messages import ApiRequest, Reply
from outboard.sidecar.api.http.metadata import MetadataApi
from outboard.sidecar.api.http.publish import PublishApi
from outboard.sidecar.api.http.router import Route, Router
from outboard.sidecar.api.http.secrets import SecretApi
from outboard.sidecar.api.http.state import StateApi
from outboard.wire import dapr

__all__ = [
    "DELETE",
    "GET",
    "POST",
    "PUT",
    "WRITE",
    "Endpoint",
    "Handler",
    "allowed_routes",
    "public_routes",
    "served_routes",
]

Handler: TypeAlias = Callable[[ApiRequest], Awaitable[Reply]]

GET: Final = frozenset({"GET"})
PUT: Final = frozenset({"PUT"})
POST: Final = frozenset({"POST"})
DELETE: Final = frozenset({"DELETE"})
WRITE: Final = frozenset({"POST", "PUT"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler, and what daprd calls it in its log.

    Those that are `open` need no token, take part in no trace, and are there whatever a Configuration says.
    """

    handle: Handler
    name: str
    open: bool = False


def served_routes(
    publish: PublishApi, state: StateApi, secrets: SecretApi, metadata: MetadataApi
) -> list[Route[Endpoint]]:
    """All that this sidecar serves, the more special ones first."""
    bulk = Endpoint(publish.publish_bulk, "BulkPublishEvent")
    return [
        Route(WRITE, f"{dapr.BULK_PUBLISH_PATH}/{{pubsub}}/{{topic*}}", bulk),
        Route(WRITE, f"{dapr.BULK_PUBLISH_ALPHA_PATH}/{{pubsub}}/{{topic*}}", bulk),
        Route(WRITE, f"{dapr.PUBLISH_PATH}/{{pubsub}}/{{topic*}}", Endpoint(publish.publish, "PublishEvent")),
        Route(WRITE, f"{dapr.STATE_PATH}/{{store}}/bulk", Endpoint(state.bulk_get, "GetBulkState")),
        Route(WRITE, f"{dapr.STATE_PATH}/{{store}}/transaction",
              Endpoint(state.transact, "ExecuteStateTransaction")),
        Route(WRITE, f"{dapr.STATE_PATH}/{{store}}", Endpoint(state.save, "SaveState")),
        Route(GET, f"{dapr.STATE_PATH}/{{store}}/{{key}}", Endpoint(state.get, "GetState")),
        Route(DELETE, f"{dapr.STATE_PATH}/{{store}}/{{key}}", Endpoint(state.delete, "DeleteState")),
        Route(WRITE, "/v1.0-alpha1/state/{store}/query", Endpoint(state.query, "QueryStateAlpha1")),
        Route(GET, "/v1.0/secrets/{store}/bulk", Endpoint(secrets.get_all, "GetBulkSecret")),
        Route(GET, "/v1.0/secrets/{store}/{key}", Endpoint(secrets.get, "GetSecret")),
        *public_routes(metadata),
        Route(POST, "/v1.0/shutdown", Endpoint(metadata.shutdown, "Shutdown")),
    ]  # fmt: skip


def public_routes(metadata: MetadataApi) -> list[Route[Endpoint]]:
    """What there is on the public port too."""
    return [
        Route(GET, dapr.METADATA_PATH, Endpoint(metadata.metadata, "GetMetadata")),
        Route(PUT, f"{dapr.METADATA_PATH}/{{key}}", Endpoint(metadata.set_metadata, "PutMetadata")),
        Route(
            GET, dapr.OUTBOUND_HEALTH_PATH, Endpoint(metadata.outbound_health, "HealthzOutbound", open=True)
        ),
        Route(GET, dapr.HEALTH_PATH, Endpoint(metadata.health, "Healthz", open=True)),
    ]


def allowed_routes(routes: Iterable[Route[Endpoint]], access: ApiAccess) -> Router[Endpoint]:
    """A router of those that `access` lets there be."""
    return Router(route for route in routes if route.target.open or is_allowed(route.path, access))

"""The HTTP APIs of one sidecar, made of its use cases."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from outboard.resources.configuration import ApiLogging, Configuration
from outboard.sidecar.api.http.access import is_allowed
from outboard.sidecar.api.http.app import Api, ApiSettings
from outboard.sidecar.api.http.cors import Cors
from outboard.sidecar.api.http.cross_origin import CrossOriginRules, is_loopback
from outboard.sidecar.api.http.invoke import InvokeApi
from outboard.sidecar.api.http.metadata import MetadataApi
from outboard.sidecar.api.http.metrics import MetricsApi
from outboard.sidecar.api.http.publish import PublishApi
from outboard.sidecar.api.http.router import Router
from outboard.sidecar.api.http.routes import (
    Endpoint,
    allowed_routes,
    public_routes,
    served_routes,
)
from outboard.sidecar.api.http.secrets import SecretApi
from outboard.sidecar.api.http.state import StateApi
from outboard.sidecar.api.http.unserved import unserved_routes
from outboard.sidecar.api.unserved_calls import UnservedCalls
from outboard.sidecar.delivery.streaming import StreamingSubscriptions
from outboard.sidecar.invocation.service import InvocationService
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.metadata.service import MetadataService
from outboard.sidecar.metrics.meters import Meters
from outboard.sidecar.publishing.service import PublishService
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.secrets.service import SecretService
from outboard.sidecar.state.service import StateService
from outboard.wire import dapr

if TYPE_CHECKING:
    from outboard.sidecar.api.grpc.api import GrpcApi
    from outboard.sidecar.api.grpc.internal import InternalApi

__all__ = ["Apis", "Services", "http_apis", "logged_calls"]


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases of one sidecar, which know no protocol."""

    publishing: PublishService
    state: StateService
    secrets: SecretService
    metadata: MetadataService
    invocation: InvocationService
    streaming: StreamingSubscriptions


@dataclass(frozen=True, slots=True)
class Apis:
    """What is served on which sockets. `metrics` and `grpc` are None where there are none.

    `grpc` makes its API, once somebody needs it; `internal` that for other sidecars.
    """

    main: Api
    public: Api
    metrics: Api | None
    grpc: Callable[[], GrpcApi] | None = None
    internal: Callable[[], InternalApi] | None = None


def http_apis(
    options: Options,
    configuration: Configuration,
    services: Services,
    stop: Callable[[bool], None],
    unserved: UnservedCalls,
    log: SidecarLog,
    meters: Meters | None = None,
) -> Apis:
    """`stop(force)` is called when the API is asked to end the sidecar. Without `meters` none are served."""
    metadata = MetadataApi(services.metadata, stop)
    routes = [
        *served_routes(
            PublishApi(services.publishing), StateApi(services.state), SecretApi(services.secrets), metadata
        ),
        *unserved_routes(options.app_id, options.runtime_namespace, unserved),
    ]
    invoke = InvokeApi(services.invocation, has_token=bool(options.api_token))
    main = Api(
        allowed_routes(routes, configuration.api),
        Endpoint(invoke.invoke, "InvokeService") if is_allowed(dapr.INVOKE_PATH, configuration.api) else None,
        _settings(options, configuration),
        log,
        meters,
    )
    cross_origin = _cross_origin(options, options.public_addresses)
    unbounded = ApiSettings(sys.maxsize, options.max_head_bytes, cross_origin=cross_origin)
    public = Api(allowed_routes(public_routes(metadata), configuration.api), None, unbounded, log, meters)
    return Apis(main, public, None if meters is None else _metrics(options, meters, log))


def _metrics(options: Options, meters: Meters, log: SidecarLog) -> Api:
    shown = Endpoint(MetricsApi(meters).show, "Metrics", open=True)
    cross_origin = _cross_origin(options, options.metrics_addresses)
    settings = ApiSettings(0, options.max_head_bytes, cross_origin=cross_origin)
    return Api(Router([]), shown, settings, log)


def _settings(options: Options, configuration: Configuration) -> ApiSettings:
    return ApiSettings(
        options.max_body_bytes,
        options.max_head_bytes,
        options.api_token,
        options.api_token_optional,
        _cors(options),
        _cross_origin(options, () if options.unix_domain_socket else options.listen_addresses),
        logged_calls(options, configuration),
    )


def logged_calls(options: Options, configuration: Configuration) -> ApiLogging:
    """Which calls are logged: the command line counts before the Configuration."""
    logging = configuration.api_logging
    enabled = logging.enabled if options.api_logging is None else options.api_logging
    return replace(logging, enabled=enabled)


def _cors(options: Options) -> Cors | None:
    return Cors(options.allowed_origins) if options.allowed_origins else None


def _cross_origin(options: Options, addresses: Sequence[str]) -> CrossOriginRules:
    """The rules of an API that listens on `addresses`; none for a socket, which no page can reach."""
    return CrossOriginRules(_cors(options), bool(addresses) and is_loopback(addresses))

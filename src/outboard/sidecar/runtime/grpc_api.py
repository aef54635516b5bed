"""The gRPC API of one sidecar, made of its use cases where the extra `grpc` is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from outboard.resources.configuration import Configuration
from outboard.sidecar.api.unserved_calls import UnservedCalls
from outboard.sidecar.grpc_library import importing_grpc
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.metrics.meters import Meters
from outboard.sidecar.runtime.apis import Services, logged_calls
from outboard.sidecar.runtime.options import Options

if TYPE_CHECKING:
    from outboard.sidecar.api.grpc.api import GrpcApi
    from outboard.sidecar.invocation.grpc.proxy import GrpcProxy

__all__ = ["grpc_api"]


def grpc_api(
    options: Options,
    configuration: Configuration,
    services: Services,
    proxy: Callable[[], GrpcProxy],
    stop: Callable[[bool], None],
    unserved: UnservedCalls,
    log: SidecarLog,
    meters: Meters | None = None,
) -> GrpcApi:
    """`proxy` makes what takes the calls of other services. `stop(force)` is called when the API is asked to
    end the sidecar.

    Loads the library, which takes some 200 ms: to be called in a thread.
    """
    with importing_grpc():
        from outboard.sidecar.api.grpc.api import GrpcApi, GrpcSettings
        from outboard.sidecar.api.grpc.methods import all_methods
        from outboard.sidecar.api.grpc.subscribe import subscribe_method

    methods = all_methods(
        services.publishing,
        services.state,
        services.secrets,
        services.metadata,
        services.invocation,
        stop,
        options.runtime_namespace,
        has_token=bool(options.api_token),
    )
    settings = GrpcSettings(
        options.max_body_bytes,
        options.api_token,
        options.api_token_optional,
        configuration.grpc_api,
        logged_calls(options, configuration),
    )
    streams = {"SubscribeTopicEventsAlpha1": subscribe_method(services.streaming, log)}
    return GrpcApi(
        methods, streams, proxy(), settings, unserved, log, None if meters is None else meters.calls
    )

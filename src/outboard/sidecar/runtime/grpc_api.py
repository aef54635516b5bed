"""The gRPC API of one sidecar, made of its use cases where the extra `grpc` is installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

from outboard.resources.configuration import Configuration
from outboard.sidecar.api.unserved_calls import UnservedCalls
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.runtime.apis import Services, logged_calls
from outboard.sidecar.runtime.options import Options

if TYPE_CHECKING:
    from outboard.sidecar.api.grpc.api import GrpcApi

__all__ = ["grpc_api", "loading_grpc"]

FORK_SUPPORT: Final = "GRPC_ENABLE_FORK_SUPPORT"


_LOADING: Final = Lock()


@contextmanager
def _without_fork_support() -> Iterator[None]:
    """The library reads this as it is imported; else it writes a line when `outboard run` starts a program.

    `os.environ`, which programs are started with, stays as it is.
    """
    if FORK_SUPPORT in os.environ:
        yield
        return
    os.putenv(FORK_SUPPORT, "false")
    try:
        yield
    finally:
        os.unsetenv(FORK_SUPPORT)


@contextmanager
def loading_grpc() -> Iterator[None]:
    """Where the library is imported: once at a time."""
    with _LOADING, _without_fork_support():
        yield


def grpc_api(
    options: Options,
    configuration: Configuration,
    services: Services,
    stop: Callable[[bool], None],
    unserved: UnservedCalls,
    log: SidecarLog,
) -> GrpcApi:
    """`stop(force)` is called when the API is asked to end the sidecar.

    Loads the library, which takes some 200 ms: to be called in a thread.
    """
    with loading_grpc():
        from outboard.sidecar.api.grpc.api import GrpcApi, GrpcSettings
        from outboard.sidecar.api.grpc.methods import all_methods

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
    return GrpcApi(methods, settings, unserved, log)

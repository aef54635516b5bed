"""What calls of apps need of one sidecar, put together: the way out, the way in, and its name for others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from outboard.clock import Clock
from outboard.resources.configuration import Configuration
from outboard.resources.http_endpoint import HttpEndpoint
from outboard.resources.resiliency import Resiliency
from outboard.sidecar.channel.health import AppHealth
from outboard.sidecar.channel.protocols import GRPC_PROTOCOLS, H2C
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.port import SecretStore
from outboard.sidecar.grpc_library import importing_grpc, is_grpc_installed
from outboard.sidecar.invocation.app import AppCaller, GuardedApp
from outboard.sidecar.invocation.callee import Callee
from outboard.sidecar.invocation.exchange_app import ExchangeApp
from outboard.sidecar.invocation.guards import AppGuards
from outboard.sidecar.invocation.headers import Forwarder
from outboard.sidecar.invocation.names.port import Announced, Names
from outboard.sidecar.invocation.names.registry import SidecarRegistry
from outboard.sidecar.invocation.names.remembered import RememberedNames
from outboard.sidecar.invocation.outgoing import Outgoing, WithoutSidecar, outgoing
from outboard.sidecar.invocation.service import InvocationService, Reach
from outboard.sidecar.invocation.targets import AppName
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.metrics.meters import Meters
from outboard.sidecar.resiliency.guard import Resilience
from outboard.sidecar.runtime.invoking_grpc import GrpcInvoking
from outboard.sidecar.runtime.options import Options
from outboard.wire.http import Exchange

if TYPE_CHECKING:
    from outboard.sidecar.api.grpc.internal import InternalApi
    from outboard.sidecar.invocation.grpc.proxy import GrpcProxy

__all__ = ["Invoking"]

NO_PEERS: Final = "calls of other apps need the extra `grpc`: pip install 'outboard[grpc]'"
HOST_VARIABLE: Final = "DAPR_HOST_IP"
ELSEWHERE: Final = ("192.0.2.1", 80)
"""An address for documentation: whoever would send something there, which nobody does, has this address."""


class Invoking:
    """The parts of one sidecar that call apps, and by which its own app is called. `app` is the way to it."""

    def __init__(
        self,
        options: Options,
        configuration: Configuration,
        clock: Clock,
        log: SidecarLog,
        random: Callable[[], float],
        meters: Meters | None = None,
    ) -> None:
        self._clock = clock
        self._options = options
        self._configuration = configuration
        self._log = log
        self._reach = Reach() if is_grpc_installed() else Reach(unfound=NO_PEERS)
        refuses, speaks_http = configuration.refuses_calls, options.app_protocol not in GRPC_PROTOCOLS
        self._meters = meters
        self._reach.meters = calls = None if meters is None else meters.calls
        self._callee = Callee(refuses=refuses, speaks_http=speaks_http, meters=calls)
        self._me = AppName(options.app_id, options.runtime_namespace)
        self._grpc = GrpcInvoking(options, self._me, self._reach, random, refuses=refuses)
        self.service = InvocationService(self._me, self._reach, random)
        self._outgoing: Outgoing | None = None
        self._host_address = ""

    @property
    def is_found(self) -> bool:
        """Whether other sidecars can find this one."""
        return self._options.registry is not None or self._configuration.name_resolution is not None

    @asynccontextmanager
    async def opened(
        self,
        endpoints: Sequence[HttpEndpoint],
        context: ComponentContext,
        stores: Mapping[str, SecretStore],
        policies: Resiliency,
        resilience: Resilience,
    ) -> AsyncIterator[None]:
        """Calls can be made while the block runs, of whomever is known by then.

        Raises ComponentInitFailed and ResourceError for an endpoint that cannot be called.
        """
        async with outgoing(self._meters) as clients, self._grpc.opened():
            self._outgoing, self._host_address = clients, context.environ.get(HOST_VARIABLE, "")
            ways: Mapping[str, AppCaller] = {}
            if endpoints:  # else a start does not pay for them
                from outboard.sidecar.runtime.endpoints import open_endpoints

                ways = await open_endpoints(endpoints, clients, context, stores)
            self._reach.externals = WithoutSidecar(clients, ways)
            self._reach.guards = AppGuards(policies, resilience)
            yield

    def attend(self, exchange: Exchange, slots: asyncio.Semaphore | None, health: AppHealth) -> None:
        """From now on the app is called: at its port, or over `exchange` where it has none."""
        app = self._app(exchange)
        self._reach.app = self._callee.app = GuardedApp(app, lambda: health.healthy, slots)

    def _app(self, exchange: Exchange) -> AppCaller:
        options = self._options
        if options.app_protocol in GRPC_PROTOCOLS:
            return self._grpc.app()
        host, port, token = options.app_channel_address, options.app_port, options.app_api_token
        scheme = "http" if options.app_protocol == H2C else options.app_protocol
        base = f"{scheme}://{_host(host)}:{port}"
        if port and self._outgoing is not None and options.app_protocol == H2C:
            return self._outgoing.h2c_app(host, port, base, token)
        if port and self._outgoing is not None:
            return self._outgoing.app(base, token, tls=False)
        return ExchangeApp(exchange, base, token)

    def proxy(self) -> GrpcProxy:
        """For calls of services that are not Dapr's. It needs the extra `grpc`."""
        return self._grpc.proxy()

    def internal_api(self) -> InternalApi:
        """What other sidecars call. It needs the extra `grpc`."""
        with importing_grpc():
            from outboard.sidecar.api.grpc.internal import InternalApi

        return InternalApi(self._callee, self.proxy(), self._options.max_body_bytes, self._log)

    @asynccontextmanager
    async def announced(self, address: str) -> AsyncIterator[None]:
        """Others find this sidecar at `address`, and it finds them; nobody does where that is empty.

        Raises ResourceError for a register of names that cannot be used.
        """
        names = self._names()
        if not address or names is None:
            yield
            return
        async with names.announced(Announced(self._me, address)):
            self._reach.names = RememberedNames(names, self._clock.monotonic)
            self._reach.others = self._grpc
            self._reach.forwarder = await asyncio.to_thread(_this_machine, self._host_address)
            yield

    def _names(self) -> Names | None:
        """Raises ResourceError."""
        found, folder = self._configuration.name_resolution, self._options.registry
        if found is not None:
            from outboard.sidecar.invocation.names.sqlite import sqlite_names  # for none else at a start

            return sqlite_names(found, self._options.directory, self._log)
        return None if folder is None else SidecarRegistry(folder, self._log, self._clock.sleep)


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _this_machine(address: str) -> Forwarder:
    """At `address`, if it is given. Nothing is sent: the system only says from which address it would be."""
    if address:
        return Forwarder(address, socket.gethostname())
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(ELSEWHERE)
            address = str(probe.getsockname()[0])
    except OSError:
        address = ""
    return Forwarder(address, socket.gethostname())

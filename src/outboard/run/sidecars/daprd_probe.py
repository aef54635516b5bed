"""What asking a daprd and its app tells: how far a start has come, and what has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from outboard.clock import Clock
from outboard.run.availability import AppAvailability
from outboard.run.output.events import Report, SubscriptionsChanged
from outboard.run.plan.plan import AppPlan
from outboard.run.plan.settings import LISTEN_ADDRESSES
from outboard.run.plan.tokens import APP_TOKEN
from outboard.run.sidecars.daprd_subscriptions import NOTHING, AskedFor, asked_for
from outboard.run.sidecars.subscription_changes import SubscriptionMonitor
from outboard.sidecar.channel.exchange import app_url, exchange_with
from outboard.sidecar.channel.protocols import GRPC_PROTOCOLS, exchange_with_app
from outboard.sidecar.grpc_library import is_grpc_installed
from outboard.wire.dapr import (
    API_TOKEN_HEADER,
    DEFAULT_MAX_BODY_BYTES,
    LIST_SUBSCRIPTIONS,
    SUBSCRIBE_PATH,
)
from outboard.wire.http import Exchange, ExchangeFailed, Request

__all__ = ["exchange_with_sidecar", "is_healthy", "until_asked", "until_healthy", "watch_subscriptions"]

POLL: Final = 0.05
TIMEOUT: Final = 2.0
NOTHING_TO_KEEP: Final = 0
HEALTHY: Final = 204
"""No Content: what a health check of Dapr's answers, and nothing else does by chance."""
APP_PROTOCOL_VARIABLE: Final = "APP_PROTOCOL"
ASKED_OVER: Final = frozenset({"http", "https"})
LOOPBACK: Final = "127.0.0.1"
EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::", "[::]"})


@asynccontextmanager
async def exchange_with_sidecar(app: AppPlan) -> AsyncIterator[Exchange]:
    """An exchange with the sidecar of `app`."""
    url = app_url("http", api_host(app.sidecar), app.http_port)
    async with exchange_with(url, NOTHING_TO_KEEP) as exchange:
        yield exchange


def api_host(arguments: tuple[str, ...]) -> str:
    """A host at which a daprd with this command line answers."""
    flag = f"--{LISTEN_ADDRESSES}"
    written = arguments[arguments.index(flag) + 1] if flag in arguments else LOOPBACK
    hosts = [host.strip() for host in written.split(",")]
    if LOOPBACK in hosts or EVERYWHERE.intersection(hosts):
        return LOOPBACK
    return hosts[0].strip("[]")


async def until_healthy(exchange: Exchange, path: str, clock: Clock) -> None:
    """Return once a GET of `path` is answered as Dapr answers it: anything else may have the port."""
    while not await is_healthy(exchange, path):
        await clock.sleep(POLL)


async def until_asked(app: AppPlan, is_ready: Callable[[], Awaitable[bool]], clock: Clock) -> AskedFor:
    """What `app` answers at `/dapr/subscribe` once it answers; nothing where its daprd is ready before.

    An app that speaks gRPC is not asked, nor one that has no port.
    """
    protocol = app.variables[APP_PROTOCOL_VARIABLE]
    if not app.app_port or protocol not in ASKED_OVER:
        return NOTHING
    async with exchange_with(app_url(protocol, app.app_host, app.app_port), NOTHING_TO_KEEP) as exchange:
        while True:
            try:
                answer = await exchange(Request("GET", SUBSCRIBE_PATH, _with_token(app)), TIMEOUT)
            except ExchangeFailed:
                if await is_ready():
                    return NOTHING
                await clock.sleep(POLL)
            else:
                return asked_for(answer)


async def watch_subscriptions(app: AppPlan, availability: AppAvailability, report: Report) -> None:
    """Report when `app` subscribes to something else after a restart: daprd asks once.

    Runs until cancelled. One that speaks gRPC is asked where the extra `grpc` is installed here.
    """
    protocol = app.variables[APP_PROTOCOL_VARIABLE]
    request = Request("GET", SUBSCRIBE_PATH, _with_token(app))
    if protocol in GRPC_PROTOCOLS:
        if not is_grpc_installed():
            return
        request = Request("POST", LIST_SUBSCRIPTIONS, _with_token(app))
    changed = SubscriptionsChanged(app.app_id)
    async with exchange_with_app(protocol, app.app_host, app.app_port, DEFAULT_MAX_BODY_BYTES) as exchange:
        asking = SubscriptionMonitor(exchange)
        await availability.until_there()
        with suppress(ExchangeFailed):  # away again
            await asking(request, TIMEOUT)
        await asking.watch(availability, lambda: report(changed))


def _with_token(app: AppPlan) -> dict[str, str]:
    """The headers by which `app` takes a request for its sidecar's."""
    token = app.full_environment.get(APP_TOKEN)
    return {API_TOKEN_HEADER: token} if token else {}


async def is_healthy(exchange: Exchange, path: str) -> bool:
    try:
        return (await exchange(Request("GET", path), TIMEOUT)).status == HEALTHY
    except ExchangeFailed:
        return False

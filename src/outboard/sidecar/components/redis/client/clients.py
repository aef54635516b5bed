"""The client library's clients, made as the settings say."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from redis import asyncio as aioredis
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from outboard.sidecar.components.redis.client.settings import RedisSettings
from outboard.sidecar.components.redis.client.tls import write_certificate

__all__ = ["Clients"]

POOL_PER_CPU: Final = 10
ANY_NUMBER: Final = 100_000  # of connections; by itself the library stops at 100
RESP2: Final = 2  # one shape of replies with every version of the server
# Of these the library would make values of its own, which differ from version to version.
AS_SENT: Final = ("HMGET", "INFO", "XADD", "XCLAIM", "XPENDING", "XRANGE", "XREADGROUP")


class Clients:
    """Makes clients, which all are closed, and their files deleted, when `stack` is."""

    def __init__(self, settings: RedisSettings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._options: dict[str, Any] = {
            "username": settings.username or None,
            "password": settings.password or None,
            **self._common(),
        }

    def short(self) -> Any:
        """For commands that the server answers at once; its pool is as large as the settings say."""
        settings = self._settings
        size = settings.pool_size or POOL_PER_CPU * (os.cpu_count() or 1)

        def pool(**options: Any) -> aioredis.ConnectionPool:
            return aioredis.BlockingConnectionPool(size, settings.pool_timeout, **options)

        return self._client(pool, settings.timeout)

    def patient(self) -> Any:
        """For commands that wait in the server: any number of them, so that none waits for a connection."""
        return self._client(functools.partial(aioredis.ConnectionPool, max_connections=ANY_NUMBER), None)

    def _client(self, pool: Callable[..., aioredis.ConnectionPool], timeout: float | None) -> Any:
        settings, options = self._settings, {**self._options, "socket_timeout": timeout}
        client: Any
        if settings.cluster:
            nodes = [ClusterNode(host, port) for host, port in settings.addresses]
            client = aioredis.RedisCluster(startup_nodes=nodes, max_connections=ANY_NUMBER, **options)
        elif settings.sentinel_master:
            client = self._sentinel().master_for(
                settings.sentinel_master, db=settings.database, max_connections=ANY_NUMBER, **options
            )
        else:
            host, port = settings.addresses[0]
            if options.pop("ssl", False):
                options["connection_class"] = aioredis.SSLConnection
            client = aioredis.Redis.from_pool(pool(host=host, port=port, db=settings.database, **options))
        self._stack.push_async_callback(client.aclose)
        for command in AS_SENT:
            client.set_response_callback(command, _as_sent)
        return client

    def _sentinel(self) -> Sentinel:
        settings = self._settings
        access = {
            "username": settings.sentinel_username or None,
            "password": settings.sentinel_password or None,
            "socket_timeout": settings.timeout,
        }
        options = {**self._options, **access}
        sentinel = Sentinel(settings.addresses, sentinel_kwargs=options)  # type: ignore[no-untyped-call]
        for each in sentinel.sentinels:
            self._stack.push_async_callback(each.aclose)
        return sentinel

    def _common(self) -> dict[str, Any]:
        settings = self._settings
        options: dict[str, Any] = {
            "socket_connect_timeout": settings.dial_timeout,
            "socket_keepalive": True,
            "protocol": RESP2,
            "retry": Retry(NoBackoff(), 0),  # attempts are counted, and told of, in `connecting`
        }
        if not settings.tls:
            return options
        options |= {
            "ssl": True,
            "ssl_cert_reqs": "required" if settings.verify else "none",
            "ssl_check_hostname": settings.verify,
        }
        if settings.client_certificate:
            options |= _certificate_files(settings, self._stack)
        return options


def _as_sent(reply: object, **options: object) -> object:
    return reply


def _certificate_files(settings: RedisSettings, stack: AsyncExitStack) -> dict[str, Any]:
    """The options that name the client's certificate and key."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outboard-redis-")))
    certificate, key = write_certificate(settings.client_certificate, settings.client_key, folder)
    return {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}

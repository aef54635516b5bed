"""The connection to Redis: attempts, pipelines, transactions, and commands that wait."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import count
from typing import TypeVar, cast

from redis.exceptions import RedisError

from outboard.clock import Clock
from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.redis.client.clients import Clients
from outboard.sidecar.components.redis.client.error_translation import refusal, translated
from outboard.sidecar.components.redis.client.pipelining import Pipelining
from outboard.sidecar.components.redis.client.port import RedisAway, RedisCommand, RedisRefused, RedisReply
from outboard.sidecar.components.redis.client.settings import DEFAULT_USER, RedisSettings, pause_before

__all__ = ["RedisServer", "connect"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


async def connect(
    settings: RedisSettings, name: str, clock: Clock, random: Callable[[], float]
) -> RedisServer:
    """A connection for component `name` that has answered once. Raises RedisAway, RedisRefused."""
    server = RedisServer(settings, name, clock, random)
    logger.info("component '%s' connects to Redis at %s", name, settings)
    try:
        await server.ask_server("PING")
    except BaseException:
        await server.close()
        raise
    if settings.username == DEFAULT_USER and await _lets_anybody_in(settings, name, clock, random):
        text = "component '%s': Redis at %s lets anybody in: `redisPassword` protects nothing there"
        logger.warning(text, name, settings)
    return server


async def _lets_anybody_in(
    settings: RedisSettings, name: str, clock: Clock, random: Callable[[], float]
) -> bool:
    """Whether it answers who has no password; then it takes every password for its default user."""
    anonymous = RedisServer(replace(settings, username="", password="", max_retries=0), name, clock, random)
    try:
        await anonymous.ask_server("PING")
    except ComponentError:
        return False
    finally:
        await anonymous.close()
    return True


class RedisServer:
    """`redis.client.port.Redis`, for one node, for a cluster, and for the master that sentinels name."""

    def __init__(self, settings: RedisSettings, name: str, clock: Clock, random: Callable[[], float]) -> None:
        self._settings = settings
        self._name = name
        self._clock = clock
        self._random = random
        self._answered = self._away = False
        self._stack = AsyncExitStack()
        clients = Clients(settings, self._stack)
        self._client, self._patient = clients.short(), clients.patient()
        self._pipelining = Pipelining(self._send)
        self._stack.push_async_callback(self._pipelining.close)

    async def command(self, *command: bytes | str | int) -> RedisReply:
        reply = await self._pipelining.command(command)
        if isinstance(reply, ComponentError):
            raise reply
        return reply

    async def ask_server(self, *command: bytes | str | int) -> RedisReply:
        async def ask() -> RedisReply:
            with translated(self._settings):
                if not self._settings.cluster:
                    return cast("RedisReply", await self._client.execute_command(*command))
                await self._client.initialize()
                node = self._client.get_default_node()
                return cast("RedisReply", await self._client.execute_command(*command, target_nodes=node))

        return await self._patiently(ask)

    async def following(self, *commands: RedisCommand) -> Sequence[RedisReply]:
        return await self._send(commands)

    async def transaction(self, commands: Sequence[RedisCommand]) -> Sequence[RedisReply]:
        if self._settings.cluster:
            return await self._by_slot(commands)
        replies = await self._send([("MULTI",), *commands, ("EXEC",)])
        done = replies[-1]
        if isinstance(done, list):
            return [_reply(each) for each in done]
        # EXEC only says that nothing was done; the command that was not taken says why.
        raise next((each for each in replies if isinstance(each, ComponentError)), RedisRefused(str(done)))

    async def waiting(self, *command: bytes | str | int, seconds: float) -> RedisReply:
        timeout = self._settings.timeout
        with translated(self._settings):
            async with asyncio.timeout(None if timeout is None else seconds + timeout):
                reply: RedisReply = await self._patient.execute_command(*command)
        return reply

    async def close(self) -> None:
        await self._stack.aclose()

    async def _by_slot(self, commands: Sequence[RedisCommand]) -> Sequence[RedisReply]:
        """A transaction for each slot of a cluster: there is none over several, and daprd makes as many."""
        slots: dict[int, list[int]] = {}
        for index, command in enumerate(commands):
            slots.setdefault(self._client.keyslot(_key(command)), []).append(index)
        replies: dict[int, RedisReply] = {}
        for indexes in slots.values():
            part = [commands[index] for index in indexes]
            done = await self._patiently(functools.partial(self._pipeline, part, transaction=True))
            replies.update(zip(indexes, done, strict=True))
        return [replies[index] for index in range(len(commands))]

    async def _send(self, commands: Sequence[RedisCommand]) -> Sequence[RedisReply]:
        return await self._patiently(lambda: self._pipeline(commands))

    async def _pipeline(
        self, commands: Sequence[RedisCommand], *, transaction: bool = False
    ) -> Sequence[RedisReply]:
        with translated(self._settings):
            async with self._client.pipeline(transaction=transaction) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                replies = [_reply(each) for each in await pipeline.execute(raise_on_error=False)]
        away = next((each for each in replies if isinstance(each, RedisAway)), None)
        if away is not None:
            raise away
        return replies

    async def _patiently(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Attempt as often as the settings say. Raises what the last attempt raised."""
        for attempt in count(1):
            try:
                result = await operation()
            except RedisAway as error:
                if attempt > self._settings.max_retries:
                    raise
                pause = pause_before(attempt, self._settings, self._random)
                self._tell_away(error, attempt + 1, pause)
                await self._clock.sleep(pause)
            else:
                self._tell_back()
                return result
        raise AssertionError("count never ends")

    def _tell_away(self, error: RedisAway, attempt: int, pause: float) -> None:
        """At the start each attempt is told of, later only that the server is away."""
        level = logging.DEBUG if self._away else logging.WARNING
        text = "component '%s': %s; attempt %d of %d follows in %.0f ms"
        attempts = self._settings.max_retries + 1
        logger.log(level, text, self._name, error, attempt, attempts, pause * 1_000)
        self._away = self._answered

    def _tell_back(self) -> None:
        if self._away:
            logger.info("component '%s': Redis at %s answers again", self._name, self._settings)
        self._answered, self._away = True, False


def _reply(value: object) -> RedisReply:
    return refusal(value) if isinstance(value, RedisError) else value


def _key(command: RedisCommand) -> bytes | str | int:
    """Of the commands that are sent in transactions."""
    return command[3 if command[0] == "EVAL" else 1]

"""`state.redis`: keys in Redis, in daprd's own layout: each reads what the other wrote.

A key is a hash: `data` is the value, `version` the ETag, a number that every write raises. Once a key has
been written with first-write (`first-write` is there), every later write must carry the ETag.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from outboard.gojson import jsoniter
from outboard.gojson.values import Json
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import (
    ComponentError,
    Delete,
    EtagInvalidError,
    Found,
    Set,
    StateOptions,
    StateTraits,
)
from outboard.sidecar.components.redis.client.opening import check_connection, open_redis
from outboard.sidecar.components.redis.client.port import (
    Redis,
    RedisAway,
    RedisCommand,
    RedisRefused,
    RedisReply,
)
from outboard.sidecar.components.redis.client.settings import (
    CONNECTION_METADATA,
    RedisSettings,
    read_integer,
)
from outboard.sidecar.components.redis.scripts import DELETE, REFUSE, SET
from outboard.sidecar.components.state.values import check_options, etag_mismatch, go_integer
from outboard.wire.dapr import TTL_IN_SECONDS

__all__ = ["METADATA", "RedisState", "check", "create"]

logger = logging.getLogger(__name__)

METADATA: Final = KnownMetadata((
    *CONNECTION_METADATA, "ttlInSeconds", "queryIndexes", "maxRetries", "maxRetryBackoff",
))  # fmt: skip
REPLICAS: Final = re.compile(rb"^connected_slaves:([0-9]+)", re.MULTILINE)
KEYS_AT_ONCE: Final = 1_000
GLOB: Final = re.compile(rb"([\\\[\]?*^-])")
"""What means something in a pattern."""
REPLICAS_WAITED_FOR: Final = 1_000  # milliseconds
JSON_DOCUMENT: Final = "application/json"
NO_JSON: Final = (
    "ERR Unknown Redis command called from script: a server without RedisJSON takes no item of "
    "content type application/json in a transaction"
)

OTHER_LAYOUT: Final = (
    "component '%s': this server has RedisJSON, where daprd stores items of content type %s as JSON "
    "documents; this sidecar stores them as hashes, as all others"
)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server said of itself at the start: how many replicas it has, and whether RedisJSON."""

    replicas: int = 0
    has_json: bool = False


class RedisState:
    """Each write is one script, so that nothing comes between its check and its change."""

    traits = StateTraits(
        features=frozenset({"ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE", "ACTOR"}),  # as daprd lists them
        query_refusal="redis-json server support is required for query capability",
    )

    def __init__(self, redis: Redis, facts: ServerFacts = ServerFacts(), life: int | None = None) -> None:
        self._redis = redis
        self._facts = facts
        self._life = life
        self._warned = False

    async def get(self, keys: Sequence[str]) -> Mapping[str, Found]:
        """Of several keys each has its own problem; with one, a server that is away can be asked again."""
        wanted = list(dict.fromkeys(keys))
        found = await asyncio.gather(*(self._get(key, alone=len(keys) == 1) for key in wanted))
        return {key: value for key, value in zip(wanted, found, strict=True) if value is not None}

    async def set(self, operation: Set) -> None:
        check_options(operation.options)
        command = self._set(operation)
        try:
            reply = await self._write(command, operation.options)
        except ComponentError as error:
            if operation.etag:  # then daprd takes every error for one of the ETag
                raise etag_mismatch(str(error)) from error
            raise ComponentError(f"failed to set key {operation.key}: {error}") from error
        if isinstance(reply, list):
            raise ComponentError(f"failed to set key {operation.key} ttl: {_text(reply[0])}")

    async def keys(self, prefix: str, limit: int) -> Sequence[str]:
        """As `KeyListing`; of the server's keys those are looked at that are hashes. Not in a cluster."""
        pattern = GLOB.sub(rb"\\\1", prefix.encode()) + b"*"
        found: set[str] = set()
        cursor = 0
        while True:
            options = "MATCH", pattern, "COUNT", KEYS_AT_ONCE, "TYPE", "hash"
            reply = await self._redis.command("SCAN", cursor, *options)
            if not isinstance(reply, tuple | list):  # a cluster answers for each node
                raise ComponentError("the keys of a cluster cannot be listed")
            cursor, part = int(reply[0]), reply[1]
            found.update(_text(key) for key in part)
            if not cursor:
                return sorted(found)[:limit]

    async def delete(self, operation: Delete) -> None:
        """To daprd every error of a delete is one of the ETag."""
        check_options(operation.options)
        try:
            await self._redis.command(*_delete(operation))
        except ComponentError as error:
            raise etag_mismatch(str(error)) from error

    async def transact(self, operations: Sequence[Set | Delete]) -> None:
        """In one step, but Redis undoes nothing: what comes before and after an operation that fails stays.

        First-write and consistency do not count here, as with daprd.
        """
        self._warn_of_rollback()
        replies = await self._redis.transaction([self._step(operation) for operation in operations])
        for reply in replies:
            if isinstance(reply, ComponentError):
                raise ComponentError(str(reply))
            if isinstance(reply, list):
                raise ComponentError(_text(reply[0]))

    async def close(self) -> None:
        await self._redis.close()

    async def _get(self, key: str, *, alone: bool) -> Found | None:
        try:
            return await self._hash(key)
        except ComponentError as error:
            if alone and isinstance(error, RedisAway):
                raise
            return Found(b"", problem=str(error))

    async def _hash(self, key: str) -> Found | None:
        for _ in range(2):
            try:
                reply = await self._redis.command("HMGET", key, "data", "version")
            except RedisRefused:
                return await self._plain(key)
            data, version = reply if isinstance(reply, list) else (None, None)
            if isinstance(data, bytes) and isinstance(version, bytes):
                return Found(data, version.decode("utf-8", "replace"))
            if not (data is version is None):
                break
            if not await self._redis.command("EXISTS", key):
                return None
            # It may have been written between the two questions: the first one tells then.
        raise ComponentError("required hash field 'data' or 'version' was not found")

    async def _plain(self, key: str) -> Found | None:
        """What another program wrote with SET; it has no ETag."""
        reply = await self._redis.command("GET", key)
        return Found(reply) if isinstance(reply, bytes) else None

    async def _write(self, command: RedisCommand, options: StateOptions) -> RedisReply:
        if options.consistency != "strong" or not self._facts.replicas:
            return await self._redis.command(*command)
        # The server waits for the replicas of what came over the same connection.
        waiting = ("WAIT", self._facts.replicas, REPLICAS_WAITED_FOR)
        written, waited = await self._redis.following(command, waiting)
        if isinstance(written, ComponentError):
            raise written
        if isinstance(waited, ComponentError):
            replicas = self._facts.replicas
            raise ComponentError(f"redis waiting for {replicas} replicas to acknowledge write, err: {waited}")
        return written

    def _set(self, operation: Set, first_write: bool = True) -> RedisCommand:
        etag, life = _version(operation), self._time_to_live(operation.metadata)
        first = first_write and operation.options.concurrency == "first-write"
        value = _stored(operation.value)
        kept = "" if life is None else str(max(life, 0))
        return ("EVAL", SET, 1, operation.key, etag, value, "1" if first else "0", kept)

    def _step(self, operation: Set | Delete) -> RedisCommand:
        if operation.metadata.get("contentType") == JSON_DOCUMENT and not self._facts.has_json:
            return ("EVAL", REFUSE, 1, operation.key, NO_JSON)
        if isinstance(operation, Delete):
            return _delete(operation)
        return self._set(operation, first_write=False)

    def _time_to_live(self, metadata: Mapping[str, str]) -> int | None:
        """Seconds, 0 or less for ever; None where the write leaves it as it is. Raises ComponentError."""
        text = metadata.get(TTL_IN_SECONDS, "")
        if not text:
            return self._life
        try:
            return go_integer(text, "ParseInt")
        except ComponentError as error:
            raise ComponentError(f"failed to parse ttl from metadata: {error}") from error

    def _warn_of_rollback(self) -> None:
        if not self._warned:
            self._warned = True
            text = "Redis rolls no transaction back: what came before an operation that failed stays."
            logger.warning(text)


def check(properties: Properties, context: ComponentContext) -> None:
    """Raises ComponentInitFailed for a wrong setting."""
    connection, _ = _settings(properties)
    check_connection(properties, connection)


def _settings(properties: Properties) -> tuple[RedisSettings, int | None]:
    """Of the connection, and how long an entry lives."""
    settings = RedisSettings.read(
        properties,
        max_retries=_max_retries(properties),
        min_retry_interval=_min_retry_interval(properties),
    )
    life = read_integer(properties, "ttlInSeconds") if "ttlInSeconds" in properties else None
    if properties.string("queryIndexes"):
        advice = "Take it away, or use the real daprd (`--engine daprd`)."
        reason = "`queryIndexes` asks for queries, which this sidecar does not serve"
        raise properties.failure(reason, advice, "queryIndexes")
    return settings, life


async def create(properties: Properties, context: ComponentContext) -> RedisState:
    """Raises ComponentInitFailed for a wrong setting, ComponentError where no server answers."""
    settings, life = _settings(properties)
    redis = await open_redis(properties, settings, context, "redis store")
    try:
        return RedisState(redis, await _facts(redis, properties), life)
    except BaseException:
        await redis.close()
        raise


async def _facts(redis: Redis, properties: Properties) -> ServerFacts:
    replication = await redis.ask_server("INFO", "replication")
    try:
        await redis.ask_server("JSON.GET")
    except RedisRefused as error:
        has_json = not str(error).startswith("ERR unknown command")
    else:
        has_json = True
    if has_json:
        logger.warning(OTHER_LAYOUT, properties.component.name, JSON_DOCUMENT)
    return ServerFacts(_replicas(replication), has_json)


def _replicas(replication: RedisReply) -> int:
    found = REPLICAS.search(replication) if isinstance(replication, bytes) else None
    return int(found[1]) if found else 0


def _max_retries(properties: Properties) -> int:
    legacy = not properties.get("redisMaxRetries") and properties.get("maxRetries")
    return read_integer(properties, "maxRetries") if legacy else 3


def _min_retry_interval(properties: Properties) -> float:
    """2 s, or what the old name says, in nanoseconds."""
    legacy = not properties.get("redisMinRetryInterval") and properties.get("maxRetryBackoff")
    return read_integer(properties, "maxRetryBackoff") * 1e-9 if legacy else 2.0


def _version(operation: Set) -> str:
    """The ETag as the script compares it; "0" for none. Raises EtagInvalidError."""
    if operation.options.concurrency == "last-write" or not operation.etag:
        return "0"
    try:
        return str(go_integer(operation.etag, "Atoi"))
    except ComponentError as error:
        raise EtagInvalidError(f"invalid etag value: {error}") from error


def _stored(value: Json | bytes) -> bytes:
    """Raises ComponentError for a number out of range."""
    if isinstance(value, bytes):
        return value
    try:
        return jsoniter.encode(value)
    except ValueError as error:
        raise ComponentError(f"the value cannot be stored: {error}") from error


def _delete(operation: Delete) -> RedisCommand:
    return ("EVAL", DELETE, 1, operation.key, operation.etag or "0")


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

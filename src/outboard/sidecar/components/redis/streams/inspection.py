"""Redis streams looked into from outside: a group's consumers, and what it has not read or settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.pubsub.standing import (
    BrokerStanding,
    GroupMember,
    PartitionStanding,
    TopicStanding,
    WaitingEvent,
)
from outboard.sidecar.components.pubsub.waiting import reason_of, waiting_event
from outboard.sidecar.components.redis.client.opening import open_redis
from outboard.sidecar.components.redis.client.port import Redis, RedisRefused
from outboard.sidecar.components.redis.client.settings import RedisSettings
from outboard.sidecar.components.redis.streams.settings import StreamSettings

__all__ = ["inspect"]


async def inspect(properties: Properties, context: ComponentContext, topics: Sequence[str]) -> BrokerStanding:
    """How `topics` stand in the component's group. Raises ComponentError, ComponentInitFailed."""
    group = StreamSettings.read(properties, context.app_id).group
    settings = RedisSettings.read(properties)
    redis = await open_redis(properties, settings, context, "redis streams")
    try:
        return BrokerStanding(
            group, str(settings), tuple([await _topic(redis, group, topic) for topic in topics])
        )
    finally:
        await redis.close()


async def _topic(redis: Redis, group: str, name: str) -> TopicStanding:
    try:
        stream = _fields(await redis.command("XINFO", "STREAM", name))
    except RedisRefused:  # ERR no such key
        return TopicStanding(name, exists=False)
    groups = [_fields(each) for each in _list(await redis.command("XINFO", "GROUPS", name))]
    own = next((each for each in groups if _text(each.get("name")) == group), None)
    length, last = _int(stream.get("length")), stream.get("last-entry")
    latest, reason = (_waiting(last), _reason(last)) if last else (None, "")
    if own is None:
        partition = PartitionStanding(0, 0, length)
        return TopicStanding(name, True, (partition,), (), length, reason, latest=latest)
    consumers = _list(await redis.command("XINFO", "CONSUMERS", name, group))
    members = tuple(GroupMember(_text(_fields(each).get("name")), topics=(name,)) for each in consumers)
    unread = await _unread(redis, name, _text(own.get("last-delivered-id")))
    lag = _int(own.get("pending")) + len(unread)
    owner, waiting = members[0].id if members else "", _waiting(unread[0]) if unread else None
    partition = PartitionStanding(0, 0, length, length - lag, owner, lag, waiting)
    return TopicStanding(name, True, (partition,), members, length, reason, latest=latest)


async def _unread(redis: Redis, name: str, last: str) -> list[object]:
    """The entries behind the last one that the group was given, at most a thousand."""
    return _list(await redis.command("XRANGE", name, f"({last}", "+", "COUNT", 1000))


def _waiting(entry: object) -> WaitingEvent:
    milliseconds = int(_text(_list(entry)[0]).partition("-")[0])
    published = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return waiting_event(milliseconds, _data(entry), published)


def _reason(entry: object) -> str:
    return reason_of(_data(entry))


def _data(entry: object) -> bytes:
    data = _fields(_list(entry)[1]).get("data", b"")
    return data if isinstance(data, bytes) else b""


def _list(reply: object) -> list[object]:
    return list(reply) if isinstance(reply, list | tuple) else []


def _fields(reply: object) -> dict[str, object]:
    if isinstance(reply, dict):
        return {_text(name): value for name, value in reply.items()}
    flat = _list(reply)
    return {_text(name): value for name, value in zip(flat[::2], flat[1::2], strict=False)}


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0

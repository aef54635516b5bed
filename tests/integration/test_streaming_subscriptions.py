"""Streaming subscriptions of a sidecar with its port: what becomes of events when either side leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from dapr.proto.runtime.v1.appcallback_pb2 import TopicEventResponse
from dapr.proto.runtime.v1.pubsub_pb2 import (
    PublishEventRequest,
    SubscribeTopicEventsRequestAlpha1,
    SubscribeTopicEventsRequestInitialAlpha1,
    SubscribeTopicEventsRequestProcessedAlpha1,
    SubscribeTopicEventsResponseAlpha1,
)
from google.protobuf.empty_pb2 import Empty

from outboard.hops.record import HopKind
from outboard.resources.configuration import ApiAccess, Configuration
from outboard.resources.loader import Resources
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from support.processes import free_ports
from support.sidecars import Hops, component
from support.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

SERVICE = "/dapr.proto.runtime.v1.Dapr"
IN_MEMORY = Resources(components=(component("ps", "pubsub.in-memory"),))
SUCCESS, DROP = TopicEventResponse.SUCCESS, TopicEventResponse.DROP
Call = grpc.aio.StreamStreamCall[SubscribeTopicEventsRequestAlpha1, SubscribeTopicEventsResponseAlpha1]


class Served:
    """A sidecar that runs, with a client of it."""

    def __init__(self, sidecar: Sidecar, serving: asyncio.Task[int], channel: grpc.aio.Channel) -> None:
        self.sidecar = sidecar
        self.serving = serving
        self._channel = channel

    def stream(self) -> Call:
        subscribe: grpc.aio.StreamStreamMultiCallable[
            SubscribeTopicEventsRequestAlpha1, SubscribeTopicEventsResponseAlpha1
        ] = self._channel.stream_stream(
            f"{SERVICE}/SubscribeTopicEventsAlpha1",
            SubscribeTopicEventsRequestAlpha1.SerializeToString,
            SubscribeTopicEventsResponseAlpha1.FromString,
        )
        return subscribe()

    async def subscribed(self, topic: str = "t", dead_letter_topic: str = "") -> Call:
        call = self.stream()
        asked = SubscribeTopicEventsRequestInitialAlpha1(
            pubsub_name="ps", topic=topic, dead_letter_topic=dead_letter_topic
        )
        await call.write(SubscribeTopicEventsRequestAlpha1(initial_request=asked))
        first = await call.read()
        assert isinstance(first, SubscribeTopicEventsResponseAlpha1)
        assert first.HasField("initial_response")
        return call

    async def publish(self, topic: str = "t", data: bytes = b"x", kind: str = "text/plain") -> None:
        request = PublishEventRequest(pubsub_name="ps", topic=topic, data=data, data_content_type=kind)
        publish: grpc.aio.UnaryUnaryMultiCallable[PublishEventRequest, Empty] = self._channel.unary_unary(
            f"{SERVICE}/PublishEvent", PublishEventRequest.SerializeToString, Empty.FromString
        )
        await publish(request)


async def received(call: Call) -> tuple[str, bytes]:
    """Id and data of the next event."""
    message = await call.read()
    assert isinstance(message, SubscribeTopicEventsResponseAlpha1)
    return message.event_message.id, message.event_message.data


async def settle(call: Call, event_id: str, status: int) -> None:
    told = SubscribeTopicEventsRequestProcessedAlpha1(id=event_id, status=TopicEventResponse(status=status))  # type: ignore[arg-type]
    await call.write(SubscribeTopicEventsRequestAlpha1(event_processed=told))


async def ended(call: Call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    return raised.value.code(), raised.value.details() or ""


@asynccontextmanager
async def served(resources: Resources = IN_MEMORY, **more: Any) -> AsyncIterator[Served]:
    recorder, configuration = more.pop("recorder", None), more.pop("configuration", Configuration())
    (port,) = free_ports(1)
    options = Options("api", http_port=0, grpc_port=port, listen_addresses=("127.0.0.1",), **more)
    sidecar = Sidecar(options, resources, recorder=recorder, configuration=configuration)
    serving = asyncio.create_task(sidecar.serve())
    ready = asyncio.create_task(sidecar.ready())
    await asyncio.wait((serving, ready), return_when=asyncio.FIRST_COMPLETED)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Served(sidecar, serving, channel)
    finally:
        sidecar.stop()
        assert await serving == 0


async def test_what_is_at_hand_when_the_sidecar_ends_is_waited_for() -> None:
    async with served() as at:
        busy, idle = await at.subscribed("busy"), await at.subscribed("idle")
        await at.publish("busy")
        event_id, _ = await received(busy)
        at.sidecar.stop()
        assert await ended(idle) == (grpc.StatusCode.UNKNOWN, "stream closed")
        assert not at.serving.done()
        await settle(busy, event_id, SUCCESS)
        assert await ended(busy) == (grpc.StatusCode.UNKNOWN, "stream closed")


async def test_a_stream_that_has_not_begun_does_not_hold_the_end_up() -> None:
    async with served(graceful_shutdown=10.0) as at:
        silent = at.stream()
        await at.subscribed()  # so the other one has been heard of, too
        at.sidecar.stop()
        assert await ended(silent) == (grpc.StatusCode.UNKNOWN, "stream closed")


async def test_what_a_stream_leaves_behind_goes_to_the_next_one(tmp_path: Path) -> None:
    file = component("ps", "pubsub.sqlite", connectionString=str(tmp_path / "events.db"))
    async with served(Resources(components=(file,))) as at:
        first = await at.subscribed(dead_letter_topic="dead")
        await at.publish(data=b"one")
        event = await received(first)
        first.cancel()
        second = await at.subscribed()
        assert await received(second) == event
        await settle(second, event[0], SUCCESS)
        await second.done_writing()
        assert await ended(second) == (grpc.StatusCode.UNKNOWN, "EOF")


async def test_it_is_so_after_a_restart_of_the_sidecar(tmp_path: Path) -> None:
    resources = Resources(
        components=(component("ps", "pubsub.sqlite", connectionString=str(tmp_path / "events.db")),)
    )
    async with served(resources) as at:
        stream = await at.subscribed()
        await at.publish(data=b"handled")
        await at.publish(data=b"left")
        await settle(stream, (await received(stream))[0], SUCCESS)
        left = await received(stream)
        stream.cancel()
    async with served(resources) as at:
        assert await received(await at.subscribed()) == left


async def test_the_record_tells_of_deliveries_and_of_what_is_lost() -> None:
    hops = Hops()
    async with served(recorder=hops) as at:
        stream = await at.subscribed()
        for status in (SUCCESS, DROP):
            await at.publish()
            await settle(stream, (await received(stream))[0], status)
        await at.publish()
        lost, _ = await received(stream)
        stream.cancel()
        await until(lambda: any(hop.kind is HopKind.LOST for hop in hops.all))
    told = [(hop.kind, hop.outcome, hop.detail) for hop in hops.all if hop.kind is not HopKind.STORED]
    assert told == [
        (HopKind.DELIVERED, "SUCCESS", ""),
        (HopKind.DELIVERED, "DROP", "DROP status returned from app"),
        (HopKind.DROPPED, "", "DROP status returned from app"),
        (HopKind.LOST, "", "stream closed"),
    ]
    assert hops.all[-1].event.event_id == lost


async def test_metrics_count_them() -> None:
    (port,) = free_ports(1)
    counted = 'app_id="api",component="ps",namespace="",process_status="success",status="success",topic="t"'
    async with served(metrics_port=port) as at, httpx.AsyncClient(trust_env=False) as http:
        stream = await at.subscribed()
        await at.publish()
        await settle(stream, (await received(stream))[0], SUCCESS)
        while counted not in (await http.get(f"http://127.0.0.1:{port}/metrics")).text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_two_events_of_one_id_are_settled_one_after_the_other(tmp_path: Path) -> None:
    """daprd takes both answers for the second one."""
    file = component("ps", "pubsub.sqlite", connectionString=str(tmp_path / "events.db"), partitions="8")
    event = b'{"specversion":"1.0","id":"same","source":"s","type":"t","partitionkey":"%d"}'
    async with served(Resources(components=(file,))) as at:
        stream = await at.subscribed()
        for key in range(6):
            await at.publish(data=event % key, kind="application/cloudevents+json")
        for _ in range(6):
            assert (await received(stream))[0] == "same"
            await settle(stream, "same", SUCCESS)
        await at.publish(data=b"last")
        assert (await received(stream))[1] == b"last"


async def test_a_token_and_the_list_of_denied_apis_count() -> None:
    async with served(api_token="sesame") as at:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await at.subscribed()
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    denied = Configuration(grpc_api=ApiAccess(denied=frozenset({"v1alpha1/subscribe"})))
    async with served(configuration=denied) as at:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await at.subscribed()
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_both_metadata_apis_tell_of_it() -> None:
    async with served() as at, httpx.AsyncClient(trust_env=False) as http:
        await at.subscribed(dead_letter_topic="dead")
        answer = await http.get(f"http://127.0.0.1:{at.sidecar.http_port}/v1.0/metadata")
        assert answer.json()["subscriptions"] == [
            {
                "pubsubname": "ps",
                "topic": "t",
                "rules": [{"path": "/"}],
                "deadLetterTopic": "dead",
                "type": "STREAMING",
            }
        ]


async def test_a_stream_goes_on_with_the_component_that_replaces_its_own() -> None:
    """What waits in memory is handed over, and what is at hand is settled with the old one."""
    async with served() as at:
        call = await at.subscribed()
        await at.publish(data=b"one")
        event_id, _ = await received(call)
        reloading = asyncio.create_task(at.sidecar.reload(IN_MEMORY, anew=["ps"]))
        await asyncio.sleep(0)
        assert not reloading.done()
        await settle(call, event_id, SUCCESS)
        assert await reloading
        await at.publish(data=b"two")
        event_id, data = await received(call)
        assert data == b"two"
        await settle(call, event_id, SUCCESS)


async def test_a_stream_outlives_a_component_that_is_gone_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served() as at:
        call = await at.subscribed()
        await at.sidecar.reload(Resources())
        assert (
            "the stream of topic t gets nothing: its pub/sub component ps is no longer loaded" in caplog.text
        )
        with pytest.raises(grpc.aio.AioRpcError):
            await at.publish()
        await at.sidecar.reload(IN_MEMORY)
        await at.publish(data=b"two")
        event_id, data = await received(call)
        assert data == b"two"
        await settle(call, event_id, SUCCESS)


async def test_a_stream_that_has_ended_takes_nothing_of_the_component_that_comes() -> None:
    async with served() as at:
        call = await at.subscribed()
        await call.done_writing()
        assert await ended(call) == (grpc.StatusCode.UNKNOWN, "EOF")
        await at.sidecar.reload(IN_MEMORY, anew=["ps"])
        other = await at.subscribed()
        await at.publish(data=b"one")
        event_id, _ = await received(other)
        await settle(other, event_id, SUCCESS)

"""A pub/sub component in a process of its own: a whole sidecar, and a gRPC server on a Unix socket."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest

from outboard.clock import SystemClock
from outboard.gojson.values import Json
from outboard.resources.component import Component
from outboard.resources.resiliency import CodeRange, Resiliency, RetryPolicy, Target
from outboard.sidecar.runtime.pausing import pause_all
from outboard.wire.http import Response
from support.pluggable import PluggedPubSub, Refusal, plugged, sidecar_beside
from support.sidecars import ScriptedApp, call, component
from support.waiting import until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets for gRPC"),
]


def event(number: int) -> bytes:
    described = {"id": f"e{number}", "source": "s", "type": "t", "specversion": "1.0", "data": number}
    return json.dumps(described).encode()


def subscribing(**more: Any) -> ScriptedApp:
    return ScriptedApp([{"pubsubname": "ps", "topic": "t", "route": "/t", **more}])


async def test_it_is_initialized_by_its_metadata_and_told_of_by_its_features(short_folder: Path) -> None:
    broker = PluggedPubSub(features=("MESSAGE_TTL",))
    async with (
        plugged(short_folder, "mine", broker),
        sidecar_beside(
            short_folder, component("ps", "pubsub.mine", someThing="x"), channel=ScriptedApp()
        ) as sidecar,
    ):
        told = (await call(sidecar.api, "GET", "/v1.0/metadata")).json["components"]

    assert broker.init == {"someThing": "x", "consumerID": "api"}
    assert told == [{"name": "ps", "type": "pubsub.mine", "version": "v1", "capabilities": ["MESSAGE_TTL"]}]


async def test_what_is_published_reaches_it(short_folder: Path) -> None:
    broker = PluggedPubSub()
    async with (
        plugged(short_folder, "mine", broker),
        sidecar_beside(short_folder, component("ps", "pubsub.MINE")) as sidecar,
    ):
        target = "/v1.0/publish/ps/t?metadata.rawPayload=true&metadata.key=k"
        assert (await call(sidecar.api, "POST", target, b"hello")).status == 204

    (request,) = broker.published
    assert (request.topic, request.pubsub_name, request.data) == ("t", "ps", b"hello")
    assert dict(request.metadata) == {"rawPayload": "true", "key": "k"}
    assert broker.instances == ["ps"]


async def test_its_error_is_told_as_daprd_tells_it(short_folder: Path) -> None:
    broker = PluggedPubSub(refusal=Refusal(grpc.StatusCode.FAILED_PRECONDITION, "no such topic"))
    async with (
        plugged(short_folder, "mine", broker),
        sidecar_beside(short_folder, component("ps", "pubsub.mine")) as sidecar,
    ):
        answer = await call(sidecar.api, "POST", "/v1.0/publish/ps/t", b"1", content_type="application/json")

    assert (answer.status, answer.json["errorCode"]) == (500, "ERR_PUBSUB_PUBLISH_MESSAGE")
    assert answer.json["message"] == (
        "error when publishing to topic t in pubsub ps: rpc error: code = FailedPrecondition desc = "
        "no such topic"
    )


@pytest.mark.parametrize(
    ("code", "attempts"),
    [(grpc.StatusCode.UNAVAILABLE, 3), (grpc.StatusCode.FAILED_PRECONDITION, 1)],  # 503 and 400 of HTTP
)
async def test_over_http_its_errors_are_matched_by_statuses_of_http(
    code: grpc.StatusCode, attempts: int, short_folder: Path
) -> None:
    broker = PluggedPubSub(refusal=Refusal(code, "no"))
    policy = RetryPolicy("constant", duration=0.01, max_retries=2, http_codes=(CodeRange(500, 599),))
    policies = Resiliency(retries={"r": policy}, outbound={"ps": Target(retry="r")})
    async with (
        plugged(short_folder, "mine", broker),
        sidecar_beside(short_folder, component("ps", "pubsub.mine"), resiliencies=(policies,)) as sidecar,
    ):
        assert (await call(sidecar.api, "POST", "/v1.0/publish/ps/t", b"1")).status == 500

    assert len(broker.published) == attempts


async def test_one_that_takes_many_gets_them_in_one_request(short_folder: Path) -> None:
    broker = PluggedPubSub(features=("BULK_PUBSUB",), failing={"two": "too much"})
    entries: Json = [
        {"entryId": f"n{number}", "event": text, "contentType": "text/plain"}
        for number, text in enumerate(["one", "two"])
    ]
    async with (
        plugged(short_folder, "mine", broker),
        sidecar_beside(short_folder, component("ps", "pubsub.mine")) as sidecar,
    ):
        target = "/v1.0/publish/bulk/ps/t?metadata.rawPayload=true"
        answer = await call(sidecar.api, "POST", target, entries, content_type="application/json")

    assert answer.json["failedEntries"] == [{"entryId": "n1", "error": "too much"}]
    (request,) = broker.published
    assert [(each.event, each.content_type) for each in request.entries] == [(b"one", ""), (b"two", "")]


async def test_an_event_is_delivered_and_acknowledged(short_folder: Path) -> None:
    broker, app = PluggedPubSub(), subscribing(metadata={"partition": "3"})
    async with plugged(short_folder, "mine", broker):
        delivery = broker.hand_over("t", event(1))
        async with sidecar_beside(short_folder, component("ps", "pubsub.mine"), channel=app):
            await delivery.settled.wait()

        assert delivery.said == ""
        assert [each["id"] for each in app.events_at("/t")] == ["e1"]
        assert (broker.subscribed[0].name, dict(broker.subscribed[0].metadata)) == ("t", {"partition": "3"})
        await until(lambda: not broker.open_streams)  # the sidecar has left


async def test_what_the_app_cannot_handle_is_told_with_the_error(
    short_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker, app = PluggedPubSub(), subscribing()
    app.answer("/t", Response(500, body=b"no"))
    async with plugged(short_folder, "mine", broker):
        refused = broker.hand_over("t", event(1), id="a")
        taken = broker.hand_over("t", event(2), id="b")
        async with sidecar_beside(short_folder, component("ps", "pubsub.mine"), channel=app):
            await taken.settled.wait()

    assert (bool(refused.said), taken.said) == (True, "")
    assert "error when handling message on topic t" in caplog.text


async def test_nothing_is_said_of_what_is_handled_yet_when_the_sidecar_ends(short_folder: Path) -> None:
    broker, app = PluggedPubSub(), subscribing()
    app.gates["/t"] = asyncio.Event()
    async with plugged(short_folder, "mine", broker):
        delivery = broker.hand_over("t", event(1))
        gone = sidecar_beside(
            short_folder, component("ps", "pubsub.mine"), channel=app, clock=SystemClock(), drain_seconds=0.01
        )
        async with gone:
            await app.called("/t")
        await until(lambda: not broker.open_streams)

    assert delivery.said is None


async def test_a_stream_that_the_component_ends_is_opened_again(
    short_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker, app = PluggedPubSub(), subscribing()
    async with (
        plugged(short_folder, "mine", broker),
        sidecar_beside(short_folder, component("ps", "pubsub.mine"), channel=app),
    ):
        await until(lambda: len(broker.subscribed) == 1)
        broker.ending.set()
        await until(lambda: len(broker.subscribed) > 1)
        broker.ending.clear()
        delivery = broker.hand_over("t", event(1))
        await delivery.settled.wait()

    assert delivery.said == ""
    assert "the component ended it. Will retry." in caplog.text


async def test_a_component_that_comes_back_goes_on(short_folder: Path) -> None:
    before, after, app = PluggedPubSub(), PluggedPubSub(), subscribing()
    async with plugged(short_folder, "mine", before):
        ends = asyncio.Event()

        async def attend() -> None:
            async with sidecar_beside(short_folder, component("ps", "pubsub.mine"), channel=app):
                await ends.wait()

        attending = asyncio.create_task(attend())
        await until(lambda: bool(before.subscribed))
    async with plugged(short_folder, "mine", after):
        delivery = after.hand_over("t", event(2))
        await delivery.settled.wait()
        ends.set()
        await attending

    assert delivery.said == ""


async def test_a_bulk_subscription_gets_batches_of_one(short_folder: Path) -> None:
    broker, app = (
        PluggedPubSub(features=("BULK_SUBSCRIBE_IMMEDIATE",)),
        subscribing(bulkSubscribe={"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 600_000}),
    )
    async with plugged(short_folder, "mine", broker):
        deliveries = [broker.hand_over("t", event(number), id=str(number)) for number in range(2)]
        async with sidecar_beside(short_folder, component("ps", "pubsub.mine"), channel=app):
            await deliveries[1].settled.wait()

    assert [len(body["entries"]) for body in app.events_at("/t")] == [1, 1]


@pytest.mark.parametrize("pausable", [True, False])
async def test_it_is_paused_before_a_block_period(pausable: bool, short_folder: Path) -> None:
    broker, app = PluggedPubSub(pausable=pausable), subscribing()
    app.gates["/t"] = asyncio.Event()
    async with (
        plugged(short_folder, "mine", broker),
        sidecar_beside(short_folder, component("ps", "pubsub.mine"), channel=app) as sidecar,
    ):
        delivery = broker.hand_over("t", event(1))
        await app.called("/t")
        pausing = asyncio.create_task(pause_all(sidecar._loaded.pubsubs.values(), sidecar._log))
        await until(lambda: broker.paused == 1)
        if pausable:
            assert not (await asyncio.wait((pausing,), timeout=0.2))[0]  # the app has its event yet
        app.gates["/t"].set()
        await pausing
        await delivery.settled.wait()

    assert delivery.said == ""


async def failure(folder: Path, *components: Component) -> str:
    with pytest.raises(Exception, match="could not be set up") as caught:
        async with sidecar_beside(folder, *components):
            pass
    return str(caught.value)


async def test_one_that_refuses_its_metadata_ends_the_start(short_folder: Path) -> None:
    async with plugged(short_folder, "mine", PluggedPubSub()):
        told = await failure(short_folder, component("ps", "pubsub.mine", refuse="no host"))

    assert "rpc error: code = InvalidArgument desc = no host" in told


async def test_a_process_that_offers_something_else_ends_the_start(short_folder: Path) -> None:
    async with plugged(short_folder, "mine", PluggedPubSub()):
        told = await failure(short_folder, component("st", "state.mine"))

    assert "offers dapr.proto.components.v1.PubSub, but not dapr.proto.components.v1.StateStore" in told


async def test_ours_serves_what_a_process_of_the_same_name_does_not_offer(short_folder: Path) -> None:
    broker = PluggedPubSub()
    components = (component("ps", "pubsub.in-memory"), component("st", "state.in-memory"))
    async with (
        plugged(short_folder, "in-memory", broker),
        sidecar_beside(short_folder, *components) as sidecar,
    ):
        assert (await call(sidecar.api, "POST", "/v1.0/publish/ps/t", b"1")).status == 204
        saved = await call(sidecar.api, "POST", "/v1.0/state/st", [{"key": "k", "value": 1}])

    assert (len(broker.published), saved.status) == (1, 204)


async def test_a_socket_that_nobody_listens_on_ends_the_start(short_folder: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(short_folder / "mine.sock"))
    left = Component("ps", "pubsub.mine", init_timeout=0.3)

    told = await failure(short_folder, left)

    assert f"the process behind {short_folder / 'mine.sock'} did not tell which components it is" in told


async def test_without_a_socket_the_type_is_not_served(
    short_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with sidecar_beside(short_folder, component("ps", "pubsub.mine")):
        pass

    assert f"nor is there a socket `mine.sock` in {short_folder}" in caplog.text

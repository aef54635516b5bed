"""The same streaming subscriptions to the real daprd and to `outboard sidecar`: the same events and ends."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from conformance.asking import Pair, pair
from conformance.http1 import Answer, exchange
from conformance.question import Group, Question, subscribed
from conformance.questions.files import component, documents
from conformance.sidecars import Program, Running, running
from conformance.streaming import (
    DROP,
    RETRY,
    SUCCESS,
    Client,
    Scenario,
    client_of,
    initial,
    processed,
)

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(120)]

RETRIES = """
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: retries}
spec:
  policies:
    retries: {twice: {policy: constant, duration: 10ms, maxRetries: 2}}
  targets:
    components: {tried: {inbound: {retry: twice}}}
"""
DECLARED = """
apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata: {name: declared}
spec: {pubsubname: ps, topic: declared, route: /declared}
"""
FILES = {
    "all.yaml": documents(
        component("ps", "pubsub.in-memory"),
        component("tried", "pubsub.in-memory"),
        component("scoped", "pubsub.in-memory", allowedTopics="a"),
        DECLARED,
    ),
    "retries.yaml": RETRIES,
}
APP = Question("stream", (), subscriptions=(subscribed("named"),))
GROUP = Group("streams", (APP,), FILES)
ALONE = Group("streams-alone", (), FILES, app=False)

FIRST = {
    "no-initial": [processed("x")],
    "empty": [type(processed("x"))()],
    "no-pubsub": [initial("", "t")],
    "nothing-named": [initial("", "")],
    "no-topic": [initial("ps", "")],
    "unknown": [initial("nope", "t", a="b")],
    "unknown-no-topic": [initial("nope", "")],
    "forbidden": [initial("scoped", "b")],
    "twice": [initial("ps", "twice"), initial("ps", "twice")],
    "empty-later": [initial("ps", "empty"), type(processed("x"))()],
    "unknown-event": [initial("ps", "unknown-event"), processed("x")],
    "bad-raw": [initial("ps", "bad-raw", rawPayload="x")],
    "dead-letter-empty": [initial("ps", "dead-letter-empty", "")],
}
GO_ON_AND_END = {"twice", "empty-later", "unknown-event"}
DATA = {
    "text": (b"hello", "text/plain", {}),
    "xml": (b"<a/>", "application/xml", {}),
    "json": (b'{"b": 1, "a": "<", "n": 123456789012345678}', "application/json", {}),
    "bytes": (b"\xff\x00", "application/octet-stream", {}),
    "odd": (b"{}", "odd/kind", {}),
    "untyped": (b"x", "", {}),
    "event": (
        b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"z":1},"datacontenttype":'
        b'"application/json","n":1.5,"yes":true,"none":null,"list":[1,"a"],"object":{"a":{"b":1}}}',
        "application/cloudevents+json",
        {},
    ),
    "event-text": (
        b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":"x<y","datacontenttype":"text/a"}',
        "application/cloudevents+json",
        {},
    ),
    "event-no-data": (b'{"specversion":"1.0","id":"1","source":"s","type":"t"}',
                      "application/cloudevents+json", {}),
    "raw": (b'{"a":1}', "application/json", {"rawPayload": "true"}),
    "ttl": (b"x", "text/plain", {"ttlInSeconds": "100"}),
}  # fmt: skip


def begins(name: str) -> Scenario:
    async def scenario(client: Client) -> object:
        stream = await client.stream(*FIRST[name])
        return await stream.next(), await (stream.next() if name in GO_ON_AND_END else stream.nothing())

    return scenario


def carries(name: str) -> Scenario:
    data, kind, metadata = DATA[name]

    async def scenario(client: Client) -> object:
        stream = await client.subscribed("ps", f"data-{name}")
        await client.publish(f"data-{name}", data, kind, **metadata)
        return await stream.next()

    return scenario


def settled(status: int) -> Scenario:
    """With a dead letter topic, and without one."""

    async def scenario(client: Client) -> object:
        topic = f"settled-{status}"
        stream = await client.subscribed("ps", topic, f"{topic}-dead")
        dead = await client.subscribed("ps", f"{topic}-dead")
        await client.publish(topic)
        seen = [await stream.next()]
        await stream.settle(status)
        seen += [await stream.nothing(), await dead.nothing()]
        alone = await client.subscribed("ps", f"{topic}-alone")
        await client.publish(f"{topic}-alone")
        seen.append(await alone.next())
        await alone.settle(status)
        return [*seen, await alone.nothing()]

    return scenario


async def ends_without_a_word(client: Client) -> object:
    stream = await client.stream()
    await stream.leave()
    return await stream.next()


async def leaves(client: Client) -> object:
    """The subscription goes; what it had is not dead-lettered; the next one works."""
    dead = await client.subscribed("ps", "left-dead")
    first = await client.subscribed("ps", "left", "left-dead")
    await client.publish("left")
    seen = [await first.next()]
    await first.leave()
    seen += [await first.next(), await dead.nothing()]
    second = await client.subscribed("ps", "left", "left-dead")
    seen.append(await second.nothing())
    await client.publish("left", b"again")
    return [*seen, await second.next()]


async def several(client: Client) -> object:
    """Each gets each event, also when one of them does not answer."""
    streams = [await client.subscribed("ps", "several") for _ in range(3)]
    await client.publish("several")
    seen = [await stream.next() for stream in streams]
    told = [each for each in await client.subscriptions() if "several" in str(each)]
    await asyncio.gather(*(stream.settle() for stream in streams))
    return [*seen, told]


async def beside_the_app(client: Client) -> object:
    """On topics that the app subscribes to, in its way and by a file: both get each event."""
    named, declared = await client.subscribed("ps", "named"), await client.subscribed("ps", "declared")
    told = [each for each in await client.subscriptions() if "named" in str(each) or "declared" in str(each)]
    seen: list[object] = [told]
    for stream, topic in ((named, "named"), (declared, "declared")):
        await client.publish(topic)
        seen.append(await stream.next())
        await stream.settle()
        async with asyncio.timeout(10):
            await client.sidecar.app.until([f"/{topic}"], 1)
    return seen


async def retries(client: Client) -> object:
    """As its policy says, the same event again; then the dead letter topic."""
    stream = await client.subscribed("tried", "tried", "tried-dead")
    dead = await client.subscribed("tried", "tried-dead")
    await client.publish_to("tried", "tried")
    seen, ids = [], set()
    for _ in range(3):
        seen.append(await stream.next())
        ids.add(stream.last_id)
        await stream.settle(RETRY)
    return [*seen, len(ids), await dead.next(), await stream.nothing()]


async def told_by_metadata(client: Client) -> object:
    stream = await client.subscribed("ps", "told", "told-dead", a="b")
    told = [each for each in await client.subscriptions() if "told" in str(each)]
    stream.cancel()
    async with asyncio.timeout(10):
        while any("told" in str(each) for each in await client.subscriptions()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return told


async def raw(client: Client) -> object:
    stream = await client.subscribed("ps", "raw", rawPayload="true")
    await client.publish("raw", b'{"a":1}', "application/json", rawPayload="true")
    return await stream.next()


SCENARIOS = {
    **{f"first-{name}": begins(name) for name in FIRST},
    **{f"data-{name}": carries(name) for name in DATA},
    **{f"status-{status}": settled(status) for status in (SUCCESS, RETRY, DROP, 7)},
    **{
        each.__name__: each
        for each in (
            ends_without_a_word, leaves, several, beside_the_app, retries, told_by_metadata, raw,
        )
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def both(
    programs: tuple[Program, Program], portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("streams")
    with portal.wrap_async_context_manager(pair(programs, GROUP, folder)) as running_both:
        yield running_both


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_stream(name: str, both: Pair, portal: BlockingPortal) -> None:
    real, ours = portal.call(_of_both, both, SCENARIOS[name])
    assert ours == real


@pytest.mark.skipif(sys.platform == "win32", reason="daprd is no console program there")
@pytest.mark.parametrize("flags", [(), ("--dapr-block-shutdown-duration=2s",)], ids=["at-once", "block"])
def test_the_same_end(
    programs: tuple[Program, Program], portal: BlockingPortal, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    real, ours = (portal.call(_ended, each, tmp_path / each.name, flags) for each in programs)
    assert ours == real


async def _of_both(both: Pair, scenario: Scenario) -> list[object]:
    async def of(sidecar: Running) -> object:
        sidecar.app.forget()
        async with client_of(sidecar) as client:
            return await scenario(client)

    return list(await asyncio.gather(of(both.real), of(both.ours)))


async def _ended(program: Program, folder: Path, flags: tuple[str, ...]) -> object:
    """Of a stream that waits for nothing. daprd never ends beside one that an event was sent on."""
    alone = replace(ALONE, flags=flags)
    async with running(program, alone, folder) as sidecar, client_of(sidecar) as client:
        idle = await client.subscribed("ps", "idle")
        sidecar.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            end = await idle.next()
            if not flags:  # whether daprd still answers is chance
                return [end, await sidecar.process.wait()]
            answer = await exchange(sidecar.port, "POST", "/v1.0/publish/ps/t", b"1", {})
            still = answer.status if isinstance(answer, Answer) else None
            return [end, still, await sidecar.process.wait()]

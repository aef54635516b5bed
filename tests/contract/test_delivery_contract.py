"""What becomes of an event that an app does not take, on each pub/sub component, of ours and of daprd's.

Dead letters and the time to live are the sidecar's, on top of the component: so both sidecars are asked over
HTTP. A component is a class with its name among the promises, and the fixture `document`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from conformance.app import App, Received
from conformance.question import AppAnswer, Group, Respond
from conformance.sidecars import Program, started, until_ready
from contract.daprd_over_http import NAME, component
from contract.promises import PATIENCE
from contract.pubsub_promises import PUBSUBS, PUBSUBS_OF_DAPRD
from outboard.gojson.values import Json
from support.engines import engine
from support.kafka import KafkaBroker
from support.kafka_component import unique
from support.redis import RedisServer

LIMIT = 4 * 1024 * 1024
"""Bytes of a request, as both sidecars have it unless told otherwise."""
Event = dict[str, Any]


class DecidingApp(App):
    """Answers a delivery with what the data of its events asks for: `{"answer": "SUCCESS"}` and so on."""

    def __init__(self, subscriptions: Sequence[Mapping[str, Json]]) -> None:
        super().__init__(Respond(200, json.dumps(subscriptions).encode()))
        self.events: dict[str, list[Event]] = defaultdict(list)
        self.keys: dict[str, list[str]] = defaultdict(list)

    async def _answer(self, received: Received) -> AppAnswer:
        if received.method == "GET":
            return await super()._answer(received)
        body = json.loads(received.body)
        if "entries" in body:
            return await self._answer_batch(received, body["entries"])
        headers = dict(received.headers)
        await self._note(received.path, body, headers.get("partitionkey") or headers.get("__key", ""))
        status = _wanted(received.path, body)
        return Respond(500) if status == "RETRY" else Respond(200, json.dumps({"status": status}).encode())

    async def _answer_batch(self, received: Received, entries: Sequence[Mapping[str, Any]]) -> AppAnswer:
        for entry in entries:
            metadata = entry["metadata"] or {}
            await self._note(
                received.path, entry["event"], metadata.get("partitionKey") or metadata.get("__key", "")
            )
        statuses = [
            {"entryId": entry["entryId"], "status": _wanted(received.path, entry["event"])}
            for entry in entries
        ]
        return Respond(200, json.dumps({"statuses": statuses}).encode(), {"content-type": "application/json"})

    async def _note(self, path: str, event: Event, key: str) -> None:
        async with self._more:
            self.events[path].append(event)
            self.keys[path].append(key)
            self._more.notify_all()

    async def ids(self, path: str, *wanted: str) -> list[str]:
        """The ids of what has come to `path`, once all of `wanted` have."""
        async with asyncio.timeout(PATIENCE), self._more:
            await self._more.wait_for(lambda: {event["id"] for event in self.events[path]} >= set(wanted))
            return [event["id"] for event in self.events[path]]


def _wanted(path: str, event: Event) -> str:
    wanted: str = event["data"]["answer"]
    return "SUCCESS" if path == "/dead" else wanted


def subscriptions_to(topic: str) -> list[Mapping[str, Json]]:
    """One for single events, one for batches, and one for the dead letters of both."""
    dead = f"{topic}-dead"
    bulk: Json = {"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 100}
    single = {"topic": topic, "route": "/one", "deadLetterTopic": dead}
    batches = {"topic": f"{topic}-bulk", "route": "/many", "deadLetterTopic": dead, "bulkSubscribe": bulk}
    letters = {"topic": dead, "route": "/dead"}
    return [{"pubsubname": NAME, **each} for each in (single, batches, letters)]


@dataclass(frozen=True)
class Beside:
    """A sidecar, by its client, and the app that consumes `topic` through it."""

    client: httpx.AsyncClient
    app: DecidingApp
    topic: str

    async def publish(self, event: Event, suffix: str = "", **metadata: str) -> httpx.Response:
        """Publish `event` as a CloudEvent."""
        return await self.client.post(
            f"/v1.0/publish/{NAME}/{self.topic}{suffix}",
            content=json.dumps({"specversion": "1.0", "source": "s", "type": "t", **event}),
            params={f"metadata.{name}": value for name, value in metadata.items()},
            headers={"content-type": "application/cloudevents+json"},
        )


def event(id: str, answer: str, **more: Json) -> Event:
    return {"id": id, "data": {"answer": answer, "text": "größe"}, **more}


@pytest.mark.anyio
class DeliveryContract:
    component: ClassVar[str]
    """By its name among the promises."""

    @pytest.fixture
    def program(self, sidecar: str, pytestconfig: pytest.Config) -> Program:
        if sidecar == "daprd":
            return Program("daprd", (str(engine("daprd", pytestconfig)),))
        return Program("outboard", (sys.executable, "-m", "outboard", "sidecar"))

    @pytest.fixture
    async def beside(self, program: Program, document: str, tmp_path: Path) -> AsyncIterator[Beside]:
        topic = unique("delivered")
        app = DecidingApp(subscriptions_to(topic))
        group = Group("delivery", (), {"component.yaml": document}, flags=("--log-level=warn",))
        async with app.serving(), started(program, group, tmp_path, app) as running:
            await until_ready(running)
            url = f"http://127.0.0.1:{running.port}"
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as client:
                yield Beside(client, app, topic)

    @pytest.mark.parametrize("suffix", ["", "-bulk"], ids=["single", "bulk"])
    async def test_what_is_dropped_or_refused_goes_to_the_dead_letter_topic_and_the_rest_does_not(
        self, beside: Beside, suffix: str
    ) -> None:
        """As it was, with its key, and once: nothing of it is delivered again."""
        answers = ["SUCCESS", "DROP", "SUCCESS", "RETRY", "SUCCESS"]
        for number, answer in enumerate(answers):
            told = await beside.publish(event(str(number), answer), suffix, partitionKey="k")
            assert told.status_code == 204, told.text
        path = "/many" if suffix else "/one"

        assert sorted(await beside.app.ids(path, *"01234")) == list("01234")
        assert sorted(await beside.app.ids("/dead", "1", "3")) == ["1", "3"]
        letters = {each["id"]: each["data"] for each in beside.app.events["/dead"]}
        assert letters == {id: event(id, answers[int(id)])["data"] for id in ("1", "3")}
        assert set(beside.app.keys["/dead"]) == {"k"}

    @pytest.mark.parametrize("suffix", ["", "-bulk"], ids=["single", "bulk"])
    async def test_what_has_outlived_its_time_reaches_nobody(self, beside: Beside, suffix: str) -> None:
        """It becomes a dead letter, and as such it has outlived its time as well."""
        await _publish_late(beside, suffix)
        lasting = {"partitionKey": "k", "ttlInSeconds": "1000"}
        assert (await beside.publish(event("next", "SUCCESS"), suffix, **lasting)).status_code == 204
        assert (await beside.publish(event("dropped", "DROP"), **lasting)).status_code == 204
        path = "/many" if suffix else "/one"

        await beside.app.ids(path, "next")
        await beside.app.ids("/dead", "dropped")
        assert "late" not in {each["id"] for events in beside.app.events.values() for each in events}
        for delivered in beside.app.events[path]:
            left = datetime.fromisoformat(delivered["expiration"]) - datetime.now(UTC)
            assert timedelta(seconds=900) < left <= timedelta(seconds=1000)

    @pytest.mark.promise("answers_beside_expired")
    async def test_in_a_batch_the_answers_behind_it_stay_with_their_events(self, beside: Beside) -> None:
        await _publish_late(beside, "-bulk")
        for id, answer in ("dropped", "DROP"), ("next", "SUCCESS"):
            told = await beside.publish(event(id, answer), "-bulk", partitionKey="k")
            assert told.status_code == 204, told.text

        assert sorted(await beside.app.ids("/many", "dropped", "next")) == ["dropped", "next"]
        assert await beside.app.ids("/dead", "dropped") == ["dropped"]

    async def test_a_request_over_the_limit_is_refused_and_the_next_one_arrives(self, beside: Beside) -> None:
        refused = await beside.publish(event("large", "SUCCESS", padding="x" * LIMIT))
        assert (refused.status_code, refused.json()["errorCode"]) == (500, "ERR_PUBSUB_PUBLISH_MESSAGE")
        assert (await beside.publish(event("next", "SUCCESS"))).status_code == 204

        assert await beside.app.ids("/one", "next") == ["next"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each component with each sidecar that has it, and promises what the test is about."""
    if "sidecar" not in metafunc.fixturenames:
        return
    wanted = [marker.args[0] for marker in metafunc.definition.iter_markers("promise")]
    having = [
        sidecar
        for sidecar, promises in (("daprd", PUBSUBS_OF_DAPRD), ("outboard", PUBSUBS))
        if (made := promises.get(metafunc.cls.component)) and all(getattr(made, name) for name in wanted)
    ]
    metafunc.parametrize("sidecar", having)


async def _publish_late(beside: Beside, suffix: str) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    late = event("late", "SUCCESS", expiration=past)
    assert (await beside.publish(late, suffix, partitionKey="k")).status_code == 204


class TestInMemoryDelivery(DeliveryContract):
    component = "in-memory"

    @pytest.fixture
    def document(self) -> str:
        return component("pubsub.in-memory")


class TestPartitionedInMemoryDelivery(DeliveryContract):
    component = "in-memory, `partitions`"

    @pytest.fixture
    def document(self) -> str:
        return component("pubsub.in-memory", partitions="4")


class TestSqliteDelivery(DeliveryContract):
    component = "sqlite"

    @pytest.fixture
    def document(self) -> str:
        return component("pubsub.sqlite", connectionString="{folder}/events.db")


class TestRedisDelivery(DeliveryContract):
    component = "redis"

    @pytest.fixture
    def document(self, redis: RedisServer) -> str:
        return component("pubsub.redis", redisHost=redis.address, consumerID=unique("group"))


class TestKafkaDelivery(DeliveryContract):
    component = "kafka"

    @pytest.fixture
    def document(self, kafka_of_four: KafkaBroker) -> str:
        return component(
            "pubsub.kafka", brokers=kafka_of_four.address, authType="none", initialOffset="oldest",
            consumerGroup=unique("group"),
        )  # fmt: skip

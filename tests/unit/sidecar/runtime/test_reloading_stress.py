"""Many changes of everything that can change, one after the other, while events and calls go on."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from outboard.errors import OutboardError
from outboard.hops.record import HopKind
from outboard.resources.component import Component
from outboard.resources.loader import Resources
from outboard.resources.subscription import DeclaredSubscription
from outboard.wire.subscriptions import Rule, Subscription
from support.sidecars import Hops, ScriptedApp, call, component, sidecar_for

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

JSON = "application/json"
TOPICS = ("named", "one", "two")
CHANGES = 80
EVENTS = 600


def declared(topic: str, route: str) -> DeclaredSubscription:
    subscription = Subscription("pubsub", topic, (Rule(route, ""),))
    return DeclaredSubscription(topic, subscription, (), Path("subscriptions.yaml"), 1)


class Changing:
    """Resources that change a little at each step; one step in six is a mistake."""

    def __init__(self, pubsub: Component, seed: int) -> None:
        self._random = random.Random(seed)
        self._first = pubsub
        self.pubsub = pubsub
        self.store = component("store", "state.in-memory")
        self.more: dict[str, Component] = {}
        self.routes = dict.fromkeys(TOPICS[1:], 0)

    @property
    def resources(self) -> Resources:
        subscriptions = tuple(declared(topic, f"/{topic}/{turn}") for topic, turn in self.routes.items())
        return Resources((self.pubsub, self.store, *self.more.values()), subscriptions)

    def step(self, number: int) -> Resources:
        kind = self._random.choice(["pubsub", "store", "more", "route", "route", "mistake"])
        if kind == "pubsub":
            others = component("pubsub", self._first.type, publishingScopes=f"other{number}=x")
            self.pubsub = replace(self._first, metadata=(*self._first.metadata, *others.metadata))
        elif kind == "store":
            self.store = component("store", "state.in-memory", keyPrefix=f"prefix{number}")
        elif kind == "more" and self.more.pop("more", None) is None:
            self.more["more"] = component("more", "state.in-memory")
        elif kind == "route":
            self.routes[self._random.choice(list(self.routes))] = number
        elif kind == "mistake":
            resources = self.resources
            return replace(resources, components=(*resources.components, component("bad", "state.sqlite")))
        return self.resources


@pytest.mark.parametrize("kind", ["in-memory", "partitions", "sqlite"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_lost_comes_twice_or_fails(kind: str, seed: int, tmp_path: Path) -> None:
    pubsub = {
        "in-memory": component("pubsub", "pubsub.in-memory"),
        "partitions": component("pubsub", "pubsub.in-memory", partitions="3"),
        "sqlite": component("pubsub", "pubsub.sqlite", connectionString=str(tmp_path / "log.db")),
    }[kind]
    app = ScriptedApp([{"pubsubname": "pubsub", "topic": "named", "route": "/named"}])
    changing, hops = Changing(pubsub, seed), Hops()
    statuses: set[int] = set()
    async with sidecar_for(app, changing.resources, hops).running() as sidecar:

        async def publish() -> None:
            for number in range(EVENTS):
                path = f"/v1.0/publish/pubsub/{TOPICS[number % 3]}"
                statuses.add((await call(sidecar.api, "POST", path, number, content_type=JSON)).status)
                await asyncio.sleep(0)

        async def save() -> None:
            while not published.done():
                saved = await call(sidecar.api, "POST", "/v1.0/state/store", [{"key": "k", "value": 1}])
                statuses.add(saved.status)
                await asyncio.sleep(0)

        published = asyncio.create_task(publish())
        saving = asyncio.create_task(save())
        refused = 0
        for number in range(1, CHANGES):
            try:
                await sidecar.reload(changing.step(number))
            except OutboardError:
                refused += 1
        await asyncio.gather(published, saving)
        await hops.until(HopKind.DELIVERED, EVENTS)
        names = {each.name for each in sidecar.info.components}
    numbers = [json.loads(request.body)["data"] for request in app.requests if request.method == "POST"]
    assert sorted(numbers) == list(range(EVENTS))
    assert (statuses, refused > 0) == ({204}, True)
    assert names == {each.name for each in changing.resources.components}

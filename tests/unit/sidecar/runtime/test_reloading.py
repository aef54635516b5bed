"""Changed resources, taken into a sidecar that runs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from outboard.errors import ComponentInitFailed, OutboardError, ResourceError
from outboard.gojson.values import Json
from outboard.hops.record import HopKind
from outboard.resources.component import Component, MetadataItem, SecretKeyRef
from outboard.resources.loader import AtStart, Resources
from outboard.resources.resiliency import Resiliency, RetryPolicy, Target
from outboard.resources.subscription import DeclaredSubscription
from outboard.sidecar.runtime.sidecar import Sidecar
from outboard.wire.subscriptions import Rule, Subscription
from support.sidecars import Hops, ScriptedApp, call, component, sidecar_for

pytestmark = pytest.mark.anyio

PUBSUB = component("pubsub", "pubsub.in-memory")
STORE = component("store", "state.in-memory")
JSON = "application/json"


def changed(original: Component, **metadata: str) -> Component:
    return component(original.name, original.type, **metadata)


def subscribed(topic: str = "a") -> Json:
    return [{"pubsubname": "pubsub", "topic": topic, "route": f"/{topic}"}]


def declared(name: str, topic: str, route: str = "", match: str = "") -> DeclaredSubscription:
    subscription = Subscription("pubsub", topic, (Rule(route or f"/{topic}", match),))
    return DeclaredSubscription(name, subscription, (), Path("subscriptions.yaml"), 7)


async def publish(sidecar: Sidecar, number: int, topic: str = "a") -> int:
    answer = await call(sidecar.api, "POST", f"/v1.0/publish/pubsub/{topic}", number, content_type=JSON)
    return answer.status


def names(sidecar: Sidecar) -> list[str]:
    return [each.name for each in sidecar.info.components]


def numbers(app: ScriptedApp, path: str = "/a") -> list[int]:
    return [event["data"] for event in app.events_at(path)]


async def test_a_new_component_can_be_used_and_one_that_is_gone_cannot() -> None:
    async with sidecar_for(ScriptedApp(), Resources((PUBSUB,)), Hops()).running() as sidecar:
        await sidecar.reload(Resources((PUBSUB, STORE)))
        saved = await call(sidecar.api, "POST", "/v1.0/state/store", [{"key": "k", "value": 1}])
        with_store = names(sidecar)
        await sidecar.reload(Resources((STORE,)))
        assert saved.status == 204
        assert (with_store, names(sidecar)) == (["pubsub", "store"], ["store"])
        assert await publish(sidecar, 1) == 404


async def test_what_is_only_written_elsewhere_or_in_another_order_stays_as_it_is() -> None:
    told: list[object] = []
    moved = tuple(replace(each, path=Path("other.yaml"), line=9, scopes=("api",)) for each in (STORE, PUBSUB))
    sidecar = sidecar_for(ScriptedApp(subscribed()), Resources((PUBSUB, STORE)), Hops())
    sidecar._reloaded = told.append
    async with sidecar.running():
        before = sidecar._loaded.pubsubs["pubsub"]
        await sidecar.reload(Resources(moved))
        assert sidecar._loaded.pubsubs["pubsub"] is before
    assert told == []


async def test_events_in_flight_are_settled_and_none_is_lost_or_delivered_twice() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    app.gates["/a"] = asyncio.Event()
    async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
        await publish(sidecar, 0)
        await app.called("/a")
        reloading = asyncio.create_task(sidecar.reload(Resources((changed(PUBSUB, consumerID="x"),))))
        for number in range(1, 5):
            assert await publish(sidecar, number) == 204
        assert not reloading.done()
        app.gates["/a"].set()
        await reloading
        assert await publish(sidecar, 5) == 204
        await hops.until(HopKind.DELIVERED, 6)
    assert numbers(app) == [0, 1, 2, 3, 4, 5]
    assert hops.of(HopKind.LOST) == []


@pytest.mark.parametrize("partitions", ["0", "3"])
async def test_many_changes_under_a_stream_of_events(partitions: str) -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    first = changed(PUBSUB, partitions=partitions)
    async with sidecar_for(app, Resources((first,)), hops).running() as sidecar:

        async def stream() -> None:
            for number in range(300):
                assert await publish(sidecar, number) == 204

        publishing = asyncio.create_task(stream())
        for turn in range(20):
            await sidecar.reload(
                Resources((changed(first, partitions=partitions, publishingScopes=f"x{turn}=a"),))
            )
        await publishing
        await hops.until(HopKind.DELIVERED, 300)
    assert sorted(numbers(app)) == list(range(300))


async def test_a_handler_may_publish_to_the_component_that_waits_for_it() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    app.gates["/a"] = asyncio.Event()
    async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
        await publish(sidecar, 0)
        await app.called("/a")
        reloading = asyncio.create_task(sidecar.reload(Resources((changed(PUBSUB, consumerID="x"),))))
        await asyncio.sleep(0)
        assert await publish(sidecar, 1) == 204
        app.gates["/a"].set()
        await reloading
        await hops.until(HopKind.DELIVERED, 2)


async def test_what_cannot_be_set_up_changes_nothing() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    bad = component("other", "state.sqlite")
    async with sidecar_for(app, Resources((PUBSUB, STORE)), hops).running() as sidecar:
        with pytest.raises(ComponentInitFailed, match=r"components\.yaml:1 could not be set up"):
            await sidecar.reload(Resources((changed(PUBSUB, consumerID="x"), bad)))
        assert names(sidecar) == ["pubsub", "store"]
        await publish(sidecar, 1)
        await hops.until(HopKind.DELIVERED)


async def test_what_may_fail_is_left_out_as_at_a_start_and_is_not_tried_again_as_it_is() -> None:
    bad = replace(component("store", "state.sqlite"), ignore_errors=True)
    async with sidecar_for(None, Resources((PUBSUB, STORE)), Hops()).running() as sidecar:
        for _ in range(2):
            await sidecar.reload(Resources((PUBSUB, bad)))
            answer = await call(sidecar.api, "GET", "/v1.0/state/store/k")
            assert "it could not be set up" in answer.json["message"]
        assert names(sidecar) == ["pubsub"]


async def test_a_rule_that_cannot_be_read_changes_nothing() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    async with sidecar_for(app, Resources((PUBSUB,), (declared("s", "b"),)), hops).running() as sidecar:
        with pytest.raises(ResourceError, match=r"subscriptions\.yaml:7"):
            await sidecar.reload(Resources((PUBSUB, STORE), (declared("s", "b", match="event.type =="),)))
        assert names(sidecar) == ["pubsub"]
        await publish(sidecar, 1, "b")
        await hops.until(HopKind.DELIVERED)


async def test_a_changed_subscription_ends_and_the_others_go_on() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    app.gates["/a"] = asyncio.Event()
    resources = Resources((PUBSUB,), (declared("b", "b"), declared("c", "c")))
    async with sidecar_for(app, resources, hops).running() as sidecar:
        await publish(sidecar, 1)
        await app.called("/a")  # which is handled yet, and is not waited for
        await sidecar.reload(Resources((PUBSUB,), (declared("b", "b", "/else"), declared("d", "d"))))
        found = [each.subscription.topic for each in sidecar.info.subscriptions]
        for topic in "bcd":
            await publish(sidecar, 2, topic)
        await app.called("/else")
        await app.called("/d")
        app.gates["/a"].set()
        await hops.until(HopKind.DELIVERED, 3)
    assert found == ["b", "d", "a"]
    assert app.sent_to("/c") == app.sent_to("/b") == []


async def test_of_two_declarations_for_a_topic_the_other_counts_once_the_first_is_gone() -> None:
    app, hops = ScriptedApp(), Hops()
    both = (declared("one", "b", "/one"), declared("two", "b", "/two"))
    async with sidecar_for(app, Resources((PUBSUB,), both), hops).running() as sidecar:
        await publish(sidecar, 1, "b")
        await hops.until(HopKind.DELIVERED)
        await sidecar.reload(Resources((PUBSUB,), both[1:]))
        await publish(sidecar, 2, "b")
        await hops.until(HopKind.DELIVERED, 2)
    assert (numbers(app, "/one"), numbers(app, "/two")) == ([1], [2])


async def test_an_app_is_asked_once_there_is_a_pubsub_for_it() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    async with sidecar_for(app, Resources((STORE,)), hops).running() as sidecar:
        assert app.sent_to("/dapr/subscribe") == []
        await sidecar.reload(Resources((STORE, PUBSUB)))
        await publish(sidecar, 1)
        await hops.until(HopKind.DELIVERED)
        await sidecar.reload(Resources((PUBSUB,)))
    assert len(app.sent_to("/dapr/subscribe")) == 1


async def test_an_outbox_that_comes_later_relays() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    outbox = changed(STORE, outboxPublishPubsub="pubsub", outboxPublishTopic="a")
    operations: Json = {"operations": [{"operation": "upsert", "request": {"key": "k", "value": "v"}}]}
    async with sidecar_for(app, Resources((PUBSUB, STORE)), hops).running() as sidecar:
        await sidecar.reload(Resources((PUBSUB, outbox)))
        for _ in range(2):
            answer = await call(sidecar.api, "POST", "/v1.0/state/store/transaction", operations)
            assert answer.status == 204
            await hops.until(HopKind.DELIVERED)
            hops.all.clear()
            await sidecar.reload(Resources((changed(PUBSUB, consumerID="x"), outbox)))
    assert len(app.sent_to("/a")) == 2


# Secrets


def secret_file(folder: Path, value: str) -> Component:
    file = folder / "secrets.json"
    file.write_text(json.dumps({"prefix": value}), encoding="utf-8")
    return component("secrets", "secretstores.local.file", secretsFile=str(file))


def depending(name: str) -> Component:
    item = MetadataItem("keyPrefix", secret=SecretKeyRef("prefix", "prefix"))
    return replace(component(name, "state.in-memory"), metadata=(item,), secret_store="secrets")


async def test_who_gets_another_secret_is_set_up_anew(tmp_path: Path) -> None:
    resources = Resources((secret_file(tmp_path, "one"), depending("store"), PUBSUB))
    async with sidecar_for(None, resources, Hops()).running() as sidecar:
        states, pubsub = sidecar._loaded.states, sidecar._loaded.pubsubs["pubsub"]
        await sidecar.reload(resources, ["secrets"])
        same = states["store"].key_prefix
        secret_file(tmp_path, "two")
        await sidecar.reload(resources)
        unread = states["store"].key_prefix
        await sidecar.reload(resources, ["secrets"])
        assert (same, unread, states["store"].key_prefix) == ("one", "one", "two")
        assert sidecar._loaded.pubsubs["pubsub"] is pubsub


async def test_a_component_waits_for_its_secret_store(tmp_path: Path) -> None:
    store = secret_file(tmp_path, "one")
    async with sidecar_for(None, Resources((store, depending("store"))), Hops()).running() as sidecar:
        await sidecar.reload(Resources((depending("store"),)))
        without = names(sidecar), [each.name for each in sidecar.info.left_out]
        await sidecar.reload(Resources((store, depending("store"))))
        assert without == ([], ["store"])
        assert (names(sidecar), sidecar.info.left_out) == (["secrets", "store"], [])


# What needs a start


POLICIES = Resiliency(
    retries={"r": RetryPolicy(duration=1.0, max_retries=2)},
    inbound={"pubsub": Target(retry="r")},
    name="policies",
)


@pytest.mark.parametrize(
    "resources",
    [
        Resources((PUBSUB, STORE), resiliencies=(POLICIES,)),
        Resources((PUBSUB, STORE), at_start=(AtStart("Configuration", "c", b"{}"),)),
    ],
)
async def test_for_policies_and_configuration_the_sidecar_begins_anew(resources: Resources) -> None:
    async with sidecar_for(None, Resources((PUBSUB,)), Hops()).running() as sidecar:
        await sidecar.reload(resources)
        assert sidecar.begins_anew
        assert names(sidecar) == ["pubsub"]


@pytest.mark.parametrize(
    "resources",
    [
        Resources((PUBSUB,), resiliencies=(replace(POLICIES, retries={}),)),
        Resources((component("other", "state.sqlite"),), resiliencies=(POLICIES,)),
        Resources((PUBSUB,), (declared("s", "b", match="=="),), (POLICIES,)),
    ],
)
async def test_a_sidecar_that_could_not_begin_anew_goes_on(resources: Resources) -> None:
    async with sidecar_for(None, Resources((PUBSUB,)), Hops()).running() as sidecar:
        with pytest.raises(OutboardError):
            await sidecar.reload(resources)
        assert not sidecar.begins_anew


async def test_policies_that_are_only_written_elsewhere_are_the_same() -> None:
    moved = replace(POLICIES, path=Path("other.yaml"), line=9)
    async with sidecar_for(None, Resources((), resiliencies=(POLICIES,)), Hops()).running() as sidecar:
        await sidecar.reload(Resources((), resiliencies=(moved,)))
        assert not sidecar.begins_anew


async def test_before_there_is_a_sidecar_nothing_can_be_taken() -> None:
    sidecar = sidecar_for(None, Resources(), Hops())
    assert not await sidecar.reload(Resources((PUBSUB,)))

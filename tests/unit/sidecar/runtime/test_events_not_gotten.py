"""What keeps an app from its events is told in the sidecar's log, once, and not as if it got them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outboard.gojson.values import Json
from outboard.hops.record import HopKind
from outboard.resources.left_out import LeftOut
from outboard.resources.loader import Resources, load_resources
from outboard.sidecar.logs import LOGGER_NAME
from outboard.wire.http import ExchangeFailed, Response
from support.sidecars import Hops, ScriptedApp, call, component, sidecar_for
from support.waiting import until

pytestmark = pytest.mark.anyio

PUBSUB = component("pubsub", "pubsub.in-memory")
JSON = "application/json"
SUBSCRIPTION = """\
apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata: {name: orders}
spec: {pubsubname: pubsub, topic: orders, route: /events}
scopes: [%s]
"""


def item(topic: str, pubsub: str = "pubsub", **more: Json) -> dict[str, Json]:
    return {"pubsubname": pubsub, "topic": topic, "route": "/events", **more}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with _propagating(), caplog.at_level(logging.DEBUG):
        yield caplog


@contextmanager
def _propagating() -> Iterator[None]:
    logger = logging.getLogger(LOGGER_NAME)
    before, logger.propagate = logger.propagate, True
    try:
        yield
    finally:
        logger.propagate = before


async def started(app: ScriptedApp, *components: Any) -> list[tuple[str, str]]:
    """The topics that a sidecar consumes for `app`, each with its component."""
    async with sidecar_for(app, Resources(components or (PUBSUB,)), Hops()).running() as sidecar:
        discovery = sidecar.info.discovery
    assert discovery is not None
    return [(each.subscription.pubsub_name, each.subscription.topic) for each in discovery.started]


def told(log: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [record.levelname for record in log.records if text in record.getMessage()]


async def test_a_subscription_to_a_component_that_is_not_loaded(log: pytest.LogCaptureFixture) -> None:
    app = ScriptedApp([item("orders", "pubsubb"), item("jobs")])
    assert await started(app) == [("pubsub", "jobs")]
    assert told(log, "subscription to topic 'orders' on pubsub 'pubsubb' is not started") == ["WARNING"]
    assert told(log, "(loaded: pubsub). Did you mean `pubsub`?") == ["WARNING"]
    assert told(log, "subscribed to the following topics: [[jobs]] through pubsub=pubsub") == ["INFO"]
    assert not told(log, "[[orders]]")


async def test_a_subscription_that_the_scopes_for_topics_forbid(log: pytest.LogCaptureFixture) -> None:
    scoped = component("pubsub", "pubsub.in-memory", subscriptionScopes="api=jobs")
    assert await started(ScriptedApp([item("orders")]), scoped) == []
    assert told(log, "'orders' on pubsub 'pubsub' is not started: this is not allowed by") == ["WARNING"]
    assert not told(log, "subscribed to the following topics")


BULK: dict[str, Json] = {"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 10}


async def test_bulk_of_a_component_that_hands_over_one_event_at_a_time(log: pytest.LogCaptureFixture) -> None:
    assert await started(ScriptedApp([item("orders", bulkSubscribe=BULK), item("jobs")]))
    text = "'orders' on pubsub 'pubsub' is in bulk, but gets one event at a time: pubsub.in-memory without"
    assert told(log, text) == ["WARNING"]
    assert told(log, "Give the component `partitions`, or ask for no bulk") == ["WARNING"]


async def test_bulk_of_a_partitioned_component_is_not_remarked(log: pytest.LogCaptureFixture) -> None:
    partitioned = component("pubsub", "pubsub.in-memory", partitions="2")
    assert await started(ScriptedApp([item("orders", bulkSubscribe=BULK)]), partitioned)
    assert not told(log, "one event at a time")


@pytest.mark.parametrize(("scope", "level"), [("billing", "INFO"), ("apii", "WARNING")])
async def test_a_file_s_subscription_that_its_scopes_keep_from_the_app(
    log: pytest.LogCaptureFixture, tmp_path: Path, scope: str, level: str
) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(SUBSCRIPTION % scope, encoding="utf-8")
    resources = replace(load_resources([tmp_path], "api"), components=(PUBSUB,))
    async with sidecar_for(ScriptedApp(), resources, Hops()).running():
        pass
    text = f"subscription 'orders' to topic 'orders' ({file}:1) is left out of api: its scopes are [{scope}]"
    assert told(log, text) == [level]


async def test_an_item_without_a_route(log: pytest.LogCaptureFixture) -> None:
    app = ScriptedApp([{"pubsubname": "pubsub", "topic": "orders"}, item("jobs")])
    assert await started(app) == [("pubsub", "jobs")]
    assert told(log, "'orders' on pubsub 'pubsub' is not started: its item at /dapr/subscribe has no `route`")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Response(200, body=b"<html>hello</html>"), "cannot be used: not JSON"),
        (Response(200, body=b"<html>hello</html>"), "it answered <html>hello</html>. No subscription"),
        (Response(200, body=b'[{"topic": 1}]'), "topic is not a string"),
        (Response(500, body=b'{"detail":"boom"}'), 'status code 500 from subscription endpoint'),
        (Response(401, body=b'{"detail":"token"}'), 'body: {"detail":"token"}: it subscribes to nothing'),
        (ExchangeFailed("refused", sent=False), "did not answer at /dapr/subscribe: refused"),
    ],
)  # fmt: skip
async def test_an_answer_that_cannot_be_used(
    answer: Response | ExchangeFailed, text: str, log: pytest.LogCaptureFixture
) -> None:
    app = ScriptedApp()
    app.answer("/dapr/subscribe", *[answer] * 4)
    assert await started(app) == []
    assert told(log, text) == ["ERROR"]


async def test_a_rule_that_is_no_expression(log: pytest.LogCaptureFixture) -> None:
    rules: Json = {"rules": [{"match": "event.type.lowerAscii() == 'a'", "path": "/a"}]}
    app = ScriptedApp([{"pubsubname": "pubsub", "topic": "orders", "routes": rules}, item("jobs")])
    assert await started(app) == []
    assert told(log, "lowerAscii") == ["ERROR"]
    assert not told(log, "subscribed to the following topics")


async def test_an_event_without_a_route_is_told_once(log: pytest.LogCaptureFixture) -> None:
    rules: Json = {"rules": [{"match": "event.type == 'a'", "path": "/a"}]}
    app = ScriptedApp([{"pubsubname": "pubsub", "topic": "orders", "routes": rules}])
    hops = Hops()
    async with sidecar_for(app, Resources((PUBSUB,)), hops, log_level="debug").running() as sidecar:
        for _ in range(3):
            await call(sidecar.api, "POST", "/v1.0/publish/pubsub/orders", {}, content_type=JSON)
        await hops.until(HopKind.DROPPED, 3)
    assert told(log, "no matching route for event") == ["WARNING", "DEBUG", "DEBUG"]
    assert told(log, "None of the rules matches (`event.type == 'a'`), and there is no default") == [
        "WARNING"
    ]


ANYTHING: Json = {"rules": [{"match": "event.data.n > 1", "path": "/a"}], "default": "/b"}


@pytest.mark.parametrize(
    ("subscription", "partitions", "query", "texts"),
    [
        (item("orders"), "2", "?metadata.rawPayload=true", ["what lies behind it on its partition waits",
            "published with `rawPayload`", "`outboard topics held` shows it", "`deadLetterTopic`"]),
        (item("orders", bulkSubscribe=BULK), "2", "?metadata.rawPayload=true", ["committed up to it only"]),
        (item("orders"), "", "?metadata.rawPayload=true", ["the app never gets it. It takes CloudEvents"]),
        (item("orders", metadata={"rawPayload": "maybe"}), "", "", ["`rawPayload: \"true\"` or `\"false\"`"]),
        ({"pubsubname": "pubsub", "topic": "orders", "routes": ANYTHING}, "", "", ["Correct the rule"]),
    ],
    ids=["waits", "in bulk", "lost", "bad flag", "bad rule"],
)  # fmt: skip
async def test_what_can_never_be_delivered_is_told_once_with_the_way_out(
    subscription: dict[str, Json], partitions: str, query: str, texts: list[str],
    log: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    hops = Hops()
    more = {"partitions": partitions} if partitions else {}
    pubsub = component("pubsub", "pubsub.in-memory", **more)
    async with sidecar_for(ScriptedApp([subscription]), Resources((pubsub,)), hops).running() as sidecar:
        for _ in range(2):
            await call(sidecar.api, "POST", f"/v1.0/publish/pubsub/orders{query}", [1], content_type=JSON)
        await until(lambda: len(told(log, "error ")) >= 2)
    for text in texts:
        assert told(log, text) == ["WARNING"]


@pytest.mark.parametrize("letter", ["dead", ""])
async def test_what_has_a_dead_letter_topic_is_not_remarked(
    letter: str, log: pytest.LogCaptureFixture
) -> None:
    app, hops = ScriptedApp([item("orders", deadLetterTopic=letter)]), Hops()
    async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
        path = "/v1.0/publish/pubsub/orders?metadata.rawPayload=true"
        await call(sidecar.api, "POST", path, [1], content_type=JSON)
        await hops.until(HopKind.DEAD_LETTERED if letter else HopKind.LOST)
    assert len(told(log, "cannot be delivered to this subscription")) == (0 if letter else 1)


async def test_the_answer_of_the_app_is_told_with_its_body(log: pytest.LogCaptureFixture) -> None:
    app, hops = ScriptedApp([item("orders")]), Hops()
    app.answer("/events", Response(422, body=b'{"detail":[{"type":"missing","loc":["body","title"]}]}'))
    async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
        await call(sidecar.api, "POST", "/v1.0/publish/pubsub/orders", {}, content_type=JSON)
        await hops.until(HopKind.LOST)
    assert told(log, '"loc":["body","title"]}]} (the app gets a CloudEvent; the payload is under `data`)')


async def test_a_component_that_is_left_out(log: pytest.LogCaptureFixture) -> None:
    left = LeftOut("shop-pubsub", "pubsub.in-memory", "its scopes are [orders]")
    resources = Resources((PUBSUB,), left_out=(left,))
    app = ScriptedApp([item("orders", "shop-pubsub")])
    async with sidecar_for(app, resources, Hops()).running() as sidecar:
        assert sidecar.info.left_out == [left]
    assert told(log, "'shop-pubsub' (pubsub.in-memory) is left out of api: its scopes are [orders]") == [
        "WARNING"
    ]
    assert told(log, "not started: pub/sub component 'shop-pubsub' is left out: its scopes are [orders]")


async def test_no_component_at_all(log: pytest.LogCaptureFixture) -> None:
    async with sidecar_for(ScriptedApp([item("orders")]), Resources(), Hops()).running() as sidecar:
        assert sidecar.info.discovery is not None
        assert sidecar.info.discovery.unasked == "it was not asked, since no pub/sub component is loaded"
    assert told(log, "no component is loaded: no folder with component files was named") == ["WARNING"]

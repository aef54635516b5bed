"""What is read of an app's answer at `/dapr/subscribe`, beside daprd."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outboard.run.sidecars.daprd_subscriptions import NOTHING, asked_for
from outboard.run.sidecars.daprd_topology import topology_from
from outboard.wire.http import Response


def item(topic: str, **more: Any) -> dict[str, Any]:
    return {"pubsubname": "pubsub", "topic": topic, **more}


def answer(*items: dict[str, Any]) -> Response:
    return Response(200, {}, json.dumps(items).encode())


def ruled(match: str) -> dict[str, Any]:
    return item("ruled", routes={"rules": [{"match": match, "path": "/r"}], "default": "/d"})


def test_what_daprd_does_not_tell_is_read() -> None:
    asked = asked_for(
        answer(item("a", route="/a", bulkSubscribe={"enabled": True}), item("b", route="/b"), item("c"))
    )
    assert asked.bulk == {("pubsub", "a")}
    assert asked.without_route == (("pubsub", "c"),)
    assert asked.problem == ""


def test_a_rule_that_daprd_cannot_compile_is_named() -> None:
    pytest.importorskip("cel_expr_python")
    asked = asked_for(answer(ruled('event.type == "x"'), ruled('event.type.lowerAscii() == "x"')))
    assert "`match: event.type.lowerAscii() == \"x\"` of topic 'ruled' cannot be compiled" in asked.problem


@pytest.mark.parametrize(
    ("status", "body"), [(200, b""), (200, b"null"), (200, b"[]"), (404, b"no such route")]
)
def test_an_app_may_ask_for_nothing(status: int, body: bytes) -> None:
    assert asked_for(Response(status, {}, body)) == NOTHING


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "cannot be used: not JSON"),
        (200, b'{"a": 1}', 'cannot be used: not a list; it answered {"a": 1}'),
        (500, b"boom", "it answers 500 at /dapr/subscribe: boom"),
        (401, b"", "it answers 401 at /dapr/subscribe"),
    ],
)
def test_an_answer_that_cannot_be_used_is_named(status: int, body: bytes, said: str) -> None:
    assert said in asked_for(Response(status, {}, body)).problem


@pytest.mark.parametrize(
    ("kind", "remark"), [("pubsub.in-memory", "but one event at a time: daprd's"), ("pubsub.kafka", "")]
)
def test_bulk_and_what_has_no_route_are_in_the_topology(kind: str, remark: str) -> None:
    metadata: Any = {
        "components": [{"name": "pubsub", "type": kind}],
        "subscriptions": [item("a", rules=[{"path": "/a"}]), item("b", rules=[{"path": "/b"}])],
    }
    asked = asked_for(answer(item("a", route="/a", bulkSubscribe={"enabled": True}), item("c")))
    told = topology_from("api", metadata, [], asked)
    assert [(each.topic, each.bulk) for each in told.topics] == [("a", True), ("b", False)]
    assert told.topics[0].remark.startswith(remark)
    assert bool(told.topics[0].remark) == bool(remark)
    (missing,) = told.not_taken
    assert (missing.topic, "has no `route`" in missing.problem) == ("c", True)


def test_a_wrong_rule_is_among_what_is_not_taken() -> None:
    pytest.importorskip("cel_expr_python")
    (missing,) = topology_from("api", {}, [], asked_for(answer(ruled("event.type ==")))).not_taken
    assert missing.problem.endswith("daprd starts no subscription of this app")

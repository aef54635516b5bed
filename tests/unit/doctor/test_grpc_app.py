"""What the doctor learns of an app over gRPC."""

from __future__ import annotations

from datetime import UTC, datetime

import grpc
import pytest
from dapr.proto.runtime.v1.appcallback_pb2 import (
    ListTopicSubscriptionsResponse,
    TopicRoutes,
    TopicSubscription,
)

from outboard.doctor.checks.app import app_answers
from outboard.doctor.checks.subscriptions import subscribe_answers
from outboard.doctor.evidence import AppSeen, Evidence, SubscriptionSeen
from outboard.doctor.grpc_app import AppOverGrpc, over_grpc
from outboard.doctor.results import CheckResult, Status
from support.listing_app import listing
from support.processes import free_ports

pytestmark = pytest.mark.anyio


async def looked_at(port: int) -> AppSeen:
    seen = AppSeen("shop", port, 3500, listening=True, over_grpc=True)
    return await over_grpc(seen, AppOverGrpc("grpc", "127.0.0.1", port))


def checked(app: AppSeen) -> list[CheckResult]:
    evidence = Evidence("here", datetime(2026, 1, 1, tzinfo=UTC), (app,))
    return [*subscribe_answers(evidence), *app_answers(evidence)]


async def test_its_subscriptions_are_those_that_it_lists() -> None:
    subscription = TopicSubscription(pubsub_name="ps", topic="orders", routes=TopicRoutes(default="/take"))
    listed = ListTopicSubscriptionsResponse(subscriptions=[subscription])
    async with listing(listed.SerializeToString()) as port:
        seen = await looked_at(port)
    assert seen.subscribed == (SubscriptionSeen("ps", "orders", (("", "/take"),), source="the app"),)
    assert {(each.code, each.status) for each in checked(seen)} == {
        ("subscribe-answers", Status.PASSED),
        ("app-answers", Status.PASSED),
    }


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (
            grpc.StatusCode.UNIMPLEMENTED,
            Status.WARNING,
            "it does not implement ListTopicSubscriptions",
        ),
        (
            grpc.StatusCode.INTERNAL,
            Status.FAILED,
            "at ListTopicSubscriptions it answers rpc error: code = INTERNAL",
        ),
        (b"\xff", Status.FAILED, "its answer cannot be used"),
    ],
)
async def test_what_is_wrong_is_told_in_its_own_words(
    answer: bytes | grpc.StatusCode, status: Status, told: str
) -> None:
    async with listing(answer) as port:
        seen = await looked_at(port)
    (found, _) = checked(seen)
    assert (found.status, found.command) == (status, None)
    assert found.evidence[0].startswith(told)
    assert "/dapr/subscribe" not in found.fix


async def test_where_nobody_answers_that_is_told() -> None:
    seen = await looked_at(free_ports(1)[0])
    assert "UNAVAILABLE" in str(seen.subscribe)

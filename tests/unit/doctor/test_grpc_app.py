"""What the doctor learns of an app over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from outboard.doctor.laptop.grpc_app import over_grpc
from outboard.doctor.laptop.local_app import LocalApp
from outboard.doctor.results import CheckResult, Status
from outboard.runs.record import RunningApp
from outboard.wire.dapr import LIST_SUBSCRIPTIONS
from support.processes import free_ports

pytestmark = pytest.mark.anyio
Context = grpc.aio.ServicerContext[bytes, bytes]


class App(grpc.GenericRpcHandler):
    """Answers ListTopicSubscriptions so."""

    def __init__(self, answer: bytes | grpc.StatusCode) -> None:
        self._answer = answer

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        assert handler_call_details.method == LIST_SUBSCRIPTIONS

        async def handle(data: bytes, context: Context) -> bytes:
            if isinstance(self._answer, bytes):
                return self._answer
            await context.abort(self._answer, "broken")
            return b""

        return grpc.unary_unary_rpc_method_handler(handle)


@asynccontextmanager
async def serving(answer: bytes | grpc.StatusCode) -> AsyncIterator[int]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([App(answer)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


async def looked_at(port: int) -> AppSeen:
    app = RunningApp("shop", "", app_port=port, app_host="127.0.0.1", app_protocol="grpc")
    return await over_grpc(AppSeen("shop", port, 3500, listening=True, over_grpc=True), LocalApp(app))


def checked(app: AppSeen) -> list[CheckResult]:
    evidence = Evidence("here", datetime(2026, 1, 1, tzinfo=UTC), (app,))
    return [*subscribe_answers(evidence), *app_answers(evidence)]


async def test_its_subscriptions_are_those_that_it_lists() -> None:
    subscription = TopicSubscription(pubsub_name="ps", topic="orders", routes=TopicRoutes(default="/take"))
    listed = ListTopicSubscriptionsResponse(subscriptions=[subscription])
    async with serving(listed.SerializeToString()) as port:
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
    async with serving(answer) as port:
        seen = await looked_at(port)
    (found, _) = checked(seen)
    assert (found.status, found.command) == (status, None)
    assert found.evidence[0].startswith(told)
    assert "/dapr/subscribe" not in found.fix


async def test_where_nobody_answers_that_is_told() -> None:
    seen = await looked_at(free_ports(1)[0])
    assert "UNAVAILABLE" in str(seen.subscribe)

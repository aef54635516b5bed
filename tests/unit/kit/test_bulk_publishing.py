"""Which requests a batch becomes, and how their answers are taken apart."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from outboard.errors import (
    PublishFailed,
    PublishForbidden,
    PubSubNotFound,
    TokenRejected,
    UnexpectedAnswer,
)
from outboard.kit.client.bulk import BulkPublisher
from outboard.kit.client.port import Publication
from outboard.kit.client.settings import Settings
from outboard.wire.http import ExchangeFailed, Request, Response
from support.scripted import FakeClock, ScriptedExchange

pytestmark = pytest.mark.anyio

STABLE = "/v1.0/publish/bulk/p/t"
ALPHA = "/v1.0-alpha1/publish/bulk/p/t"
SINGLE = "/v1.0/publish/p/t"
NO_ROUTE = Response(
    404, {}, b'{"errorCode":"ERR_DIRECT_INVOKE","message":"failed getting app id either from the URL path"}'
)
NO_PUBSUB = Response(404, {}, b'{"errorCode":"ERR_PUBSUB_NOT_FOUND","message":"pubsub bulk is not found"}')
ORDERED = {"outboard-ordered-bulk": "true"}


@pytest.fixture
def bulk(exchange: ScriptedExchange, clock: FakeClock) -> BulkPublisher:
    return BulkPublisher(exchange, Settings(api_token="sesame"), clock)


def events(count: int) -> list[Publication]:
    return [
        Publication("p", "t", b'{"n":%d}' % number, {"partitionKey": f"k{number}"}) for number in range(count)
    ]


def targets(exchange: ScriptedExchange) -> list[str]:
    return [request.target.partition("?")[0] for request in exchange.requests]


async def test_a_batch_of_one_is_a_plain_publish(bulk: BulkPublisher, exchange: ScriptedExchange) -> None:
    answer = await bulk.attempt(events(1), 1.0)
    assert answer.outcomes == [None]
    request = exchange.requests[0]
    assert (request.target, request.body) == (SINGLE + "?metadata.partitionKey=k0", b'{"n":0}')
    assert request.headers["dapr-api-token"] == "sesame"
    assert exchange.timeouts == [1.0]


async def test_a_batch_is_one_request(bulk: BulkPublisher, exchange: ScriptedExchange) -> None:
    publications = [
        Publication(
            "p", "a/b", b'{"id":"1"}', {"partitionKey": "k", "x": "y"}, {"traceparent": "00-1"}, "00-1"
        ),
        Publication("p", "a/b", b'{"id":"2","data":1.0}'),
    ]
    answer = await bulk.attempt(publications, 1.0)
    assert answer.outcomes == [None, None]
    request = exchange.requests[0]
    assert (request.method, request.target) == ("POST", "/v1.0/publish/bulk/p/a%2Fb")
    assert request.headers == {"content-type": "application/json", "dapr-api-token": "sesame"}
    assert json.loads(request.body) == [
        {
            "entryId": "0",
            "contentType": "application/cloudevents+json",
            "event": {"traceid": "00-1", "id": "1"},
            "metadata": {"partitionKey": "k", "x": "y"},
        },
        {
            "entryId": "1",
            "contentType": "application/cloudevents+json",
            "event": {"id": "2", "data": 1.0},
        },
    ]
    assert b'"data":1.0}' in request.body, "spliced, not written again"


async def test_a_failure_in_part_is_taken_apart(bulk: BulkPublisher, exchange: ScriptedExchange) -> None:
    body = (
        b'{"failedEntries":[{"entryId":"2","error":"no leader"},{"entryId":"0"}],'
        b'"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}'
    )
    exchange.answers.append(Response(500, ORDERED, body))
    answer = await bulk.attempt(events(4), 1.0)
    first, second, third, fourth = answer.outcomes
    assert (second, fourth) == (None, None)
    assert isinstance(first, PublishFailed)
    assert isinstance(third, PublishFailed)
    assert (third.status, third.code, third.reason) == (500, "ERR_PUBSUB_PUBLISH_MESSAGE", "no leader")
    assert first.reason == "it gave no reason"
    assert answer.ordered


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(401, {}, b"invalid api token"), TokenRejected),
        (Response(403, {}, b'{"errorCode":"ERR_PUBSUB_FORBIDDEN","message":"no"}'), PublishForbidden),
        (Response(500, {}, b'{"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE","message":"no"}'), PublishFailed),
        (Response(500, {}, b'{"failedEntries":[],"errorCode":"X"}'), PublishFailed),
        (Response(500, {}, b'{"failedEntries":[{"entryId":"7","error":"?"}]}'), PublishFailed),
        (Response(500, {}, b'{"failedEntries":"all"}'), UnexpectedAnswer),
        (Response(502, {}, b"<html>Bad gateway</html>"), UnexpectedAnswer),
        (Response(200, {}, b"<html>Welcome</html>"), UnexpectedAnswer),
        (Response(200, {}, b""), UnexpectedAnswer),
        (Response(200, {}, b"{}"), UnexpectedAnswer),
        (Response(200, {}, b'{"status":"ok"}'), UnexpectedAnswer),
        (Response(200, {}, b"[]"), UnexpectedAnswer),
        (Response(200, {}, b'{"failedEntries":[3]}'), UnexpectedAnswer),
        (Response(201, {}, b""), UnexpectedAnswer),
        (Response(202, {}, b'{"failedEntries":[]}'), UnexpectedAnswer),
        (Response(302, {"location": "/"}, b""), UnexpectedAnswer),
    ],
)
async def test_what_concerns_all_is_told_to_all(
    bulk: BulkPublisher, exchange: ScriptedExchange, response: Response, expected: type[Exception]
) -> None:
    exchange.answers.append(response)
    answer = await bulk.attempt(events(3), 1.0)
    assert [type(outcome) for outcome in answer.outcomes] == [expected] * 3
    assert len({id(outcome) for outcome in answer.outcomes}) == 3, "each raises an exception of its own"
    assert len(exchange.requests) == 1


async def test_who_does_not_answer_as_dapr_is_no_reason_to_keep_to_a_route(
    bulk: BulkPublisher, exchange: ScriptedExchange, caplog: pytest.LogCaptureFixture
) -> None:
    exchange.answers.append(Response(200, {"content-type": "text/html"}, b"<html>Welcome</html>"))
    with caplog.at_level("INFO", "outboard.publishing"):
        await bulk.attempt(events(2), 1.0)
    assert caplog.messages == []


@pytest.mark.parametrize("body", [b'{"failedEntries":[]}', b'{"failedEntries":null}'])
async def test_a_success_with_a_body(bulk: BulkPublisher, exchange: ScriptedExchange, body: bytes) -> None:
    exchange.answers.append(Response(200, {}, body))
    assert (await bulk.attempt(events(2), 1.0)).outcomes == [None, None]


async def test_no_answer_is_the_outcome_of_each(bulk: BulkPublisher, exchange: ScriptedExchange) -> None:
    failure = ExchangeFailed("connection reset")
    exchange.answers.append(failure)
    answer = await bulk.attempt(events(2), 1.0)
    assert answer.outcomes == [failure, failure]
    assert not answer.ordered


@pytest.mark.parametrize("status", [400, 413])
async def test_one_bad_event_harms_no_other(clock: FakeClock, status: int) -> None:
    asked: list[list[Any]] = []
    refusal = Response(status, {}, b'{"errorCode":"ERR_PUBSUB_EVENTS_SER","message":"no"}')

    async def exchange(request: Request, timeout: float | None) -> Response:
        body = json.loads(request.body)
        inside = [entry["event"]["n"] for entry in body] if isinstance(body, list) else [body["n"]]
        asked.append(inside)
        return refusal if 5 in inside else Response(204, ORDERED)

    answer = await BulkPublisher(exchange, Settings(), clock).attempt(events(8), 1.0)
    assert [type(outcome).__name__ for outcome in answer.outcomes].index("PublishFailed") == 5
    assert [outcome for outcome in answer.outcomes if outcome is not None] == [answer.outcomes[5]]
    assert asked == [[*range(8)], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [6, 7]]


async def test_of_halves_the_second_is_not_sent_before_the_first_has_an_answer(
    bulk: BulkPublisher, exchange: ScriptedExchange
) -> None:
    refused = ExchangeFailed("connection refused", sent=False)
    exchange.answers.extend([Response(413), refused])
    answer = await bulk.attempt(events(4), 1.0)
    assert answer.outcomes[:2] == [refused, refused]
    assert [outcome.sent for outcome in answer.outcomes if isinstance(outcome, ExchangeFailed)] == [False] * 4
    assert len(exchange.requests) == 2


# The ways that Dapr's versions know


@pytest.mark.parametrize("missing", [NO_ROUTE, NO_PUBSUB, Response(405), Response(404, {}, b"not found")])
async def test_dapr_before_1_17_has_the_alpha_route(
    bulk: BulkPublisher, exchange: ScriptedExchange, missing: Response, caplog: pytest.LogCaptureFixture
) -> None:
    exchange.answers.append(missing)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            assert (await bulk.attempt(events(2), 1.0)).outcomes == [None, None]
    assert targets(exchange) == [STABLE, ALPHA, ALPHA, ALPHA]
    assert [record.getMessage() for record in caplog.records] == [
        "events published together go to /v1.0-alpha1/publish/bulk of the sidecar at http://127.0.0.1:3500"
    ]


async def test_the_stable_route_is_asked_first_and_logged_once(
    bulk: BulkPublisher, exchange: ScriptedExchange, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await bulk.attempt(events(2), 1.0)
        await bulk.attempt(events(2), 1.0)
    assert targets(exchange) == [STABLE, STABLE]
    assert len(caplog.records) == 1


async def test_without_any_bulk_route_each_event_is_published(
    bulk: BulkPublisher, exchange: ScriptedExchange
) -> None:
    exchange.answers.extend([NO_ROUTE, NO_ROUTE])
    exchange.answers.append(Response(500, {}, b'{"errorCode":"X","message":"one"}'))
    first = await bulk.attempt(events(3), 1.0)
    second = await bulk.attempt(events(2), 1.0)
    assert [type(outcome) for outcome in first.outcomes] == [PublishFailed, type(None), type(None)]
    assert second.outcomes == [None, None]
    assert targets(exchange) == [STABLE, ALPHA] + [SINGLE] * 5
    assert not first.ordered


async def test_a_component_that_is_not_there_is_not_a_missing_route(
    bulk: BulkPublisher, exchange: ScriptedExchange
) -> None:
    exchange.answers.extend([NO_PUBSUB, NO_PUBSUB])
    answer = await bulk.attempt(events(2), 1.0)
    assert [type(outcome) for outcome in answer.outcomes] == [PubSubNotFound] * 2
    await bulk.attempt(events(2), 1.0)
    asked = [STABLE, ALPHA, "/v1.0/metadata", STABLE]
    assert targets(exchange) == asked, "and nothing is learnt from it"


async def test_another_sidecar_is_asked_again(bulk: BulkPublisher, exchange: ScriptedExchange) -> None:
    exchange.answers.append(NO_ROUTE)
    await bulk.attempt(events(2), 1.0)
    exchange.answers.append(ExchangeFailed("connection refused", sent=False))
    await bulk.attempt(events(2), 1.0)
    await bulk.attempt(events(2), 1.0)
    assert targets(exchange) == [STABLE, ALPHA, ALPHA, STABLE]


async def test_a_component_named_bulk_is_never_published_to_by_mistake(
    bulk: BulkPublisher, exchange: ScriptedExchange
) -> None:
    await bulk.attempt([Publication("bulk", "t", b"{}")] * 2, 1.0)
    assert targets(exchange) == ["/v1.0-alpha1/publish/bulk/bulk/t"]

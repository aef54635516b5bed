"""A component that is not found: what is there instead is asked for, once, and never for long."""

from __future__ import annotations

import json

import pytest

from outboard.errors import PubSubNotFound, StateStoreNotFound
from outboard.kit.client.bulk import BulkPublisher
from outboard.kit.client.http import HttpSidecar
from outboard.kit.client.port import Publication, StateRead
from outboard.kit.client.settings import Settings
from outboard.wire.http import ExchangeFailed, Response
from support.scripted import FakeClock, ScriptedExchange

pytestmark = pytest.mark.anyio

NO_PUBSUB = Response(404, {}, b'{"errorCode":"ERR_PUBSUB_NOT_FOUND","message":"no"}')
NO_STORE = Response(400, {}, b'{"errorCode":"ERR_STATE_STORE_NOT_FOUND","message":"no"}')
EVENT = Publication("kafka-pubsubs", "t", b"{}")


def metadata(**types: str) -> Response:
    components = [{"name": name.replace("_", "-"), "type": type} for name, type in types.items()]
    return Response(200, {}, json.dumps({"id": "api", "components": components}).encode())


BOTH = metadata(kafka_pubsub="pubsub.kafka", statestore="state.redis", other="pubsub.redis")


@pytest.fixture
def sidecar(exchange: ScriptedExchange, clock: FakeClock) -> HttpSidecar:
    return HttpSidecar.through(exchange, Settings(api_token="sesame"), clock, lambda: 0.5)


async def publish(sidecar: HttpSidecar, timeout: float = 5.0) -> str:
    with pytest.raises(PubSubNotFound) as caught:
        await sidecar.publish(EVENT, timeout)
    return str(caught.value)


async def test_the_loaded_ones_and_the_near_one_are_named(
    sidecar: HttpSidecar, exchange: ScriptedExchange
) -> None:
    exchange.answers.extend([NO_PUBSUB, BOTH])
    message = await publish(sidecar)
    assert "Loaded there: kafka-pubsub, other. Did you mean `kafka-pubsub`? Check" in message
    assert exchange.requests[1].target == "/v1.0/metadata"
    assert exchange.requests[1].headers["dapr-api-token"] == "sesame"
    assert exchange.timeouts[1] == 1.0


async def test_a_state_store_likewise(sidecar: HttpSidecar, exchange: ScriptedExchange) -> None:
    exchange.answers.extend([NO_STORE, BOTH])
    with pytest.raises(StateStoreNotFound, match=r"Loaded there: statestore\. Did you mean `statestore`\?"):
        await sidecar.get_state("statestor", "k", StateRead(), 5.0)


async def test_that_nothing_is_loaded_is_said(sidecar: HttpSidecar, exchange: ScriptedExchange) -> None:
    exchange.answers.extend([NO_PUBSUB, metadata(statestore="state.redis")])
    assert "No pub/sub component at all is loaded there. Check" in await publish(sidecar)


@pytest.mark.parametrize(
    "answer",
    [ExchangeFailed("time"), Response(401), Response(200, {}, b"<html>"), Response(200, {}, b"[]"),
     Response(200, {}, b'{"components":[1]}'), Response(200, {}, b'{"components":7}')],
)  # fmt: skip
async def test_where_it_is_not_told_the_error_stays(
    answer: Response | ExchangeFailed, sidecar: HttpSidecar, exchange: ScriptedExchange
) -> None:
    exchange.answers.extend([NO_PUBSUB, answer])
    assert "It lists what it has at /v1.0/metadata. Check" in await publish(sidecar)


async def test_it_is_not_asked_when_the_time_is_up(sidecar: HttpSidecar, exchange: ScriptedExchange) -> None:
    exchange.answers.append(NO_PUBSUB)
    await publish(sidecar, timeout=0.0)
    assert len(exchange.requests) == 1


async def test_a_batch_asks_once_and_each_of_its_events_has_an_error_of_its_own(
    exchange: ScriptedExchange, clock: FakeClock
) -> None:
    exchange.answers.extend([NO_PUBSUB, NO_PUBSUB, BOTH])
    answer = await BulkPublisher(exchange, Settings(), clock).attempt([EVENT] * 3, 5.0)
    assert len(set(map(id, answer.outcomes))) == 3
    assert {"Did you mean `kafka-pubsub`?" in str(outcome) for outcome in answer.outcomes} == {True}
    assert [request.target for request in exchange.requests].count("/v1.0/metadata") == 1

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar
from typing import Any

import pytest

from outboard.asgi import AsgiExchange
from outboard.testing.asgi import AppLifespan
from outboard.wire.http import ExchangeFailed, Request

pytestmark = pytest.mark.anyio

REQUEST = Request("POST", "/a%20b?c=d", {"content-type": "text/plain"}, b"body")
SHORT = 0.001

seen_within: ContextVar[str] = ContextVar("seen_within", default="untouched")


async def answer(send: Any, status: int = 204, *parts: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"X-Name", b"value")]})
    for part in parts or (b"",):
        await send({"type": "http.response.body", "body": part, "more_body": True})


async def test_an_app_that_waits_for_nothing_is_answered_without_a_turn_of_the_loop() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        assert (scope["path"], scope["query_string"], message["body"]) == ("/a b", b"c=d", b"body")
        await answer(send, 200, b"one ", b"two")

    turned: list[bool] = []
    asyncio.get_running_loop().call_soon(turned.append, True)
    response = await AsgiExchange(app)(REQUEST, 5.0)
    assert (response.status, response.headers, response.body) == (200, {"x-name": "value"}, b"one two")
    assert not turned


async def test_an_app_that_waits_several_times_is_answered() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, 202)
        await answer(send, await future)

    assert (await AsgiExchange(app)(REQUEST, 5.0)).status == 202
    assert (await AsgiExchange(app)(REQUEST, None)).status == 202


async def test_an_app_that_takes_too_long_is_cancelled_and_its_cleanup_is_waited_for() -> None:
    cleaned: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            cleaned.append("up")

    with pytest.raises(ExchangeFailed, match="no answer within"):
        await AsgiExchange(app)(REQUEST, SHORT)
    assert cleaned == ["up"]


async def test_who_is_cancelled_cancels_the_app_and_may_be_answered_nevertheless() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if scope["path"] == "/stubborn":
                return await answer(send, 200)
            raise

    asking = asyncio.create_task(AsgiExchange(app)(REQUEST, None))
    stubborn = asyncio.create_task(AsgiExchange(app)(Request("GET", "/stubborn"), None))
    await asyncio.sleep(0)
    asking.cancel()
    stubborn.cancel()
    await asyncio.wait((asking, stubborn))
    assert asking.cancelled()
    assert stubborn.result().status == 200


@pytest.mark.parametrize("error", [ValueError, TimeoutError, asyncio.CancelledError])
@pytest.mark.parametrize("turns", [0, 1])
async def test_what_an_app_raises_is_answered_with_500_as_a_server_does(
    error: type[BaseException], turns: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        raise error

    with caplog.at_level(logging.ERROR, "outboard.testing"):
        assert (await AsgiExchange(app)(REQUEST, 5.0)).status == 500
    assert error.__name__ in caplog.text


async def test_an_app_that_says_nothing_has_not_answered() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    with pytest.raises(ExchangeFailed, match="without an answer"):
        await AsgiExchange(app)(REQUEST, 5.0)


async def test_a_client_that_was_read_stays_until_it_has_its_answer() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT):
                await receive()
        await answer(send)

    assert (await AsgiExchange(app)(REQUEST, 5.0)).status == 204


async def test_requests_to_an_app_are_tasks_of_their_own() -> None:
    tasks: list[asyncio.Task[Any] | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        assert seen_within.get() == "untouched"
        seen_within.set("by the app")
        tasks.append(asyncio.current_task())
        await answer(send)

    async with AppLifespan.of(app) as life:
        assert [(await life(REQUEST, None)).status for _ in range(2)] == [204, 204]
    assert seen_within.get() == "untouched"
    assert len({*tasks, asyncio.current_task()}) == 3


async def test_what_an_app_leaves_in_its_state_stays_with_the_request() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 200 if scope["state"] == {"pool": 1} else 500)
        scope["state"]["user"] = "somebody"

    exchange = AsgiExchange(app, {"pool": 1})
    assert [(await exchange(REQUEST, None)).status for _ in range(2)] == [200, 200]

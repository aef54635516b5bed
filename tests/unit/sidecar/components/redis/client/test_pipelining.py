"""Commands sent together, pauses between attempts, and errors translated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from redis import exceptions

from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.redis.client.error_translation import refusal, translated
from outboard.sidecar.components.redis.client.pipelining import Pipelining
from outboard.sidecar.components.redis.client.port import RedisAway, RedisCommand, RedisRefused, RedisReply
from outboard.sidecar.components.redis.client.settings import RedisSettings, pause_before


class Server:
    """Answers each command with itself, one batch after the other, when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[RedisCommand]] = []
        self.free = asyncio.Event()
        self.error: Exception | None = None

    async def send(self, commands: Sequence[RedisCommand]) -> Sequence[RedisReply]:
        self.batches.append(list(commands))
        await self.free.wait()
        if self.error is not None:
            raise self.error
        return list(commands)


@pytest.mark.anyio
async def test_what_comes_while_a_pipeline_is_on_its_way_goes_together() -> None:
    server = Server()
    pipelining = Pipelining(server.send)
    asked = [asyncio.create_task(pipelining.command(("GET", number))) for number in range(1)]
    await asyncio.sleep(0)
    asked += [asyncio.create_task(pipelining.command(("GET", number))) for number in range(1, 5)]
    await asyncio.sleep(0)
    server.free.set()

    assert await asyncio.gather(*asked) == [("GET", number) for number in range(5)]
    assert list(map(len, server.batches)) == [1, 4]
    await pipelining.close()


@pytest.mark.anyio
async def test_what_is_cancelled_before_it_was_sent_is_not_sent() -> None:
    server = Server()
    pipelining = Pipelining(server.send)
    asked = [asyncio.create_task(pipelining.command(("GET", 0)))]
    await asyncio.sleep(0)
    asked += [asyncio.create_task(pipelining.command(("GET", number))) for number in (1, 2)]
    await asyncio.sleep(0)
    asked[1].cancel()
    server.free.set()

    assert await asked[2] == ("GET", 2)
    assert [("GET", 1) in batch for batch in server.batches] == [False, False]
    await asyncio.gather(*asked, return_exceptions=True)


@pytest.mark.anyio
@pytest.mark.parametrize("error", [RedisAway("gone"), RuntimeError("a defect")])
async def test_an_error_reaches_all_who_wait_and_the_next_is_sent(error: Exception) -> None:
    server = Server()
    server.error = error
    server.free.set()
    pipelining = Pipelining(server.send)

    for outcome in await asyncio.gather(
        *(pipelining.command(("GET", number)) for number in range(3)), return_exceptions=True
    ):
        assert (type(outcome), str(outcome)) == (type(error), str(error))
    server.error = None
    assert await pipelining.command(("GET", 9)) == ("GET", 9)


def test_pauses_grow_and_are_bounded() -> None:
    settings = RedisSettings(())

    assert [round(pause_before(attempt, settings, lambda: 0.5), 4) for attempt in (1, 2, 3, 50)] == [
        0.012, 0.016, 0.024, 0.512,
    ]  # fmt: skip
    assert pause_before(1, RedisSettings((), min_retry_interval=2.0), lambda: 0.5) == 0.512


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (exceptions.ResponseError("WRONGTYPE Operation"), RedisRefused, "WRONGTYPE Operation"),
        (exceptions.ResponseError("invalid expire time"), RedisRefused, "ERR invalid expire time"),
        (exceptions.OutOfMemoryError("command not allowed"), RedisRefused, "OOM command not allowed"),
        (exceptions.ReadOnlyError("replica"), RedisAway, "Redis does not take commands: replica"),
    ],
)
def test_refusals_are_told_in_the_words_of_the_server(
    error: exceptions.RedisError, kind: type[ComponentError], said: str
) -> None:
    refused = refusal(error)

    assert (type(refused), str(refused)) == (kind, said)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (ConnectionRefusedError(111, "x"), RedisAway, "no answer from Redis at h:1: connection refused"),
        (TimeoutError(), RedisAway, "no answer from Redis at h:1: timed out"),
        (exceptions.ConnectionError("closed"), RedisAway, "no answer from Redis at h:1: closed"),
        (exceptions.AuthenticationError("WRONGPASS"), RedisRefused, "did not let us in: WRONGPASS"),
        (exceptions.NoScriptError("no"), RedisRefused, "ERR no"),
    ],
)
def test_errors_of_the_library_become_ours(error: Exception, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said), translated("h:1"):
        raise error

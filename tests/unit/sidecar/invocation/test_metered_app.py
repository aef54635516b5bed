"""Calls of an app over HTTP as they are measured: when the answer has been read, and when there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from outboard.sidecar.invocation.metered import MeteredApp
from outboard.sidecar.invocation.values import (
    AnswerBody,
    AppCall,
    CallBody,
    InvocationAnswer,
    InvocationFailed,
)
from outboard.sidecar.metrics.families import exposition
from outboard.sidecar.metrics.meters import Meters

pytestmark = pytest.mark.anyio


class App:
    """Answers with what it was given."""

    async def invoke(self, call: AppCall) -> InvocationAnswer:
        data = b"".join([chunk async for chunk in call.body.chunks()])
        if not data:
            raise InvocationFailed("connection refused")
        return InvocationAnswer(201, (), AnswerBody.of(data))


def a_call(data: bytes) -> AppCall:
    async def body() -> AsyncIterator[bytes]:
        if data:
            yield data

    return AppCall("a/b", "POST", "x=1", [("content-length", str(len(data)))], CallBody(body()))


async def test_an_answer_counts_when_it_has_been_read() -> None:
    meters = Meters("shop", "")
    answer = await MeteredApp(App(), meters).invoke(a_call(b"body"))
    assert exposition(meters.families, {}).count("dapr_http_client_completed_count{") == 0
    assert (await answer.whole()).data == b"body"
    told = exposition(meters.families, {})
    labels = 'app_id="shop",method="POST",path="/a/b"'
    assert f'dapr_http_client_completed_count{{{labels},status="201"}} 1\n' in told
    assert f'dapr_http_client_sent_bytes_sum{{{labels},status=""}} 4\n' in told
    assert 'dapr_http_client_received_bytes_sum{app_id="shop"} 4\n' in told


async def test_no_answer_is_500() -> None:
    meters = Meters("shop", "")
    with pytest.raises(InvocationFailed):
        await MeteredApp(App(), meters).invoke(a_call(b""))
    assert 'path="/a/b",status="500"} 1' in exposition(meters.families, {})

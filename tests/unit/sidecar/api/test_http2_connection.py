"""What an HTTP/2 connection does about a client that does not read."""

from __future__ import annotations

import asyncio

import pytest
from uvicorn.server import ServerState

from outboard.asgi import Receive, Scope, Send
from outboard.sidecar.api.http.http2.connection import ServedConnection

pytestmark = pytest.mark.anyio


class Reading(asyncio.Transport):
    """It knows whether the client is read; what is written goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = True
        self.closing = False

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def write(self, data: object) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("nobody has asked")


async def test_who_does_not_read_is_not_read_so_that_answers_to_frames_cannot_pile_up() -> None:
    state, transport = ServerState(), Reading()
    connection = ServedConnection(nothing, state, 1_000)
    connection.begin(transport, {})
    assert connection in list[object](state.connections)
    connection.pause_writing()
    assert not transport.reads
    connection.resume_writing()
    assert transport.reads
    connection.shutdown()
    connection.pause_writing()
    assert transport.closing
    connection.resume_writing()
    assert not transport.reads
    connection.connection_lost(None)
    assert not state.connections

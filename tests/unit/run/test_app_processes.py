"""What is told of an app that does not listen in time."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from outboard.run.app_processes import SLOW, slow_start
from outboard.run.output.events import SlowStart
from outboard.run.output.formats import TextLines

pytestmark = pytest.mark.anyio


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


@pytest.fixture
def free_port() -> int:
    """Nobody listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


async def test_an_app_that_listens_is_known_to(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert await slow_start("shop", "127.0.0.1", port, os.getpid()) == SlowStart("shop", port, SLOW, True)


async def test_an_app_that_listens_elsewhere_is_told_where(listener: socket.socket, free_port: int) -> None:
    seen = await slow_start("shop", "127.0.0.1", free_port, os.getpid())
    assert not seen.listens
    assert listener.getsockname()[1] in seen.elsewhere


async def test_of_an_app_that_nobody_started_here_nothing_is_known(free_port: int) -> None:
    assert await slow_start("shop", "127.0.0.1", free_port, 0) == SlowStart("shop", free_port, SLOW)


def test_a_person_is_told_what_to_change() -> None:
    said: list[str] = []
    report = TextLines(lambda line, styled, style: said.append(line), ["shop"])
    report(SlowStart("shop", 8080, 10.0, elsewhere=(8000,)))
    report(SlowStart("shop", 8080, 10.0))
    assert [line.partition("| ")[2] for line in said] == [
        "shop does not answer on port 8080 after 10 s: it listens on 8000. Give it port 8080, or change "
        "`appPort` (`--app-port`)",
        "shop does not answer on port 8080 after 10 s: does it listen there (APP_PORT)?",
    ]

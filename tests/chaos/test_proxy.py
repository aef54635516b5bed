"""The proxy that loses answers."""

from __future__ import annotations

import asyncio
from contextlib import closing
from http.client import HTTPConnection

import pytest

from chaos.proxy import CuttingProxy, proxying
from faults.recorder import recording
from support.processes import PATIENCE, eventually, free_ports


def ask(connection: HTTPConnection, body: str) -> int:
    connection.request("POST", f"/{b'orders'.hex()}", body=body)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_an_answer_is_lost_of_what_was_done() -> None:
    (port,) = free_ports(1)
    with recording({"pubsubname": "pubsub", "topic": "orders"}) as recorder:
        proxy = CuttingProxy(port, recorder.port)
        with proxying(proxy) as loop:
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            assert ask(connection, '"first"') == 200
            loop.call_soon_threadsafe(proxy.cut)
            with pytest.raises((ConnectionError, OSError)):
                ask(connection, '"second"')
            connection.close()
            assert ask(connection, '"third"') == 200
            connection.close()
            eventually(lambda: proxy.lost == 1, lambda: str(proxy.lost))
        assert [taken.body for taken in recorder.taken] == [b'"first"', b'"second"', b'"third"']


def test_nothing_is_lost_any_more_once_it_is_healed() -> None:
    (port,) = free_ports(1)
    with recording({"pubsubname": "pubsub", "topic": "orders"}) as recorder:
        proxy = CuttingProxy(port, recorder.port)
        with proxying(proxy) as loop:
            loop.call_soon_threadsafe(proxy.cut, 2)
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            with pytest.raises((ConnectionError, OSError)):
                ask(connection, '"first"')
            connection.close()
            healed = asyncio.run_coroutine_threadsafe(_healed(proxy), loop)
            assert healed.result(PATIENCE) == 1
            assert ask(connection, '"second"') == 200
            connection.close()
        assert proxy.lost == 1


async def _healed(proxy: CuttingProxy) -> int:
    return proxy.heal()


def test_nobody_is_there() -> None:
    port, target = free_ports(2)
    with (
        proxying(CuttingProxy(port, target)),
        closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection,
        pytest.raises((ConnectionError, OSError)),
    ):
        ask(connection, '"x"')

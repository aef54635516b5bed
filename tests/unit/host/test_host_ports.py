"""Ports of this machine, and how their owners are described."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from outboard.host.listening import accepts, is_listening
from outboard.host.owners import describe_process, owners_besides, ports_of
from outboard.host.ports import MachinePorts, ReservedPorts, port_taken, reserving


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_the_owner_of_a_taken_port_is_named(listener: socket.socket) -> None:
    owner = MachinePorts().owner(port_of(listener))
    assert owner is not None
    assert f"process {os.getpid()}" in owner


def test_a_port_of_another_process_than_the_one_that_should_have_it_is_told(listener: socket.socket) -> None:
    port = port_of(listener)
    told = owners_besides(os.getppid() + 10**6, {port})
    assert f"process {os.getpid()}" in told[port]


@pytest.mark.parametrize("process", [os.getpid(), os.getppid()], ids=["its own", "that of its child"])
def test_a_port_of_a_process_and_its_children_is_not_another_s(listener: socket.socket, process: int) -> None:
    assert owners_besides(process, {port_of(listener)}) == {}


@pytest.mark.parametrize("process", [os.getpid(), os.getppid()], ids=["its own", "that of its child"])
def test_the_ports_of_a_process_are_its_own_and_those_of_its_children(
    listener: socket.socket, process: int
) -> None:
    assert port_of(listener) in ports_of(process)
    assert port_of(listener) not in ports_of(os.getppid() + 10**6)


def test_the_error_says_what_to_do(listener: socket.socket) -> None:
    error = port_taken(port_of(listener), "the app of 'x'", "`appPort`")
    assert str(os.getpid()) in str(error)
    assert "`appPort`" in str(error)


def test_a_port_nobody_has_is_free(listener: socket.socket) -> None:
    port = port_of(listener)
    listener.close()
    assert MachinePorts().owner(port) is None


def test_a_listener_on_all_addresses_has_the_port_too() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("0.0.0.0", 0))
        server.listen()
        assert MachinePorts().owner(port_of(server)) is not None


def test_picks_the_next_free_port_that_is_not_to_be_avoided(listener: socket.socket) -> None:
    port = port_of(listener)
    picked = MachinePorts().pick(port, {port + 1})
    assert picked > port + 1


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["/usr/bin/python3", "-m", "uvicorn", "app:app", "--password=x"], "python3 -m uvicorn (process 7)"),
        (["/usr/bin/python3", "-X", "dev", "/srv/main.py", "--token=x"], "python3 main.py (process 7)"),
        (["node", "/srv/server.js", "secret"], "node server.js (process 7)"),
        (["python", "-c", "password = 1"], "python -c (process 7)"),
        (["/usr/sbin/nginx", "-g", "secret"], "nginx (process 7)"),
        ([], "redis (process 7)"),
    ],
)
def test_a_process_is_described_without_its_arguments(command: list[str], expected: str) -> None:
    assert describe_process("redis", command, 7) == expected


def test_two_runs_that_start_at_once_pick_different_ports(listener: socket.socket) -> None:
    first = MachinePorts().pick(port_of(listener), ())
    with reserving(MachinePorts()) as one, reserving(MachinePorts()) as other:
        picked = [ports.pick(first, ()) for ports in (one, other, one)]
        assert len(set(picked)) == 3
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
            server.bind(("127.0.0.1", picked[0]))  # a reserved port is free for who opens it
        assert one.owner(port_of(listener)) is not None
    with reserving(MachinePorts()) as later:
        assert isinstance(later, ReservedPorts)
        assert later.pick(picked[0], ()) == picked[0]


@pytest.mark.anyio
async def test_what_listens_is_found_and_what_has_closed_is_not(listener: socket.socket) -> None:
    port = port_of(listener)
    assert await is_listening("127.0.0.1", port)
    assert accepts(port)
    listener.close()
    assert not await is_listening("127.0.0.1", port)
    assert not accepts(port)

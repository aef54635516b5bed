"""Where the gRPC API listens, and what happens where somebody else does."""

from __future__ import annotations

import socket

import pytest

from outboard.errors import PortTaken
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.runtime import listening
from outboard.sidecar.runtime.listening import addresses_of, listening_for
from outboard.sidecar.runtime.options import Options

LOG = SidecarLog("app", "info", "1")


def options(grpc_port: int) -> Options:
    return Options("app", http_port=0, grpc_port=grpc_port, listen_addresses=("127.0.0.1",))


def test_a_free_port_is_taken_for_it() -> None:
    with listening_for(options(0), LOG, has_grpc=True) as sockets:
        (address,) = sockets.grpc
    assert address.startswith("127.0.0.1:")


def test_without_the_extra_there_is_none() -> None:
    with listening_for(options(0), LOG, has_grpc=False) as sockets:
        assert not sockets.grpc


def test_a_port_that_was_chosen_and_is_taken_ends_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match="the Dapr gRPC API"):
            listening_for(options(port), LOG, has_grpc=True).__enter__()


def test_the_usual_port_may_be_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(listening, "DEFAULT_GRPC_PORT", port)
        with listening_for(options(port), LOG, has_grpc=True) as sockets:
            assert not sockets.grpc


def test_every_address_is_named_once() -> None:
    class Bound(socket.socket):
        def __init__(self, host: str) -> None:
            super().__init__()
            self.host = host

        def getsockname(self) -> tuple[str, int]:
            return (self.host, 5)

    with Bound("0.0.0.0") as v4, Bound("::") as v6, Bound("::1") as loopback:
        assert addresses_of([v4, v6]) == ["[::]:5"]
        assert addresses_of([v4]) == ["0.0.0.0:5"]
        assert addresses_of([loopback]) == ["[::1]:5"]

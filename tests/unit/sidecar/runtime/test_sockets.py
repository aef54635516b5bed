from __future__ import annotations

import os
import socket

import pytest

from outboard.errors import CommandError, PortTaken
from outboard.host.owners import owner_of
from outboard.sidecar.runtime.sockets import Purpose, listening

PURPOSE = Purpose("the Dapr HTTP API", "--dapr-http-port")


def test_a_free_port_is_the_same_on_every_address() -> None:
    with listening(("127.0.0.1", "::1"), 0, PURPOSE) as sockets:
        assert len({bound.getsockname()[1] for bound in sockets}) == 1
        assert sockets[0].getsockname()[0] == "127.0.0.1"
    assert all(bound.fileno() == -1 for bound in sockets)


def test_a_taken_port_is_told_with_its_owner() -> None:
    with listening(("127.0.0.1",), 0, PURPOSE) as [bound]:
        port = bound.getsockname()[1]
        with pytest.raises(PortTaken) as caught, listening(("127.0.0.1", "::1"), port, PURPOSE):
            pass
    assert (caught.value.port, caught.value.option) == (port, "--dapr-http-port")
    assert str(os.getpid()) in caught.value.owner or caught.value.owner.startswith("another process")


def test_an_owner_that_cannot_be_known() -> None:
    with socket.socket() as unlistening:
        unlistening.bind(("127.0.0.1", 0))
        assert owner_of(unlistening.getsockname()[1]).startswith("another process")


def test_an_address_of_another_machine_is_left_out_and_only_such_are_an_error() -> None:
    with listening(("192.0.2.1", "127.0.0.1"), 0, PURPOSE) as sockets:
        assert [bound.getsockname()[0] for bound in sockets] == ["127.0.0.1"]
    with pytest.raises(CommandError, match="none of the addresses"), listening(("192.0.2.1",), 0, PURPOSE):
        pass

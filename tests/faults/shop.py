"""A sidecar in a process of its own, and the service beside it that takes `orders`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from faults.recorder import Recorder
from faults.sidecars import Beside, component
from outboard import Outboard

__all__ = ["COMPONENTS", "Shop", "board_of"]

COMPONENTS = {
    "pubsub.yaml": component(protectedTopics="vault"),
    "statestore.yaml": component("statestore", "state.in-memory"),
}


@dataclass(frozen=True)
class Shop:
    """A sidecar in a process of its own, and the service beside it that takes `orders`."""

    sidecar: Beside
    recorder: Recorder
    protocol: str = "http"

    def board(self, **more: Any) -> Outboard:
        """A board of this sidecar."""
        return board_of(self.sidecar.port_of(self.protocol), self.protocol, **more)

    @contextmanager
    def arriving(self, *expected: object) -> Iterator[None]:
        """Of the block, `expected` arrives and nothing else; and so does what is published around it."""
        start = len(self.recorder.of("orders"))
        self.sidecar.publish("orders", "before")
        yield
        self.sidecar.publish("orders", "after")
        self.recorder.wait("orders", start + len(expected) + 2)
        assert self.recorder.data("orders")[start:] == ["before", *expected, "after"]


def board_of(port: int, protocol: str = "http", **more: Any) -> Outboard:
    """A board whose sidecar is at `port`, whatever the environment says."""
    environ = {f"DAPR_{protocol.upper()}_PORT": str(port), "DAPR_API_PROTOCOL": protocol, "APP_ID": "shop"}
    arguments: dict[str, Any] = {"environ": environ, "timeout": 30, **more}
    return Outboard(**arguments)

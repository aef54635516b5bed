"""Outboard: event-driven FastAPI services on Dapr.

The names are imported at their first use, so that `import outboard` is quick: the command line tool, which
needs none of them, starts without FastAPI.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outboard.errors import Drop as Drop
    from outboard.errors import EtagMismatch as EtagMismatch
    from outboard.errors import EventTooLarge as EventTooLarge
    from outboard.errors import InvalidCloudEvent as InvalidCloudEvent
    from outboard.errors import InvalidEventData as InvalidEventData
    from outboard.errors import NotConnected as NotConnected
    from outboard.errors import OutboardError as OutboardError
    from outboard.errors import PublishFailed as PublishFailed
    from outboard.errors import PublishForbidden as PublishForbidden
    from outboard.errors import PubSubNotFound as PubSubNotFound
    from outboard.errors import SidecarError as SidecarError
    from outboard.errors import SidecarUnavailable as SidecarUnavailable
    from outboard.errors import StateFailed as StateFailed
    from outboard.errors import StateStoreNotFound as StateStoreNotFound
    from outboard.errors import TokenRejected as TokenRejected
    from outboard.kit.board import Outboard as Outboard
    from outboard.kit.outbox.sql.outbox import Outbox as Outbox
    from outboard.kit.state.store import State as State
    from outboard.kit.state.store import StateEntry as StateEntry
    from outboard.kit.subscriptions.declaration import BulkOptions as BulkOptions
    from outboard.kit.subscriptions.endpoint import current_event as current_event
    from outboard.kit.topic import Topic as Topic
    from outboard.wire.dapr import DeliveryStatus as DeliveryStatus
    from outboard.wire.events import Event as Event
    from outboard.wire.sensitive import Sensitive as Sensitive

__all__ = [
    "BulkOptions",
    "DeliveryStatus",
    "Drop",
    "EtagMismatch",
    "Event",
    "EventTooLarge",
    "InvalidCloudEvent",
    "InvalidEventData",
    "NotConnected",
    "Outboard",
    "OutboardError",
    "Outbox",
    "PubSubNotFound",
    "PublishFailed",
    "PublishForbidden",
    "Sensitive",
    "SidecarError",
    "SidecarUnavailable",
    "State",
    "StateEntry",
    "StateFailed",
    "StateStoreNotFound",
    "TokenRejected",
    "Topic",
    "current_event",
]

_HOMES = {
    "BulkOptions": "outboard.kit.subscriptions.declaration",
    "DeliveryStatus": "outboard.wire.dapr",
    "Event": "outboard.wire.events",
    "Outboard": "outboard.kit.board",
    "Outbox": "outboard.kit.outbox.sql.outbox",
    "Sensitive": "outboard.wire.sensitive",
    "State": "outboard.kit.state.store",
    "StateEntry": "outboard.kit.state.store",
    "Topic": "outboard.kit.topic",
    "current_event": "outboard.kit.subscriptions.endpoint",
}


if not TYPE_CHECKING:  # to a checker, a module with __getattr__ would have every name that one can misspell

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(_HOMES.get(name, "outboard.errors")), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})

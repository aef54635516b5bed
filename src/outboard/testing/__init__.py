"""Tests of one's own services with the real sidecar inside the test process.

`pip install "outboard[testing]"` brings the pytest fixture `outboard`, a `Harness`.
"""

from collections.abc import Sequence
from pathlib import Path

from outboard.asgi import ASGIApp
from outboard.hops.deliveries import DeadLetter, Delivery
from outboard.kit.board import Outboard
from outboard.testing.engines.port import MEMORY, NotOnThisEngine
from outboard.testing.failures import NotHandled
from outboard.testing.harness import Harness
from outboard.testing.in_flight import HandlerHung
from outboard.testing.project import NotInProject, NotSubscribed, Project
from outboard.testing.recording import NotSeen
from outboard.testing.session import EventSession, NotQuiet
from outboard.testing.sync_session import SessionScope, SyncEventSession

__all__ = [
    "ASGIApp",
    "DeadLetter",
    "Delivery",
    "EventSession",
    "HandlerHung",
    "Harness",
    "NotHandled",
    "NotInProject",
    "NotOnThisEngine",
    "NotQuiet",
    "NotSeen",
    "NotSubscribed",
    "Project",
    "SyncEventSession",
    "session",
]


def session(
    *apps: ASGIApp | Outboard,
    resources: Sequence[Path] = (),
    project: Project | None = None,
    engine: str = MEMORY,
) -> SessionScope:
    """`Harness(resources, project=project, engine=engine).session(*apps)`, for a script without pytest.

    Raises as that, and ValueError for an engine that there is not.
    """
    return Harness(resources, project=project, engine=engine).session(*apps)

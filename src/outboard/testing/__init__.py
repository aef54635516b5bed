"""Tests of one's own services with the real sidecar inside the test process.

`pip install "outboard[testing]"` brings the pytest fixture `outboard`, a `Harness`.
"""

from outboard.asgi import ASGIApp
from outboard.hops.deliveries import DeadLetter, Delivery
from outboard.testing.harness import Harness
from outboard.testing.in_flight import HandlerHung
from outboard.testing.project import NotInProject, NotSubscribed, Project
from outboard.testing.recording import NotSeen

__all__ = [
    "ASGIApp",
    "DeadLetter",
    "Delivery",
    "HandlerHung",
    "Harness",
    "NotInProject",
    "NotSeen",
    "NotSubscribed",
    "Project",
]

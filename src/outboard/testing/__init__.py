"""Tests of one's own services with the real sidecar inside the test process.

`pip install "outboard[testing]"` brings the pytest fixture `outboard`, a `Harness`.
"""

from outboard.testing.asgi import ASGIApp
from outboard.testing.harness import Harness
from outboard.testing.recording import DeadLetter, Delivery, NotSeen

__all__ = ["ASGIApp", "DeadLetter", "Delivery", "Harness", "NotSeen"]

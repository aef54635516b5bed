"""What a diagnosis asks of the place where apps run, whether that is this machine or a cluster."""

from __future__ import annotations

from typing import Protocol

from outboard.doctor.evidence import Evidence

__all__ = ["Look"]


class Look(Protocol):
    """Looks around once, and changes nothing, unless it is asked for canaries."""

    async def __call__(self) -> Evidence:
        """What there is to see, within seconds. What cannot be seen is told so; raises nothing for it."""
        ...

    async def canaries(self, seen: Evidence) -> Evidence:
        """Send a canary along each subscription that is `seen`: what was seen, and what has come of them."""
        ...

"""What a register of names said, kept for a moment: under load it would be asked for each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from outboard.sidecar.invocation.names.port import Names
from outboard.sidecar.invocation.targets import AppName

__all__ = ["RememberedNames"]

KEPT: Final = 1.0
"""Seconds; a daprd keeps it for twenty, and calls who has ended for so long."""


class RememberedNames:
    """What `names` found, if it found anybody; `monotonic` tells the time in seconds."""

    def __init__(self, names: Names, monotonic: Callable[[], float]) -> None:
        self._names = names
        self._monotonic = monotonic
        self._found: dict[AppName, tuple[float, Sequence[str]]] = {}

    async def find(self, name: AppName) -> Sequence[str]:
        """As `Names.find`."""
        kept = self._found.get(name)
        if kept is not None and self._monotonic() < kept[0]:
            return kept[1]
        found = await self._names.find(name)
        if found:
            self._found[name] = self._monotonic() + KEPT, found
        return found

    def forget(self, name: AppName) -> None:
        """Somebody of those was not there."""
        self._found.pop(name, None)

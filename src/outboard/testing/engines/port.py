"""What a harness asks of the engine that its sidecars run on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from outboard.kit.client.settings import Settings
from outboard.wire.http import Exchange

__all__ = ["DAPRD", "ENGINES", "MEMORY", "SQLITE", "NotOnThisEngine", "RunningSidecar", "SidecarEngine"]

MEMORY: Final = "memory"
SQLITE: Final = "sqlite"
DAPRD: Final = "daprd"
ENGINES: Final = (MEMORY, SQLITE, DAPRD)
"""The first one is that of a test which says nothing."""


class NotOnThisEngine(RuntimeError):
    """A test asks for what only the in-memory engine can do, or for more than its engine has."""


class RunningSidecar(Protocol):
    """One sidecar of a test, whose API answers."""

    @property
    def exchange(self) -> Exchange:
        """The way to its HTTP API."""
        ...

    @property
    def not_started(self) -> Sequence[object]:
        """The subscriptions that it does not start, each told by its text, as far as it says."""
        ...

    def taking(self) -> AbstractAsyncContextManager[None]:
        """While the block runs it delivers events to its app; what is in flight at the end is waited for."""
        ...


class SidecarEngine(Protocol):
    """Runs the sidecars of one harness."""

    @property
    def name(self) -> str:
        """One of `ENGINES`."""
        ...

    def sidecar(
        self, app_id: str, files_of: str, settings: Settings, channel: Exchange | None, drain: float
    ) -> AbstractAsyncContextManager[RunningSidecar]:
        """That of `app_id`, with the files of the app `files_of` of the project, whose board has `settings`.

        `channel` is the way to the app; without one there is none. What is in flight at the end gets `drain`
        seconds.
        Raises ResourceError and the like for wrong files; NotOnThisEngine, CommandError and ServiceDied
        where a process cannot be started.
        """
        ...

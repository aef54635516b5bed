"""The connection that a board uses at the moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from outboard.errors import NotConnected
from outboard.kit.client.port import Sidecar
from outboard.kit.topics.publishing import Publishing

__all__ = ["Connection", "Connections"]


@dataclass(frozen=True, eq=False, slots=True)
class Connection:
    """A sidecar, and what is published through it."""

    sidecar: Sidecar
    publishing: Publishing


class Connections:
    """Open connections, each for as long as its scope lasts.

    Scopes may overlap: two apps in one process, or a script inside an app. The latest is used, except that
    one which was given (a test's, for instance) goes before those that were opened.
    """

    def __init__(self) -> None:
        self._opened: list[Connection] = []
        self._given: list[Connection] = []

    def current(self, operation: str) -> Sidecar:
        """The sidecar to use now. Raises NotConnected, in which `operation` says what was wanted."""
        return self._latest(operation).sidecar

    def publishing(self, operation: str) -> Publishing:
        """What to publish through now. Raises NotConnected, as `current`."""
        return self._latest(operation).publishing

    @property
    def is_given(self) -> bool:
        """Whether a connection was given, so that no other needs to be opened."""
        return bool(self._given)

    @contextmanager
    def using(self, connection: Connection, *, given: bool) -> Iterator[None]:
        """Use `connection` while the scope lasts."""
        connections = self._given if given else self._opened
        connections.append(connection)
        try:
            yield
        finally:
            connections.remove(connection)

    def _latest(self, operation: str) -> Connection:
        for connections in (self._given, self._opened):
            if connections:
                return connections[-1]
        raise NotConnected(operation)

"""The sidecar that a board speaks to at the moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from outboard.errors import NotConnected
from outboard.kit.client.port import Sidecar

__all__ = ["Connections"]


class Connections:
    """Open connections, each for as long as its scope lasts.

    Scopes may overlap: two apps in one process, or a script inside an app. The latest is used, except that
    one which was given (a test's, for instance) goes before those that were opened.
    """

    def __init__(self) -> None:
        self._opened: list[Sidecar] = []
        self._given: list[Sidecar] = []

    def current(self, operation: str) -> Sidecar:
        """The sidecar to use now. Raises NotConnected, in which `operation` says what was wanted."""
        for sidecars in (self._given, self._opened):
            if sidecars:
                return sidecars[-1]
        raise NotConnected(operation)

    @property
    def is_given(self) -> bool:
        """Whether a connection was given, so that no other needs to be opened."""
        return bool(self._given)

    @contextmanager
    def using(self, sidecar: Sidecar, *, given: bool) -> Iterator[None]:
        """Use `sidecar` while the scope lasts."""
        sidecars = self._given if given else self._opened
        sidecars.append(sidecar)
        try:
            yield
        finally:
            position = next(index for index, item in enumerate(sidecars) if item is sidecar)
            del sidecars[position]

"""What an author declares with `@topic.upcast(...)`: the way from an older version of an event to a newer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from outboard.kit.subscriptions.declaration import place_of
from outboard.wire.versions import EventVersions, Upcaster, Version

__all__ = ["UpcastDecorator"]

Older = TypeVar("Older")
Newer = TypeVar("Newer")


@dataclass(frozen=True, slots=True)
class UpcastDecorator(Generic[Older, Newer]):
    """Declares the function that it decorates for events of `version`, and gives that function back."""

    version: Version
    model: Any
    to: Any
    versions: EventVersions[Any]

    def __call__(self, function: Callable[[Older], Newer]) -> Callable[[Older], Newer]:
        """Raises UpcasterUnsuitable."""
        self.versions.add(Upcaster(self.version, self.model, self.to, function, place_of(function)))
        return function

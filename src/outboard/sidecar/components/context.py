"""What components find around them: the app, its environment, the process's memory, time and chance."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from outboard.clock import Clock, SystemClock

__all__ = ["ComponentContext", "SharedMemory"]

T = TypeVar("T")


def _new_uuid() -> str:
    return str(uuid.uuid4())


class SharedMemory:
    """What the in-memory components of a process hold, by the component's name.

    Sidecars that were given the same one share it, as they would share a broker or a database.
    """

    def __init__(self) -> None:
        self._held: dict[tuple[type, str], object] = {}

    def of(self, kind: type[T], name: str) -> T:
        """The one `kind` of component `name`, made at the first call."""
        return cast("T", self._held.setdefault((kind, name), kind()))

    def forget(self, kind: type[object], name: str) -> None:
        """The next call of `of` makes a new one; whoever has the old one keeps it."""
        self._held.pop((kind, name), None)


@dataclass(frozen=True, slots=True)
class ComponentContext:
    """Given once to each sidecar.

    `namespace` is what `{namespace}` is built with: `default` where NAMESPACE is not set. `pod_name` is empty
    where POD_NAME is not. `new_id` gives a new UUID in text each time, `random` a number from 0 to below 1.
    `monotonic` gives the machine's own seconds: what processes agree on, as a lease, is real where a test's
    `clock` is not. Relative paths in component files begin in `directory`: the working directory, unless
    another one is given.
    """

    app_id: str
    namespace: str = "default"
    pod_name: str = ""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    memory: SharedMemory = field(default_factory=SharedMemory)
    clock: Clock = field(default_factory=SystemClock)
    new_id: Callable[[], str] = _new_uuid
    directory: Path = Path()
    random: Callable[[], float] = random.random
    monotonic: Callable[[], float] = time.monotonic

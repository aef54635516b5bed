"""Which modules of outboard are entered while a block runs, in their order."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from types import FrameType

__all__ = ["Way", "entered"]

PACKAGE = "outboard."


class Way:
    """The modules in the order they were entered, one item for each start or resumption of a function.

    How it counts: `sys.setprofile` tells of each Python function that is called and each coroutine or
    generator that goes on, in whatever task. Those defined in a module of outboard are kept, by the name of
    that module; what lies between (FastAPI, pydantic, asyncio, the test) is not. Returning to the caller is
    no entry: A calls B twice is A, B, B, and one change.
    """

    def __init__(self) -> None:
        self.entries: list[str] = []

    @property
    def stretches(self) -> list[str]:
        """The entries, those in a row of one module as one."""
        return [module for module, _ in groupby(self.entries)]

    @property
    def modules(self) -> list[str]:
        """Every module that was entered, once, in the order of its first entry."""
        return list(dict.fromkeys(self.entries))

    @property
    def changes(self) -> int:
        """How often an entry was in another module than the one before it."""
        return max(len(self.stretches) - 1, 0)


@contextmanager
def entered() -> Iterator[Way]:
    """Record the way of what runs in this thread during the block."""
    way = Way()

    def note(frame: FrameType, what: str, _: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if what == "call" and module.startswith(PACKAGE):
            way.entries.append(module)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield way
    finally:
        sys.setprofile(before)

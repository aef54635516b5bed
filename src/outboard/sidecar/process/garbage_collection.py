"""How often Python's garbage collector looks for cycles, while events are handled.

Events make none: what is found is next to nothing, and each search holds up the loop.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["collecting_rarely", "frozen"]

RARELY: Final = (20_000, 20, 20)


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Look for cycles less often while the block runs; whoever looks as rarely already, or never, goes on so.

    Blocks may overlap in any way.
    """
    before = gc.get_threshold()
    if not 0 < before[0] < RARELY[0]:
        yield
        return
    gc.set_threshold(*RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def frozen() -> Iterator[None]:
    """Look for no cycles in what is there already, while the block runs. It is for a process of our own."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

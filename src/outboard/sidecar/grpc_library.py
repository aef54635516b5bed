"""The library of gRPC, an extra: whether it is installed, and how it is to be imported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Lock
from typing import Final

__all__ = ["importing_grpc", "is_grpc_installed"]

NEEDED: Final = ("grpc", "dapr")
FORK_SUPPORT: Final = "GRPC_ENABLE_FORK_SUPPORT"
IMPORTING: Final = Lock()


def is_grpc_installed() -> bool:
    """Nothing of it is imported."""
    return all(find_spec(name) is not None for name in NEEDED)


@contextmanager
def importing_grpc() -> Iterator[None]:
    """Import the library in the block, which takes some 200 ms: best in a thread.

    The library reads a variable as it is imported; else it writes a line when `outboard run` starts a
    program. `os.environ`, which programs are started with, stays as it is.
    """
    with IMPORTING:
        if FORK_SUPPORT in os.environ:
            yield
            return
        os.putenv(FORK_SUPPORT, "false")
        try:
            yield
        finally:
            os.unsetenv(FORK_SUPPORT)

"""Whether the extra `grpc` is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

__all__ = ["is_grpc_installed"]

NEEDED: Final = ("grpc", "dapr")


def is_grpc_installed() -> bool:
    """Nothing of it is imported."""
    return all(find_spec(name) is not None for name in NEEDED)

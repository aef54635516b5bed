"""The port to a register of names: sidecars of apps announce themselves, and find each other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from outboard.sidecar.invocation.targets import AppName

__all__ = ["Announced", "Names"]


@dataclass(frozen=True, slots=True)
class Announced:
    """A sidecar at `address` ("127.0.0.1:50002"), where others of its kind call it."""

    name: AppName
    address: str


class Names(Protocol):
    """A register of names."""

    def announced(self, sidecar: Announced) -> AbstractAsyncContextManager[None]:
        """Others find `sidecar` while the block runs."""
        ...

    async def find(self, name: AppName) -> Sequence[str]:
        """The addresses of all that serve this app. Raises InvocationFailed where nobody can tell."""
        ...

"""What a state store promises, as data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Passing", "StatePromises"]

Passing: TypeAlias = Callable[[float], Awaitable[None]]
"""Lets so many seconds pass for the store."""


@dataclass(frozen=True, kw_only=True)
class StatePromises:
    """What holds for a store beyond what holds for all. `no_etag` is one that the store never gave."""

    no_etag: str = "x"
    digits: int | None = None
    """Of a small number this many digits behind the point are kept; None: all."""
    etag_of_absent: bool = True
    """A write with an ETag fails where nothing is there."""
    last_write_checks: bool = True
    """A write with an ETag is checked with last-write, too."""
    first_write_checks: bool = True
    """First-write without an ETag fails where something is there, however it came there."""
    expiry: bool = True
    """A value says when it expires."""
    renewal: bool = True
    """A write without time to live ends that of the value before."""
    atomic: bool = True
    """Of a transaction that fails nothing is done."""

"""What each state store promises beyond what holds for all: the suite asks for it, the docs show it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

__all__ = ["STATES", "STATES_OF_DAPRD", "Passing", "StatePromises"]

Passing: TypeAlias = Callable[[float], Awaitable[None]]
"""Lets so many seconds pass for the store."""


def promise(says: str, holds: bool = True) -> bool:
    """A field whose meaning the docs show."""
    made: bool = field(default=holds, metadata={"says": says})
    return made


@dataclass(frozen=True, kw_only=True)
class StatePromises:
    """`no_etag` is an ETag that the store never gave; of small numbers `digits` behind the point are kept.

    `lifetime` is the time to live that the suite asks for, in seconds: short where it has to pass for real.
    A value says to `expiry_within` seconds when it expires.
    """

    no_etag: str = "x"
    digits: int | None = None
    lifetime: int = 10
    expiry_within: float = 0.0
    binary: bool = promise("Bytes that are no JSON can be written, and come back as they were")
    sorted_members: bool = promise("The members of an object come back in the order of their names")
    etag_of_absent: bool = promise("A write with an ETag fails where nothing is there")
    last_write_checks: bool = promise("A write with an ETag is checked with last-write, too")
    first_write_checks: bool = promise(
        "First-write without an ETag fails where something is there, however it came there"
    )
    expiry: bool = promise("A value says when it expires")
    expired_for_writers: bool = promise("What has expired is not there for writers either, at once")
    renewal: bool = promise("A write without time to live ends that of the value before")
    atomic: bool = promise("Of a transaction that fails nothing is done")
    server: bool = promise(
        "There is a server that may crash: what it acknowledged is there afterwards, and all goes on",
        False,
    )


STATES: Final[Mapping[str, StatePromises]] = {
    "in-memory": StatePromises(),
    "sqlite": StatePromises(),
    "redis": StatePromises(
        no_etag="7", digits=6, etag_of_absent=False, last_write_checks=False, first_write_checks=False,
        expiry=False, renewal=False, atomic=False, server=True,
    ),
}  # fmt: skip
"""By the type behind `state.`."""

STATES_OF_DAPRD: Final[Mapping[str, StatePromises]] = {
    "in-memory": StatePromises(binary=False, expired_for_writers=False, lifetime=3, expiry_within=2.0),
    "sqlite": StatePromises(binary=False, expired_for_writers=False, expiry_within=2.0),
    "redis": StatePromises(
        binary=False, sorted_members=False, no_etag="7", digits=6, etag_of_absent=False,
        last_write_checks=False, first_write_checks=False, expiry=False, renewal=False, atomic=False,
        server=True,
    ),
}  # fmt: skip
"""The same of daprd's own state stores, asked over HTTP."""

"""What a state store that is another process can do: requests reach it as the app made them.

It is asked for one key or for many in one step, with the metadata of the request, and may say itself how the
app is answered. Source: Dapr, `dapr.proto.components.v1`; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from outboard.gojson.values import Json
from outboard.sidecar.components.port import ComponentError, Delete, Found, Set
from outboard.sidecar.grpc_codes import go_error, go_name_of

__all__ = ["OwnAnswerError", "Queried", "RemoteState", "SortKey", "StateQuery", "StatusError"]


class StatusError(ComponentError):
    """A status of gRPC that a component answered with: `number` and `message`."""

    def __init__(self, number: int, message: str, text: str = "") -> None:
        super().__init__(text or go_error(number, message))
        self.number = number
        self.message = message


class OwnAnswerError(StatusError):
    """One that says itself how the app is answered: over HTTP with `http_status`.

    `tag` is the code of the error; `reason` and `domain` are those of its ErrorInfo.
    """

    def __init__(
        self, number: int, message: str, *, http_status: int, tag: str, reason: str, domain: str
    ) -> None:
        super().__init__(number, message, f"api error: code = {go_name_of(number)} desc = {message}")
        self.http_status = http_status
        self.tag = tag
        self.reason = reason
        self.domain = domain


class SortKey(NamedTuple):
    """What a query sorts by; `descending` is DESC."""

    key: str
    descending: bool


@dataclass(frozen=True, slots=True)
class StateQuery:
    """A query of Dapr's state API. `limit` 0 is none; `token` is that of the page before."""

    filters: Mapping[str, Json] = field(default_factory=dict)
    sort: Sequence[SortKey] = ()
    limit: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class Queried:
    """What a query found: keys with what is there, in the store's order; `token` leads to the next page."""

    results: Sequence[tuple[str, Found]]
    token: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class RemoteState(Protocol):
    """A StateStore that is another process. All that these raise is ComponentError."""

    async def get_one(self, key: str, consistency: str, metadata: Mapping[str, str]) -> Found | None:
        """What is there for `key`; None for nothing."""
        ...

    async def get_many(
        self, keys: Sequence[str], metadata: Mapping[str, str]
    ) -> Sequence[tuple[str, Found | None]]:
        """What the store tells of them, in its order."""
        ...

    async def set_many(self, operations: Sequence[Set]) -> None: ...

    async def delete_many(self, operations: Sequence[Delete]) -> None: ...

    async def query(self, query: StateQuery, metadata: Mapping[str, str]) -> Queried: ...

    async def most_operations(self) -> int:
        """How many a transaction may have; 0 and less for any number."""
        ...

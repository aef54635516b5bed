"""A sidecar over Dapr's HTTP API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pydantic_core import from_json, to_json

from outboard.clock import Clock
from outboard.errors import SidecarError, StateFailed
from outboard.kit.client import api
from outboard.kit.client.answers import publish_error, state_error
from outboard.kit.client.bulk import BulkPublisher
from outboard.kit.client.http_metadata import asking_components
from outboard.kit.client.loaded import name_loaded
from outboard.kit.client.port import (
    BatchAnswer,
    Publication,
    StateDelete,
    StateItem,
    StateRead,
    StateSave,
    guarded_keys,
    named_keys,
)
from outboard.kit.client.retrying import RequestRetries
from outboard.kit.client.settings import Settings
from outboard.wire.http import Exchange, Request, Response

__all__ = ["HttpSidecar"]

Attempt: TypeAlias = Callable[[Sequence[Publication], float], Awaitable[BatchAnswer]]


@dataclass(frozen=True, slots=True)
class HttpSidecar:
    """Builds requests, sends them, and turns what comes back into values and errors.

    `attempt` is that of `PublishOperations`, and a `BulkPublisher`'s.
    """

    retries: RequestRetries
    settings: Settings
    attempt: Attempt

    @classmethod
    def through(
        cls, exchange: Exchange, settings: Settings, clock: Clock, random: Callable[[], float]
    ) -> HttpSidecar:
        """The sidecar at the other end of `exchange`."""
        retries = RequestRetries(exchange, settings.endpoint, clock, random)
        return cls(retries, settings, BulkPublisher(exchange, settings, clock).attempt)

    async def publish(self, publication: Publication, timeout: float) -> None:
        pubsub, topic = publication.pubsub, publication.topic
        deadline = self.retries.clock.monotonic() + timeout
        # Safe to repeat: the event's id is in the body, so that a second copy is known for one.
        response = await self._send(
            api.publish(publication), f"publishing to topic '{topic}' of '{pubsub}'", timeout, True
        )
        if error := publish_error(response, pubsub, topic, self.settings.endpoint):
            raise await self._named(error, deadline)

    async def get_state(self, store: str, key: str, read: StateRead, timeout: float) -> StateItem:
        operation = f"read key '{key}'"
        request = api.get(store, key, read)
        response = await self._exchange(request, store, operation, (), timeout, reads=True)
        if response.status == 204:
            return StateItem(key)
        return StateItem(key, response.body, response.headers.get("etag"))

    async def get_states(
        self, store: str, keys: Sequence[str], read: StateRead, timeout: float
    ) -> Sequence[StateItem]:
        operation = f"read {len(keys)} keys"
        request = api.get_many(store, keys, read)
        response = await self._exchange(request, store, operation, (), timeout, reads=True)
        found = {item.key: item for item in _read_items(response, store, operation)}
        return [found.get(key, StateItem(key)) for key in keys]

    async def save_states(self, store: str, saves: Sequence[StateSave], timeout: float) -> None:
        operation = f"save {named_keys(saves)}"
        await self._exchange(api.save(store, saves), store, operation, guarded_keys(saves), timeout)

    async def delete_state(self, store: str, delete: StateDelete, timeout: float) -> None:
        operation = f"delete {named_keys([delete])}"
        await self._exchange(api.delete(store, delete), store, operation, guarded_keys([delete]), timeout)

    async def transact(
        self, store: str, operations: Sequence[StateSave | StateDelete], timeout: float
    ) -> None:
        operation = f"run a transaction on {named_keys(operations)}"
        await self._exchange(
            api.transact(store, operations), store, operation, guarded_keys(operations), timeout
        )

    async def _send(self, request: Request, operation: str, timeout: float, repeatable: bool) -> Response:
        request = api.authorized(request, self.settings.api_token)
        return await self.retries.send(request, operation, timeout, repeatable=repeatable)

    async def _exchange(
        self,
        request: Request,
        store: str,
        operation: str,
        guarded: Sequence[str],
        timeout: float,
        *,
        reads: bool = False,
    ) -> Response:
        """The answer of a state store. What is guarded is not repeated. Raises what it refuses with."""
        deadline = self.retries.clock.monotonic() + timeout
        response = await self._send(request, operation, timeout, not guarded)
        if error := state_error(response, store, operation, guarded, self.settings.endpoint, reads=reads):
            raise await self._named(error, deadline)
        return response

    async def _named(self, error: SidecarError, deadline: float) -> SidecarError:
        """`error`, with the components that there are where one was not found."""
        left = deadline - self.retries.clock.monotonic()
        return await name_loaded(error, asking_components(self.retries.exchange, self.settings), left)


def _read_items(response: Response, store: str, operation: str) -> list[StateItem]:
    try:
        entries = from_json(response.body)
    except ValueError:
        entries = None  # daprd answers 200 with an empty body where a stored value is not JSON
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and "key" in entry for entry in entries
    ):
        reason = "the answer is not a list of items; one of the values may not be JSON"
        raise StateFailed(store, operation, response.status, "without a code", reason)
    return [_read_item(entry, store) for entry in entries]


def _read_item(entry: dict[str, object], store: str) -> StateItem:
    key = str(entry["key"])
    if entry.get("error"):
        raise StateFailed(store, f"read key '{key}'", 200, "for this key", str(entry["error"]))
    etag = entry.get("etag")
    if "data" not in entry or (entry["data"] is None and not etag):
        return StateItem(key)
    return StateItem(key, to_json(entry["data"]), str(etag) if etag else None)

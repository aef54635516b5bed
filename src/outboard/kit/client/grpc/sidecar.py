"""A sidecar over Dapr's gRPC API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import grpc.aio
from dapr.proto.runtime.v1 import metadata_pb2, state_pb2
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from outboard.clock import Clock
from outboard.errors import SidecarError
from outboard.kit.client.grpc import state
from outboard.kit.client.grpc.calls import Calls
from outboard.kit.client.grpc.channel import opened
from outboard.kit.client.grpc.failures import CallFailed, publish_error, state_error
from outboard.kit.client.grpc.publishing import GrpcPublisher
from outboard.kit.client.loaded import Component, name_loaded
from outboard.kit.client.port import (
    BatchAnswer,
    Publication,
    SidecarApi,
    StateDelete,
    StateItem,
    StateRead,
    StateSave,
    guarded_keys,
    named_keys,
)
from outboard.kit.client.retrying import Retries
from outboard.kit.client.settings import Settings
from outboard.wire.http import ExchangeFailed

__all__ = ["GrpcSidecar", "connect"]

M = TypeVar("M", bound=Message)


@asynccontextmanager
async def connect(settings: Settings, clock: Clock, random: Callable[[], float]) -> AsyncIterator[SidecarApi]:
    """The sidecar at the gRPC port that `settings` name."""
    async with opened(settings.grpc) as channel:
        yield GrpcSidecar.through(channel, settings, clock, random)


@dataclass(frozen=True, slots=True)
class GrpcSidecar:
    """Makes messages of values, calls, and turns what comes back into values and errors."""

    calls: Calls
    retries: Retries
    publisher: GrpcPublisher

    @classmethod
    def through(
        cls, channel: grpc.aio.Channel, settings: Settings, clock: Clock, random: Callable[[], float]
    ) -> GrpcSidecar:
        """The sidecar at the other end of `channel`."""
        calls = Calls(channel, settings)
        publisher = GrpcPublisher(calls, clock, partial(_components, calls))
        return cls(calls, Retries(settings.address, clock, random), publisher)

    async def publish(self, publication: Publication, timeout: float) -> None:
        pubsub, topic = publication.pubsub, publication.topic
        deadline = self.retries.clock.monotonic() + timeout
        operation = f"publishing to topic '{topic}' of '{pubsub}'"
        send = partial(self.publisher.publish, publication)
        try:
            # Safe to repeat: the event's id is in the body, so that a second copy is known for one.
            await self.retries.run(send, operation, timeout, repeatable=True)
        except CallFailed as failed:
            error = publish_error(failed, pubsub, topic, self.calls.settings.address)
            raise await self._named(error, deadline) from failed

    async def attempt(self, publications: Sequence[Publication], timeout: float) -> BatchAnswer:
        return await self.publisher.attempt(publications, timeout)

    async def get_state(self, store: str, key: str, read: StateRead, timeout: float) -> StateItem:
        request, operation = state.get(store, key, read), f"read key '{key}'"
        answer = await self._ask(
            "GetState", request, state_pb2.GetStateResponse, store, operation, (), timeout
        )
        return state.read_item(key, answer)

    async def get_states(
        self, store: str, keys: Sequence[str], read: StateRead, timeout: float
    ) -> Sequence[StateItem]:
        request, operation = state.get_many(store, keys, read), f"read {len(keys)} keys"
        answer = await self._ask(
            "GetBulkState", request, state_pb2.GetBulkStateResponse, store, operation, (), timeout
        )
        found = {item.key: item for item in state.read_items(store, answer)}
        return [found.get(key, StateItem(key)) for key in keys]

    async def save_states(self, store: str, saves: Sequence[StateSave], timeout: float) -> None:
        operation = f"save {named_keys(saves)}"
        await self._ask(
            "SaveState", state.save(store, saves), Empty, store, operation, guarded_keys(saves), timeout
        )

    async def delete_state(self, store: str, delete: StateDelete, timeout: float) -> None:
        operation, guarded = f"delete {named_keys([delete])}", guarded_keys([delete])
        await self._ask("DeleteState", state.delete(store, delete), Empty, store, operation, guarded, timeout)

    async def transact(
        self, store: str, operations: Sequence[StateSave | StateDelete], timeout: float
    ) -> None:
        operation, guarded = f"run a transaction on {named_keys(operations)}", guarded_keys(operations)
        request = state.transact(store, operations)
        await self._ask("ExecuteStateTransaction", request, Empty, store, operation, guarded, timeout)

    async def _ask(
        self,
        name: str,
        request: Message,
        answer: type[M],
        store: str,
        operation: str,
        guarded: Sequence[str],
        timeout: float,
    ) -> M:
        """The answer of a state store. What is guarded is not repeated. Raises what it refuses with."""
        deadline = self.retries.clock.monotonic() + timeout

        async def call(left: float) -> M:
            return await self.calls(name, request, answer, left)

        try:
            return await self.retries.run(call, operation, timeout, repeatable=not guarded)
        except CallFailed as failed:
            error = state_error(failed, store, operation, guarded, self.calls.settings.address)
            raise await self._named(error, deadline) from failed

    async def _named(self, error: SidecarError, deadline: float) -> SidecarError:
        """`error`, with the components that there are where one was not found."""
        left = deadline - self.retries.clock.monotonic()
        return await name_loaded(error, partial(_components, self.calls), left)


async def _components(calls: Calls, timeout: float) -> Sequence[Component] | None:
    request = metadata_pb2.GetMetadataRequest()
    try:
        answer = await calls("GetMetadata", request, metadata_pb2.GetMetadataResponse, timeout)
    except (ExchangeFailed, CallFailed):
        return None
    return [(each.name, each.type) for each in answer.registered_components]

"""The inbox of a board in a state store: a value that each event changes once.

One delivery, and what a crash behind each step leaves to the next one:

    step                                  after a crash there
    the record is read                    nothing has happened
    what it has to publish is published   the same again, with the same ids
    that is taken out of it               nothing has happened
    the handler runs                      nothing has happened
    value, mark and events are saved      the handler does not run again, the events are published
    the events are published, taken out   as above
    the sidecar is answered               the handler does not run again

An attempt that failed is counted in the record, too, by a save of its own.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Generic, TypeAlias, TypeVar

from starlette.requests import HTTPConnection
from starlette.responses import Response

from outboard.errors import (
    Drop,
    EtagMismatch,
    InvalidName,
    OutboardError,
    SidecarUnavailable,
    StateFailed,
    StateWithoutEtags,
)
from outboard.kit.arguments import check_count, wrong
from outboard.kit.inbox.ending import RETURNED_RETRY, TransactionEnd, exhausted, raised, transaction_end
from outboard.kit.inbox.state.entry import InboxEntry
from outboard.kit.inbox.state.locks import KeyLocks
from outboard.kit.inbox.state.outgoing import OutgoingPublisher
from outboard.kit.inbox.state.record import (
    StateRecord,
    attempt_mark,
    event_mark,
    has_seen,
    with_failure,
    with_seen,
    without_failure,
)
from outboard.kit.names import Key, check_state_key
from outboard.kit.state.store import State, StateEntry
from outboard.kit.subscriptions.endpoint import Invocation, invocation_of, of_one_event
from outboard.kit.subscriptions.result import APPLIED_BEFORE
from outboard.wire.events import Event
from outboard.wire.replays import replay_id

__all__ = ["DEFAULT_REMEMBER", "EventKey", "StateInbox"]

log: Final = logging.getLogger("outboard.inbox")

T = TypeVar("T")

EventKey: TypeAlias = Callable[[Event[Any]], Key]
"""Gives the key of the record that an event changes."""

DEFAULT_REMEMBER: Final = 200
MAX_RUNS: Final = 5
"""So often a handler runs for one delivery, where others change its record meanwhile."""


class StateInbox(Generic[T]):
    """Lets each event change a value once: `board.state_inbox(Model, key=...)`, `Depends(inbox.entry)`.

    Under the key of an event lies one record: a value of type `Model`, the marks of the last events that each
    handler has applied to it, and the events to be published. It is saved with its ETag.
    """

    def __init__(
        self, records: State[StateRecord[T]], key: EventKey, app_id: str, outgoing: OutgoingPublisher,
        remember: int, max_attempts: int | None = None,
    ) -> None:  # fmt: skip
        if not callable(key):
            wrong("key", "a function from an event to a key", key)
        check_count("remember", remember)
        if max_attempts is not None:
            check_count("max_attempts", max_attempts)
        self._records = records
        self._key = key
        self._app_id = app_id
        self._outgoing = outgoing
        self._remember = remember
        self._max_attempts = max_attempts
        self._locks = KeyLocks()

    @property
    def records(self) -> State[StateRecord[T]]:
        """The records, to be looked at: `records.sync.get(key)`. What is saved by it may undo an event."""
        return self._records

    async def get(self, key: Key, *, timeout: float | None = None) -> T | None:
        """The value, None where nothing lies there. Raises as `State.get`."""
        record = await self._records.get(key, timeout=timeout)
        return None if record is None else record.value

    @of_one_event
    async def entry(self, connection: HTTPConnection) -> AsyncIterator[InboxEntry[T]]:
        """For `entry: Annotated[InboxEntry[Model], Depends(inbox.entry)]` in a handler of single events.

        What the handler leaves in it is saved when it has ended well; a handler does not run for an event
        that was applied before. Where somebody else has saved the record meanwhile, the handler runs again
        with what is there now. Raises Drop for an event without a key, or at the last of its attempts,
        StateWithoutEtags, what `State.entry` and `State.save` raise, and RuntimeError outside of a handler.
        """
        invocation = invocation_of(connection, "the entry of a state inbox")
        invocation.guard("the entry of a state inbox", alone=True)
        event = invocation.given
        assert isinstance(event, Event)
        key = self._key_of(event)
        consumer = self._app_id + str(connection.scope["path"])
        mark = event_mark(event.source, event.id)
        async with self._locks.held(key):
            found = await self._settled(key)
            record = found.value or StateRecord[T]()
            entry = InboxEntry(key, record.value)
            if has_seen(record.seen, consumer, mark):
                invocation.ended = lambda: APPLIED_BEFORE
                yield entry  # to a handler that does not run
                return
            attempted = consumer, attempt_mark(event.source, event.id, replay_id(event.__pydantic_extra__))
            try:
                yield entry
            except Drop:
                raise
            except Exception as error:
                await self._failed(key, attempted, raised(error, str(error)), error)
                raise
            value, events = entry.ended()
            end = _end_of(invocation)
            if end.is_failure:
                await self._failed(key, attempted, RETURNED_RETRY)
            if not end.commits:
                return
            changed = record.model_copy(
                update={
                    "value": value,
                    "seen": with_seen(record.seen, consumer, mark, self._remember),
                    "outgoing": events,
                    "failed": without_failure(record.failed, *attempted),
                }
            )
            if not await self._save(key, changed, found.etag, is_last=invocation.runs >= MAX_RUNS):
                invocation.again = True
            elif events:
                await self._settled(key)

    def _key_of(self, event: Event[object]) -> str:
        """Raises Drop: an event that has no key now will not have one later."""
        try:
            return check_state_key(self._key(event))
        except InvalidName as error:
            store = self._records.store
            raise Drop(f"it has no key for the state inbox in '{store}': {error}") from error

    async def _settled(self, key: str) -> StateEntry[StateRecord[T]]:
        """The record, once nothing of it is left to be published."""
        while True:
            found = await self._records.entry(key)
            if found.value is not None and not found.etag:
                raise StateWithoutEtags(self._records.store, key)
            if found.value is None or not found.value.outgoing:
                return found
            await self._outgoing.publish(found.value.outgoing)
            cleared = found.value.model_copy(update={"outgoing": []})
            try:
                await self._records.save(key, cleared, etag=found.etag)
            except EtagMismatch:
                continue  # others have published and cleared it too, or gone on from there

    async def _save(self, key: str, record: StateRecord[T], etag: str | None, *, is_last: bool) -> bool:
        """Whether it was saved: not where the record was changed meanwhile, which the last one raises."""
        try:
            await self._records.save(key, record, etag=etag, concurrency="first-write")
        except EtagMismatch:
            if is_last:
                raise
            return False
        except StateFailed:
            # `state.redis` says of a key that was not there, and is now, only that it failed.
            if etag is not None or is_last or await self._is_absent(key):
                raise
            return False
        return True

    async def _failed(
        self, key: str, attempted: tuple[str, str], reason: str, error: Exception | None = None
    ) -> None:
        """Count an attempt. Raises Exhausted for the last one: the event is a dead letter then.

        What is away comes back, and says nothing of the event: it counts no attempt.
        """
        if self._max_attempts is None or isinstance(error, SidecarUnavailable):
            return
        try:
            attempts = await self._count_failure(key, attempted)
        except OutboardError as failure:
            log.error("an attempt could not be counted: %s", failure)  # noqa: TRY400
            return
        if attempts >= self._max_attempts:
            raise exhausted(reason, attempts, self._max_attempts, error) from error

    async def _count_failure(self, key: str, attempted: tuple[str, str]) -> int:
        """One attempt more, in the record as it is now; how many there were."""
        runs = 0
        while True:
            runs += 1
            found = await self._records.entry(key)
            record = found.value or StateRecord[T]()
            failed, attempts = with_failure(record.failed, *attempted)
            changed = record.model_copy(update={"failed": failed})
            if await self._save(key, changed, found.etag, is_last=runs >= MAX_RUNS):
                return attempts

    async def _is_absent(self, key: str) -> bool:
        return (await self._records.entry(key)).etag is None


def _end_of(invocation: Invocation) -> TransactionEnd:
    """What follows from what the handler of `invocation`, which has ended, says."""
    result = invocation.result
    status = result.status_code if isinstance(result, Response) else 200
    return transaction_end(status, result, 1, is_batch=False)

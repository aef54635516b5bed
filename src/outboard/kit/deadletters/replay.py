"""Publishes letters again: taken in batches, so that two who replay at once never publish one twice.

A letter is, while it is replayed:

    taken       REPLAYING, for this replay alone
    published   REPLAYED
    refused     WAITING again, with the reason: by a rule here, or by the sidecar
    unknown     REPLAYING still, where nobody was there to hear the answer: WAITING for all after a minute

Where the database does not let it be noted, that is tried again for some seconds. So a letter is published
twice only where whoever replayed it was killed, or interrupted, between the request and the commit, or the
database was away for longer; it has the same id then, by which a consumer knows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pydantic_core import from_json

from outboard.clock import Clock
from outboard.errors import DeadLettersUnavailable, OutboardError, SidecarUnavailable
from outboard.hops.journal import Journal
from outboard.hops.record import FAILED, EventIdentity, HopKind
from outboard.kit.client.port import Publication
from outboard.kit.deadletters.port import ClaimedLetter, LetterFilter, LetterStore, ReplayEnd
from outboard.kit.deadletters.replaying import (
    RefusedLetter,
    ReplayOptions,
    addressee_of,
    publication_of,
    refusal_of,
)
from outboard.wire.identity import new_id

__all__ = ["Progress", "Publishing", "ReplayRun"]

log: Final = logging.getLogger("outboard.deadletters")

BATCH: Final = 200
PAUSES: Final = (0.1, 0.3, 1.0, 3.0)
"""Seconds between the attempts to note what was published: a minute later it would be published again."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many letters were tried, of how many."""


@dataclass(frozen=True, slots=True)
class Publishing:
    """How an event gets to the sidecar, and to the record of hops. `randbytes(n)` gives n random bytes; what
    has to be tried again waits by `clock`.
    """

    publish: Callable[[Publication, float], Awaitable[object]]
    randbytes: Callable[[int], bytes]
    journal: Journal
    clock: Clock


class ReplayRun:
    """One replay of those that are `wanted`. `refused` are those that were not published."""

    def __init__(
        self, store: LetterStore, wanted: LetterFilter, options: ReplayOptions, publishing: Publishing
    ) -> None:
        self._store = store
        self._wanted = wanted
        self._options = options
        self._publishing = publishing
        self._id = new_id(publishing.randbytes)
        self.replayed = 0
        self.refused: list[RefusedLetter] = []
        self.stopped = ""

    async def run(self, limit: int | None, progress: Callable[[int], None]) -> None:
        """Replay them, `limit` at most; `progress` is told how many were tried.

        Raises DeadLettersUnavailable. It stops where the sidecar cannot be reached: the others would fail.
        """
        after, tried = 0, 0
        while not self.stopped:
            size = BATCH if limit is None else min(BATCH, limit - tried)
            if size <= 0:
                return
            batch = await self._store.claim(self._wanted, self._id, size, after)
            if not batch:
                return
            await self._publish_all(batch)
            tried += len(batch)
            after = int(batch[-1].letter.id)
            progress(tried)

    async def _publish_all(self, batch: Sequence[ClaimedLetter]) -> None:
        """In their order: those of one key wait for each other. What is known is noted in any case."""
        tasks = [asyncio.ensure_future(self._publish(claimed)) for claimed in batch]
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            raise
        finally:
            ends = [task.result() for task in tasks if task.done() and not task.cancelled()]
            await asyncio.shield(self._note(ends))
        self.replayed += sum(end.error is None for end in ends)
        self.refused += [RefusedLetter(end.id, end.error) for end in ends if end.error is not None]

    async def _note(self, ends: Sequence[ReplayEnd]) -> None:
        """Raises DeadLettersUnavailable."""
        for pause in PAUSES:
            try:
                return await self._store.finish(self._id, ends)
            except DeadLettersUnavailable as error:
                log.warning("what was replayed is to be noted again in %s s: %s", pause, error)
            await self._publishing.clock.sleep(pause)
        return await self._store.finish(self._id, ends)

    async def _publish(self, claimed: ClaimedLetter) -> ReplayEnd:
        letter = claimed.letter
        if reason := refusal_of(letter, self._options):
            return ReplayEnd(letter.id, reason)
        publication = publication_of(letter, claimed.body, self._id, self._options)
        error = None
        try:
            await self._publishing.publish(publication, self._options.timeout)
        except SidecarUnavailable as unavailable:
            error = self.stopped = str(unavailable)
        except OutboardError as refused:
            error = str(refused)
        self._record(claimed, publication, error)
        return ReplayEnd(letter.id, error)

    def _record(self, claimed: ClaimedLetter, publication: Publication, error: str | None) -> None:
        journal = self._publishing.journal
        if journal.recorder is not None:
            app_id = addressee_of(claimed.letter, self._options)
            for_whom = f"for '{app_id}' alone" if app_id else "for everybody"
            identity = EventIdentity.of(from_json(claimed.body), claimed.letter.key)
            journal(HopKind.REPLAYED, publication.pubsub, publication.topic, identity,
                    outcome=FAILED if error else "", detail=error or for_whom)  # fmt: skip

"""Subscribes an app to its dead letter topics, and keeps what comes."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any, Final

from outboard.clock import Clock
from outboard.errors import DeadLettersUnavailable
from outboard.kit.deadletters.grouping import group_id
from outboard.kit.deadletters.port import LetterStore
from outboard.kit.deadletters.reading import LetterCodec, ModelOf, letter_in, new_letter
from outboard.kit.subscriptions.declaration import (
    DeadLetterPolicy,
    Declaration,
    HoldPolicy,
    SubscriptionOptions,
)
from outboard.wire.events import Event, EventCodec

__all__ = ["Collector", "Retention", "path_of"]

log: Final = logging.getLogger("outboard.deadletters")

PATH: Final = "/dapr/outboard/dead-letters/"
EXPIRY_SECONDS: Final = 60.0
UNSAFE: Final = re.compile(r"[^A-Za-z0-9._/-]")


class Retention:
    """Deletes what is old: letters `keep` after they were settled, and those that wait after `expire`.

    With None they wait for ever.
    """

    def __init__(self, store: LetterStore, clock: Clock, keep: timedelta, expire: timedelta | None) -> None:
        self._store = store
        self._clock = clock
        self._keep = keep
        self._expire = expire
        self._due_at = float("-inf")

    async def now_and_then(self) -> None:
        """Do so if it is time for it, and little at once. Raises nothing: a letter is kept meanwhile."""
        if self._clock.monotonic() < self._due_at:
            return
        self._due_at = self._clock.monotonic() + EXPIRY_SECONDS
        try:
            if await self.delete():
                self._due_at = float("-inf")
        except DeadLettersUnavailable as error:
            log.warning("old letters could not be deleted: %s", error)

    async def delete(self) -> int:
        """Delete some of them; how many. Raises DeadLettersUnavailable."""
        return await self._store.expire(self._keep, self._expire)


class Collector:
    """Declares a handler for each dead letter topic that it is told of; `place` is where it was asked for."""

    def __init__(
        self,
        store: LetterStore,
        retention: Retention,
        model_of: ModelOf,
        declare: Callable[[Declaration], None],
        place: str,
    ) -> None:
        self._store = store
        self._retention = retention
        self._model_of = model_of
        self._declare = declare
        self._place = place
        self._topics: set[tuple[str, str]] = set()
        self._handled: dict[tuple[str, str], EventCodec[Any]] = {}

    def collect(self, pubsub: str, topics: Iterable[str]) -> None:
        """Collect what lies on these dead letter topics."""
        for topic in topics:
            if (pubsub, topic) not in self._topics:
                self._topics.add((pubsub, topic))
                self._declare(self._declaration(pubsub, topic))

    def collect_of(self, declaration: Declaration) -> None:
        """Collect what a handler, which is declared now or was before, gives up."""
        self._handled.setdefault((declaration.pubsub, declaration.topic), declaration.codec)
        if isinstance(declaration.poison, DeadLetterPolicy):
            self.collect(declaration.pubsub, [declaration.poison.topic])

    def _codec(self, pubsub: str, topic: str) -> EventCodec[Any] | None:
        """Of a topic with a model, or with a handler: what has no model has nothing that is sensitive."""
        return self._model_of(pubsub, topic) or self._handled.get((pubsub, topic))

    def _declaration(self, pubsub: str, topic: str) -> Declaration:
        return Declaration(
            pubsub=pubsub,
            topic=topic,
            handler=self._handler(pubsub, topic),
            codec=LetterCodec(),
            options=SubscriptionOptions(path=path_of(pubsub, topic)),
            poison=HoldPolicy(),
            place=self._place,
        )

    def _handler(self, pubsub: str, topic: str) -> Callable[[Event[object]], Awaitable[None]]:
        async def collect(event: Event[object]) -> None:
            letter = new_letter(letter_in(event), pubsub, topic, self._codec)
            if await self._store.add([letter]):
                log.info(
                    "event %r of topic '%s' is a dead letter of %s: %s",
                    letter.event_id, letter.topic or "?", letter.app_id or "an unknown app", letter.reason,
                )  # fmt: skip
            await self._retention.now_and_then()

        return collect


def path_of(pubsub: str, topic: str) -> str:
    """The path of the handler of a dead letter topic: its name, where that can be a path."""
    name = f"{pubsub}/{topic}"
    clean = UNSAFE.sub("-", name).strip("/")
    known = clean == name and "//" not in clean
    return PATH + (clean if known else f"{clean.replace('//', '/')}-{group_id(pubsub, topic)}")

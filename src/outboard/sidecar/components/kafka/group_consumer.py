"""A component's one membership in its consumer group: the topics of all its subscriptions together.

It begins with the first subscription and ends with the last. Where one comes or goes in between, the group
shares its partitions out anew, as with daprd.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from outboard.sidecar.components.kafka.client import Consumer, KafkaFailure
from outboard.sidecar.components.kafka.partition_consumer import Subscription
from outboard.sidecar.components.kafka.redelivery import Handing
from outboard.sidecar.components.kafka.session import Session
from outboard.sidecar.components.kafka.topics import Member, Topics

__all__ = ["Membership"]

logger = logging.getLogger(__name__)

READY_LIMIT: Final = 10.0
"""Seconds that a subscription waits for the group; then the app goes on, and its messages come later."""

LEAST_PAUSE: Final = 1.0


class Membership:
    """`make` makes the consumer of a session."""

    def __init__(self, make: Callable[[], Consumer], handing: Handing) -> None:
        self._make = make
        self._handing = handing
        self._topics = Topics()
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None

    async def consume(self, subscription: Subscription, subscribed: Callable[[], None]) -> None:
        """Until cancelled; `subscribed` is called once messages from now on will arrive."""
        member = Member(subscription, asyncio.get_running_loop().create_future())
        self._enter(member)
        try:
            await self._made(member)
            subscribed()
            await member.failed
        finally:
            await self._leave(member)

    async def close(self) -> None:
        await self._end_session()

    def _enter(self, member: Member) -> None:
        self._topics.add(member)
        if self._task is None:
            self._task = asyncio.create_task(self._sessions())
        elif self._session is not None:
            self._session.topics_changed()

    async def _leave(self, member: Member) -> None:
        self._topics.remove(member)
        if not self._topics.names:
            await self._end_session()
        elif self._session is not None:
            self._session.topics_changed()
            await self._session.drop(member.subscription)

    async def _end_session(self) -> None:
        task, self._task, self._session = self._task, None, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _made(self, member: Member) -> None:
        try:
            async with asyncio.timeout(READY_LIMIT):
                await member.ready.wait()
        except TimeoutError:
            text = "topic '%s': consumer group '%s' has given no partitions within %g s; still waiting"
            logger.warning(text, member.subscription.topic, self._handing.settings.group, READY_LIMIT)

    async def _sessions(self) -> None:
        """A new one after each that failed."""
        settings, clock = self._handing.settings, self._handing.clock
        while True:
            try:
                self._session = Session(self._make(), self._topics, self._handing)
                await self._session.run()
            except KafkaFailure as error:
                topics = " ".join(self._topics.names)
                logger.error("Error consuming [%s]. Retrying...: %s", topics, error)  # noqa: TRY400
            except Exception as error:  # a defect: whoever consumes is told, and ends with it
                self._topics.fail_all(error)
                return
            await clock.sleep(max(settings.session_pause, LEAST_PAUSE))

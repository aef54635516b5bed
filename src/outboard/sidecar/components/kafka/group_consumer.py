"""A component's one consumer, a member of its group: the topics of all its subscriptions together.

It begins with the first handler and ends with the last. Where one comes or goes in between, the group
shares its partitions out anew, as with daprd.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from outboard.sidecar.components.kafka.client import ConsumerClient, KafkaFailure
from outboard.sidecar.components.kafka.redelivery import RetryContext
from outboard.sidecar.components.kafka.session import Session
from outboard.sidecar.components.kafka.topics import TopicHandler, Topics, TopicSubscription

__all__ = ["GroupConsumer"]

logger = logging.getLogger(__name__)

READY_LIMIT: Final = 10.0
"""Seconds that a subscription waits for the group; then the app goes on, and its messages come later."""

LEAST_PAUSE: Final = 1.0


class GroupConsumer:
    """`make` makes the consumer of a session."""

    def __init__(self, make: Callable[[], ConsumerClient], retry_context: RetryContext) -> None:
        self._make = make
        self._retry_context = retry_context
        self._topics = Topics()
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None

    async def consume(self, handler: TopicHandler, subscribed: Callable[[], None]) -> None:
        """Until cancelled; `subscribed` is called once messages from now on will arrive."""
        subscription = TopicSubscription(handler, asyncio.get_running_loop().create_future())
        self._enter(subscription)
        try:
            await self._made(subscription)
            if not subscription.failed.done():
                subscribed()
            await subscription.failed
        finally:
            await self._leave(subscription)

    async def close(self) -> None:
        await self._end_session()

    def _enter(self, subscription: TopicSubscription) -> None:
        self._topics.add(subscription)
        if self._task is None:
            self._task = asyncio.create_task(self._sessions())
        elif self._session is not None:
            self._session.topics_changed()

    async def _leave(self, subscription: TopicSubscription) -> None:
        self._topics.remove(subscription)
        if not self._topics.names:
            await self._end_session()
        elif self._session is not None:
            self._session.topics_changed()
            await self._session.drop(subscription.handler)

    async def _end_session(self) -> None:
        task, self._task, self._session = self._task, None, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _made(self, subscription: TopicSubscription) -> None:
        try:
            async with asyncio.timeout(READY_LIMIT):
                await subscription.ready.wait()
        except TimeoutError:
            text = "topic '%s': consumer group '%s' has given no partitions within %g s; still waiting"
            logger.warning(text, subscription.handler.topic, self._retry_context.settings.group, READY_LIMIT)

    async def _sessions(self) -> None:
        """A new one after each that failed."""
        settings, clock = self._retry_context.settings, self._retry_context.clock
        while True:
            try:
                self._session = Session(self._make(), self._topics, self._retry_context)
                await self._session.run()
            except KafkaFailure as error:
                topics = " ".join(self._topics.names)
                logger.error("Error consuming [%s]. Retrying...: %s", topics, error)  # noqa: TRY400
            except Exception as error:  # a defect: whoever consumes is told, and ends with it
                self._topics.fail_all(error)
                return
            await clock.sleep(max(settings.session_pause, LEAST_PAUSE))

"""`pubsub.kafka`: topics of Apache Kafka, or of what speaks its protocol, as Azure Event Hubs.

Message keys, partitions, headers, consumer groups and offsets are as daprd's, so that both can work on the
same topics and in the same group. What differs is better safe: an offset is committed within a tenth of a
second, the messages of a batch that were acknowledged are not handed over again with those that were not,
and a group that reads a topic for the first time commits where it began.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from outboard.clock import Clock
from outboard.errors import ComponentInitFailed
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.kafka.client import KafkaFailure, ProducerClient
from outboard.sidecar.components.kafka.connection import CertificateUnusable, tls_context
from outboard.sidecar.components.kafka.group_consumer import GroupConsumer
from outboard.sidecar.components.kafka.library_log import LibraryLog
from outboard.sidecar.components.kafka.publisher import KafkaPublisher
from outboard.sidecar.components.kafka.records import check_topic, refuse_schema
from outboard.sidecar.components.kafka.redelivery import RetryContext
from outboard.sidecar.components.kafka.refusals import what_to_look_at
from outboard.sidecar.components.kafka.settings import KafkaSettings
from outboard.sidecar.components.kafka.settings_reader import METADATA, read_settings
from outboard.sidecar.components.kafka.topics import TopicHandler
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import (
    BulkBounds,
    BulkHandler,
    ComponentError,
    Message,
    MessageHandler,
    PubSubTraits,
)

if TYPE_CHECKING:
    from outboard.sidecar.components.kafka.library import LibraryConsumer, LibraryProducer

__all__ = ["METADATA", "KafkaPubSub", "check", "create"]

logger = logging.getLogger(__name__)

ATTEMPTS: Final = 4
PAUSE: Final = 0.25  # seconds; daprd's client tries as often, as far apart


class KafkaPubSub:
    """One producer, and one consumer, which is one member of the consumer group."""

    traits = PubSubTraits(
        features=frozenset({"BULK_PUBSUB"}),
        redelivers=True,
        orders_bulk=True,
        request_metadata_first=True,
        bulk_bounds=BulkBounds(80, 10.0),
    )

    def __init__(
        self,
        publisher: KafkaPublisher,
        consumer: GroupConsumer,
        log: LibraryLog,
        delete_group: Callable[[], Awaitable[None]],
    ) -> None:
        self._publisher = publisher
        self._consumer = consumer
        self._log = log
        self._delete_group = delete_group

    async def publish(self, topic: str, message: Message) -> None:
        """Return once all replicas that are in sync have it. Raises ComponentError."""
        await self._publisher.publish(topic, message)

    async def publish_many(self, topic: str, messages: Sequence[Message]) -> Mapping[int, ComponentError]:
        """In order for each partition; after a failure nothing more of the same key is published."""
        return await self._publisher.publish_many(topic, messages)

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        """Run until cancelled: partitions at once, the messages of each one after the other."""
        await self._consume(TopicHandler(topic, single=handle), metadata, subscribed)

    async def consume_bulk(
        self,
        topic: str,
        metadata: Mapping[str, str],
        bounds: BulkBounds,
        handle: BulkHandler,
        subscribed: Callable[[], None],
    ) -> None:
        """Run until cancelled: partitions at once, of each one batch at a time."""
        await self._consume(TopicHandler(topic, bulk=handle, bounds=bounds), metadata, subscribed)

    async def remove_group(self, topic: str) -> None:
        """As `GroupRemoval`; the group is that of all topics."""
        await self._consumer.close()
        with self._log.listening():
            await self._delete_group()

    async def close(self) -> None:
        await self._consumer.close()
        await self._publisher.close()
        self._log.detach()

    async def _consume(
        self, handler: TopicHandler, metadata: Mapping[str, str], subscribed: Callable[[], None]
    ) -> None:
        check_topic(handler.topic)
        refuse_schema(metadata)
        with self._log.listening():
            await self._consumer.consume(handler, subscribed)


def check(properties: Properties, context: ComponentContext) -> None:
    """Raises ComponentInitFailed for a wrong setting, and where the client library is missing."""
    settings = read_settings(properties, context.app_id)
    _library(properties, settings)
    try:
        tls_context(settings.security)
    except CertificateUnusable as error:
        raise _unusable(properties, error) from error


async def create(properties: Properties, context: ComponentContext) -> KafkaPubSub:
    """Raises ComponentInitFailed for a wrong setting, ComponentError where no broker lets it in."""
    settings = read_settings(properties, context.app_id)
    make_producer, make_consumer, delete_group = _library(properties, settings)
    log = LibraryLog(properties.component.name, context.clock.monotonic)
    log.attach()
    try:
        with log.listening():
            producer = await _connected(make_producer, settings, context.clock, log)
    except CertificateUnusable as error:
        log.detach()
        raise _unusable(properties, error) from error
    except BaseException:
        log.detach()
        raise
    retry_context = RetryContext(settings, context.clock, context.random)
    return KafkaPubSub(
        KafkaPublisher(producer, settings, context.random),
        GroupConsumer(make_consumer, retry_context),
        log,
        delete_group,
    )


def _unusable(properties: Properties, error: CertificateUnusable) -> ComponentInitFailed:
    advice = "Give the PEM text of a certificate, and the key that belongs to it, without a password."
    return properties.failure(str(error), advice, *error.items)


def _library(
    properties: Properties, settings: KafkaSettings
) -> tuple[Callable[[], LibraryProducer], Callable[[], LibraryConsumer], Callable[[], Awaitable[None]]]:
    try:
        from outboard.sidecar.components.kafka import library
    except ImportError as error:
        advice = "Install it: pip install 'outboard[kafka]'"
        raise properties.failure(
            f"pubsub.kafka needs a library that is not there: {error}", advice
        ) from error
    return (
        lambda: library.LibraryProducer(settings),
        lambda: library.LibraryConsumer(settings),
        lambda: library.delete_group(settings),
    )


async def _connected(
    make: Callable[[], ProducerClient], settings: KafkaSettings, clock: Clock, log: LibraryLog
) -> ProducerClient:
    """Like daprd it gives up after a second or so: the sidecar then ends, unless `ignoreErrors` is set."""
    where, failure = ", ".join(settings.brokers), ""
    for attempt in range(1, ATTEMPTS + 1):
        logger.info("connecting to Kafka at %s (attempt %d of %d)", where, attempt, ATTEMPTS)
        producer = make()
        try:
            await producer.start()
        except KafkaFailure as error:
            failure = log.last or str(error)
        else:
            return producer
        if attempt < ATTEMPTS:
            await clock.sleep(PAUSE)
    advice = what_to_look_at(settings.security, failure)
    text = f"kafka: client has run out of available brokers to talk to: {failure.rstrip(': ')}"
    raise KafkaFailure(f"{text}. {advice}" if advice else text)

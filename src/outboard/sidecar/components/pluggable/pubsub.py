"""`pubsub.NAME` of a pluggable component.

As daprd: each subscription is a stream on which messages come one by one, each acknowledged before the next
is handled; what was not handled is told so, with the error, and what follows is the component's own way.
Unlike daprd a stream that ends is opened again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from outboard.clock import Clock
from outboard.sidecar.components.pluggable.connection import PluggedProcess, Pull
from outboard.sidecar.components.pluggable.messages import rpc
from outboard.sidecar.components.pluggable.services import PUBSUB
from outboard.sidecar.components.port import (
    ComponentError,
    Interrupted,
    Message,
    MessageHandler,
    NotAcknowledged,
    PubSubTraits,
)

__all__ = ["BulkPluggablePubSub", "PluggablePubSub", "open_pubsub"]

logger = logging.getLogger(__name__)

INIT: Final = rpc(PUBSUB, "Init", "PubSubInitRequest", "PubSubInitResponse")
FEATURES: Final = rpc(PUBSUB, "Features")
PUBLISH: Final = rpc(PUBSUB, "Publish")
BULK_PUBLISH: Final = rpc(PUBSUB, "BulkPublish")
PULL: Final = rpc(PUBSUB, "PullMessages")
PAUSE: Final = rpc(PUBSUB, "Pause")
BULK: Final = "BULK_PUBSUB"
AT_ONCE: Final = "BULK_SUBSCRIBE_IMMEDIATE"
UNIMPLEMENTED: Final = 12
LOOK_AGAIN: Final = 0.02
QUIET_LOOKS: Final = 5
"""A component that pauses is taken to have handed over all after so many looks without an event."""
ONE_BY_ONE: Final = (
    "a pluggable component hands over one event when the one before it is done, as with daprd. "
    "Ask for no bulk"
)


async def open_pubsub(
    process: PluggedProcess, properties: Mapping[str, str], clock: Clock
) -> PluggablePubSub:
    """Initialize the component with its metadata. Raises ComponentError."""
    features = await process.begin(INIT, FEATURES, properties)
    kind = BulkPluggablePubSub if BULK in features else PluggablePubSub
    return kind(process, features, clock)


class PluggablePubSub:
    """A PubSub, and Pausing, whose process is another one."""

    def __init__(self, process: PluggedProcess, features: frozenset[str], clock: Clock) -> None:
        self._process = process
        self._clock = clock
        self._handled = 0
        self.traits = PubSubTraits(
            features,
            redelivers=True,
            unique_entry_ids=True,
            serial=ONE_BY_ONE,
            gathers_at_once=AT_ONCE in features,
        )

    async def publish(self, topic: str, message: Message) -> None:
        """Raises ComponentError."""
        await self._process.call(
            PUBLISH,
            topic=topic,
            pubsub_name=self._process.name,
            data=message.data,
            metadata=dict(message.metadata),
        )

    async def consume(
        self, topic: str, metadata: Mapping[str, str], handle: MessageHandler, subscribed: Callable[[], None]
    ) -> None:
        """Run until cancelled, or until the component ends the stream. Raises ComponentError."""
        pull = self._process.open(PULL)
        try:
            await pull.write(topic={"name": topic, "metadata": dict(metadata)})
            subscribed()
            while (pulled := await pull.read()) is not None:
                self._handled += 1
                try:
                    await _settle(pull, pulled, handle)
                finally:
                    self._handled -= 1
        finally:
            await pull.leave()

    async def pause(self) -> None:
        """Return once what the component has handed over is handled. Raises ComponentError."""
        try:
            await self._process.call(PAUSE)
        except ComponentError as error:
            if error.code == UNIMPLEMENTED:
                return
            raise
        quiet = 0
        while quiet < QUIET_LOOKS:
            await self._clock.sleep(LOOK_AGAIN)
            quiet = 0 if self._handled else quiet + 1

    async def close(self) -> None:
        await self._process.close()


class BulkPluggablePubSub(PluggablePubSub):
    """One that takes many messages in one step."""

    async def publish_many(self, topic: str, messages: Sequence[Message]) -> Mapping[int, ComponentError]:
        """The errors, by position."""
        entries = [
            {"entry_id": str(number), "event": each.data, "content_type": each.content_type or "",
             "metadata": dict(each.metadata)}
            for number, each in enumerate(messages)
        ]  # fmt: skip
        name = self._process.name
        try:
            answer: Any = await self._process.call(
                BULK_PUBLISH, topic=topic, pubsub_name=name, entries=entries
            )
        except ComponentError as error:
            return dict.fromkeys(range(len(messages)), error)
        failed = {each.entry_id: each.error for each in answer.failed_entries}
        return {
            number: ComponentError(failed[str(number)])
            for number in range(len(messages))
            if str(number) in failed
        }


async def _settle(pull: Pull, pulled: Any, handle: MessageHandler) -> None:
    """Handle one message, and say what became of it; nothing is said of one whose handler was cancelled."""
    message = Message(pulled.data, dict(pulled.metadata), pulled.content_type or None)
    refused: dict[str, object] = {}
    try:
        await handle(message)
    except Interrupted:
        return
    except NotAcknowledged as error:
        logger.error("error when handling message on topic %s", pulled.topic_name)  # noqa: TRY400
        refused = {"ack_error": {"message": str(error)}}
    await pull.acknowledge(ack_message_id=pulled.id, **refused)

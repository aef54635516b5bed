"""The names of OpenTelemetry's semantic conventions for messaging, version 1.44, and the kit's own. Pure.

They stand here, and not in an import of `opentelemetry-semantic-conventions`: those for messaging are still
among its private modules.

Source: OpenTelemetry, "Semantic conventions for messaging spans", and "... for messaging client metrics".
"""

from __future__ import annotations

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
SYSTEM: Final = "dapr"
"""The system that the kit speaks to: it does not know which broker is behind the sidecar."""

MESSAGING_SYSTEM: Final = "messaging.system"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
DESTINATION_NAME: Final = "messaging.destination.name"
PARTITION_ID: Final = "messaging.destination.partition.id"
CONSUMER_GROUP: Final = "messaging.consumer.group.name"
MESSAGE_COUNT: Final = "messaging.batch.message_count"
MESSAGE_ID: Final = "messaging.message.id"
CONVERSATION_ID: Final = "messaging.message.conversation_id"
ENVELOPE_SIZE: Final = "messaging.message.envelope.size"
KAFKA_OFFSET: Final = "messaging.kafka.offset"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

PUBSUB_NAME: Final = "dapr.pubsub.name"
"""Ours: the pub/sub component, within which the name of a topic says which one it is."""
HANDLER: Final = "outboard.handler"
OUTCOME: Final = "outboard.outcome"

SENT_MESSAGES: Final = "messaging.client.sent.messages"
OPERATION_DURATION: Final = "messaging.client.operation.duration"
CONSUMED_MESSAGES: Final = "messaging.client.consumed.messages"
PROCESS_DURATION: Final = "messaging.process.duration"
OUTCOMES: Final = "outboard.handler.outcomes"
ATTEMPTS: Final = "outboard.handler.attempts"
OUTBOX_WAITING: Final = "outboard.outbox.waiting"
OUTBOX_PARKED: Final = "outboard.outbox.parked"
OUTBOX_DELAYED: Final = "outboard.outbox.delayed"
OUTBOX_EXPIRED: Final = "outboard.outbox.expired"
OUTBOX_OLDEST: Final = "outboard.outbox.oldest.age"

DURATION_BOUNDARIES: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
"""Seconds, as the conventions ask of both durations."""
ATTEMPT_BOUNDARIES: Final = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)

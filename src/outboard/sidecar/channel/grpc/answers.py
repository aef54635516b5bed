"""What the answer of an app over gRPC means: to an event, to a batch, and about its subscriptions. Pure.

Source: Dapr, `dapr/proto/runtime/v1/appcallback.proto`; daprd 1.18 for what each status does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from dapr.proto.runtime.v1.appcallback_pb2 import (
    ListTopicSubscriptionsResponse,
    TopicEventBulkResponse,
    TopicEventResponse,
    TopicSubscription,
)
from google.protobuf.message import DecodeError
from grpc import StatusCode

from outboard.sidecar.channel.answers import Answer
from outboard.sidecar.channel.grpc.methods import code_of, message_of
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.http import Response
from outboard.wire.subscriptions import BulkSubscribe, Rule, Subscription

__all__ = ["answer_of", "read_answer", "read_bulk_answer", "read_subscriptions"]

SUCCESS: Final = Answer(DeliveryStatus.SUCCESS)
STATUSES: Final[Mapping[int, Answer]] = {
    TopicEventResponse.SUCCESS: SUCCESS,
    TopicEventResponse.RETRY: Answer(DeliveryStatus.RETRY, "RETRY status returned from app"),
    TopicEventResponse.DROP: Answer(DeliveryStatus.DROP, "DROP status returned from app"),
}
UNTOLD: Final = Answer(DeliveryStatus.RETRY, "no status returned for this entry")
UNREAD: Final = Answer(DeliveryStatus.RETRY, "the response cannot be decoded", StatusCode.INTERNAL.value[0])


def read_answer(response: Response) -> Answer:
    """The answer to a single event."""
    if not response.ok:
        return _refusal(response)
    try:
        return answer_of(TopicEventResponse.FromString(response.body).status)
    except DecodeError:
        return UNREAD


def read_bulk_answer(response: Response, entry_ids: Collection[str]) -> Mapping[str, Answer]:
    """The answer to each entry of a batch; RETRY for one that is not told about."""
    if not response.ok:
        return dict.fromkeys(entry_ids, _refusal(response))
    try:
        statuses = TopicEventBulkResponse.FromString(response.body).statuses
    except DecodeError:
        return dict.fromkeys(entry_ids, UNREAD)
    told = {each.entry_id: answer_of(each.status) for each in statuses}
    return {entry_id: told.get(entry_id, UNTOLD) for entry_id in entry_ids}


def read_subscriptions(body: bytes) -> list[Subscription]:
    """What the app subscribes to. Raises ValueError where that cannot be decoded."""
    try:
        told = ListTopicSubscriptionsResponse.FromString(body)
    except DecodeError as error:
        raise ValueError(str(error)) from error
    return [_subscription(each) for each in told.subscriptions]


def answer_of(status: int) -> Answer:
    """What a status of an event means."""
    known = STATUSES.get(status)
    return known or Answer(DeliveryStatus.RETRY, f"unknown status returned from app: {status}")


def _refusal(response: Response) -> Answer:
    """An app that does not implement the call drops what it gets, and daprd keeps no copy of that."""
    code = code_of(response)
    number: int = code.value[0]
    if code is StatusCode.UNIMPLEMENTED:
        return Answer(DeliveryStatus.DROP, message_of(response), number, dead_letter=False)
    return Answer(DeliveryStatus.RETRY, message_of(response), number)


def _subscription(told: TopicSubscription) -> Subscription:
    """Without any route it has the empty one, which an app over gRPC is told by its topic."""
    rules = [Rule(rule.path, rule.match) for rule in told.routes.rules]
    if told.routes.default or not rules:
        rules.append(Rule(told.routes.default))
    return Subscription(
        pubsub_name=told.pubsub_name,
        topic=told.topic,
        rules=tuple(rules),
        dead_letter_topic=told.dead_letter_topic,
        metadata=dict(told.metadata),
        bulk=BulkSubscribe(
            enabled=told.bulk_subscribe.enabled,
            max_messages_count=max(told.bulk_subscribe.max_messages_count, 0),
            max_await_duration_ms=max(told.bulk_subscribe.max_await_duration_ms, 0),
        ),
    )

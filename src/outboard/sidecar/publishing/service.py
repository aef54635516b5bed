"""Publishing for the app: one event, and many in one request.

The checks and their order are daprd's. An event goes the short way (`events.fast_path`) where there is
nothing to consider about it, which is nearly always; else the long one, which gives the same bytes.
Source: Dapr, "Pub/sub API reference" and "Publish and subscribe to bulk messages"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from outboard.clock import Clock
from outboard.gojson.rawjson import JsonTextError
from outboard.resources.left_out import LeftOut
from outboard.sidecar.components.port import ComponentError, Message
from outboard.sidecar.events.envelope import CLOUD_EVENT, EventToWrap, is_raw_payload, wrap
from outboard.sidecar.events.fast_path import Frame, read_as_written
from outboard.sidecar.events.received import parse_event
from outboard.sidecar.metrics.meters import Meters
from outboard.sidecar.metrics.timed import timed
from outboard.sidecar.publishing import errors
from outboard.sidecar.publishing.pubsubs import PublishNotAllowed, PubSubPublisher, PubSubUnknown
from outboard.sidecar.publishing.requests import BulkPublished, BulkPublishEntry, EventEntry, PublishRequest
from outboard.sidecar.resiliency.failure import Failure
from outboard.wire import dapr
from outboard.wire.delivery import may_exceed_floats, metadata_problem

__all__ = ["PublishService"]


class PublishService:
    """`new_id` names the events that are made of other data, `left_out` what is not there and why.

    What is published is counted in `meters`, if given. All that it raises is ApiError.
    """

    def __init__(
        self,
        app_id: str,
        publisher: PubSubPublisher,
        clock: Clock,
        new_id: Callable[[], str],
        left_out: Sequence[LeftOut] = (),
        meters: Meters | None = None,
    ) -> None:
        self.app_id = app_id
        self._publisher = publisher
        self._clock = clock
        self._new_id = new_id
        self._left_out = left_out
        self._meters = meters

    def check(self, request: PublishRequest) -> None:
        """Ask this before the data is read: whether there is the component, and a topic."""
        if not request.pubsub:
            raise errors.name_empty(request)
        if request.pubsub not in self._publisher.pubsubs:
            raise errors.not_found(request, self._left_out)
        if not request.topic:
            raise errors.topic_empty(request)

    def check_bulk(self, request: PublishRequest) -> bool:
        """Ask this before the entries are read: whether they are published without an envelope."""
        self.check(request)
        return _is_raw(request)

    async def publish(self, request: PublishRequest, data: bytes, content_type: str) -> bool:
        """Return once the broker has the event: whether the component orders bulk requests."""
        _check_metadata(request, request.metadata)
        message = self._message(request, data, content_type)
        publishing = self._publisher.publish(
            request.pubsub, request.topic, message, over_http=not request.over_grpc
        )
        if self._meters is not None:
            publishing = timed(publishing, partial(self._meters.published, request.pubsub, request.topic))
        try:
            await publishing
        except (PublishNotAllowed, PubSubUnknown, Failure) as error:
            raise errors.not_published(request, error) from error
        return self._publisher.pubsubs[request.pubsub].orders_bulk

    async def publish_bulk(
        self,
        request: PublishRequest,
        events: Sequence[EventEntry] | None,
        entries: Iterable[BulkPublishEntry],
        *,
        raw: bool,
        in_turn: bool = False,
    ) -> BulkPublished:
        """Publish all: what became of it.

        `events` are the entries where all of them are CloudEvents in JSON. Of any others `entries` are read,
        one after the other, so that what is wrong is told in the order of the request: first what is wrong
        with any entry as such, or with `in_turn` all that is wrong with each.
        """
        sendable = None if events is None else self._event_messages(request, events)
        unique = self._unique(request, entries)
        ids, messages = sendable or self._entry_messages(request, unique if in_turn else list(unique), raw)
        try:
            failed = await self._publish_many(request, messages)
        except (PublishNotAllowed, PubSubUnknown) as error:
            raise errors.not_published(request, error) from error
        ordered = self._publisher.pubsubs[request.pubsub].orders_bulk
        return BulkPublished({ids[index]: str(error) for index, error in failed.items()}, ordered)

    async def _publish_many(
        self, request: PublishRequest, messages: Sequence[Message]
    ) -> Mapping[int, ComponentError]:
        publishing = self._publisher.publish_many(
            request.pubsub, request.topic, messages, request.metadata, over_http=not request.over_grpc
        )
        if self._meters is None:
            return await publishing
        tell = partial(self._meters.published_in_bulk, request.pubsub, request.topic)
        return await timed(publishing, tell, lambda failed: not failed)

    def _message(self, request: PublishRequest, data: bytes, content_type: str) -> Message:
        metadata = request.metadata
        if dapr.RAW_PAYLOAD in metadata and _is_raw(request):
            return Message(data, metadata)
        if content_type == CLOUD_EVENT:
            frame, event = self._frame(request), read_as_written(data)
            message = None if event is None or frame is None else frame.message(event, metadata)
            if message is not None:
                return message
        return Message(self._wrap(request, data, content_type, metadata), metadata)

    def _event_messages(
        self, request: PublishRequest, events: Sequence[EventEntry]
    ) -> tuple[list[str], list[Message]] | None:
        """The ids, and what is published for each; None where there is anything to consider about one."""
        frame = self._frame(request)
        if frame is None:
            return None
        messages = []
        for entry in events:
            metadata = _merged(request, entry.metadata)
            message = frame.message(entry.event, metadata)
            if message is None:
                return None
            _check_metadata(request, metadata)
            messages.append(message)
        return [entry.entry_id for entry in events], messages

    def _entry_messages(
        self, request: PublishRequest, entries: Iterable[BulkPublishEntry], raw: bool
    ) -> tuple[list[str], list[Message]]:
        """The ids, and what is published for each."""
        ids, messages = [], []
        for entry in entries:
            data, metadata = entry.data, _merged(request, entry.metadata)
            _check_metadata(request, metadata)
            if not raw:
                data = self._wrap(request, data, entry.content_type, metadata)
            # As daprd: the request's own metadata reaches only entries that have some.
            messages.append(Message(data, metadata or {}))
            ids.append(entry.entry_id)
        return ids, messages

    def _unique(
        self, request: PublishRequest, entries: Iterable[BulkPublishEntry]
    ) -> Iterator[BulkPublishEntry]:
        seen: set[str] = set()
        for entry in entries:
            if not entry.entry_id or entry.entry_id in seen:
                raise errors.entry_ids_not_unique(request, self.app_id)
            seen.add(entry.entry_id)
            yield entry

    def _frame(self, request: PublishRequest) -> Frame | None:
        return Frame.of(request.pubsub, request.topic, request.trace, self._now, self._features(request))

    def _features(self, request: PublishRequest) -> frozenset[str]:
        return self._publisher.pubsubs[request.pubsub].component.traits.features

    def _wrap(
        self, request: PublishRequest, data: bytes, content_type: str, metadata: Mapping[str, str] | None
    ) -> bytes:
        trace = request.trace
        publication = EventToWrap(
            self.app_id,
            request.pubsub,
            request.topic,
            data,
            content_type,
            metadata,
            traceparent="" if trace is None else trace.traceparent,
            tracestate="" if trace is None else trace.tracestate,
            features=self._features(request),
        )
        try:
            event = wrap(publication, self._now(), self._new_id)
        except JsonTextError as error:
            raise errors.envelope_failed(request, self.app_id, error) from error
        if may_exceed_floats(event):
            try:
                parse_event(event)
            except JsonTextError as error:
                raise errors.undeliverable(request, str(error)) from error
        return event

    def _now(self) -> datetime:
        return self._clock.now().astimezone()  # daprd writes the local offset


def _is_raw(request: PublishRequest) -> bool:
    try:
        return is_raw_payload(request.metadata)
    except ValueError as error:
        raise errors.metadata_unreadable(request, error) from error


def _check_metadata(request: PublishRequest, metadata: Mapping[str, str] | None) -> None:
    """daprd takes what cannot be a header, and then fails to deliver it, each time."""
    if metadata and (problem := metadata_problem(metadata)):
        raise errors.undeliverable(request, problem)


def _merged(request: PublishRequest, own: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """The metadata of an entry: its own counts before the request's."""
    return {**request.metadata, **own} if own is not None and request.metadata else own

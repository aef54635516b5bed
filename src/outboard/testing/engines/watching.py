"""What goes between an app and a real sidecar, told as the hops of its events.

The sidecar is a process of its own, so that it tells nothing itself: what the app publishes and what it is
given is seen at the app's own end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote

from outboard.clock import Clock
from outboard.gojson.decoding import first_value
from outboard.gojson.values import Json
from outboard.hops.record import EventIdentity, Hop, HopKind
from outboard.sidecar.channel.answers import Answer, read_answer, read_bulk_answer
from outboard.testing.delivered import Delivered, delivered_in
from outboard.wire.dapr import BULK_PUBLISH_ALPHA_PATH, BULK_PUBLISH_PATH, PUBLISH_PATH
from outboard.wire.http import Exchange, Request, Response

__all__ = ["WatchedEvents"]

BULK: Final = (f"{BULK_PUBLISH_PATH}/", f"{BULK_PUBLISH_ALPHA_PATH}/")
ALONE: Final = f"{PUBLISH_PATH}/"


class _Published(NamedTuple):
    """One event of a request that publishes; `entry` is its id there, empty where it is alone."""

    pubsub: str
    topic: str
    event: Mapping[str, Json]
    entry: str = ""


class WatchedEvents:
    """Gives `record` a hop for each event that apps publish, and for each that they are given."""

    def __init__(self, record: Callable[[Hop], None], clock: Clock) -> None:
        self._record, self._clock = record, clock
        self._attempts: Counter[tuple[str, str, str, str]] = Counter()
        self._stored: set[tuple[str, str, str]] = set()
        self._before_answer: Counter[tuple[str, str, str]] = Counter()

    def to_sidecar(self, app_id: str, exchange: Exchange) -> Exchange:
        """`exchange` with the sidecar of `app_id`, seen from here."""

        async def publish(request: Request, timeout: float | None) -> Response:
            answer = await exchange(request, timeout)
            published = list(_published(request))
            refused = _refused(answer, published)
            for each in published:
                if each.entry not in refused:
                    self._is_stored(app_id, each)
            return answer

        return publish

    def to_app(self, app_id: str, exchange: Exchange) -> Exchange:
        """`exchange` with the app itself."""

        async def deliver(request: Request, timeout: float | None) -> Response:
            delivered = delivered_in(request)
            if delivered is not None:
                self._is_given(app_id, delivered)
            answer = await exchange(request, timeout)
            if delivered is not None:
                self._is_answered(app_id, delivered, answer)
            return answer

        return deliver

    def _is_stored(self, app_id: str, published: _Published) -> None:
        place = published.pubsub, published.topic, str(published.event.get("id", ""))
        if self._before_answer[place]:  # it was delivered before whoever published it was answered
            self._before_answer[place] -= 1
            return
        self._stored.add(place)
        self._hop(HopKind.STORED, app_id, published.pubsub, published.topic, published.event)

    def _is_given(self, app_id: str, delivered: Delivered) -> None:
        for name, payload in zip(delivered.ids, delivered.events, strict=True):
            place = delivered.pubsub, delivered.topic, name
            if place not in self._stored:
                self._stored.add(place)
                self._before_answer[place] += 1
                self._hop(HopKind.STORED, "", delivered.pubsub, delivered.topic, _members(payload))

    def _is_answered(self, app_id: str, delivered: Delivered, answer: Response) -> None:
        for name, payload, read in zip(
            delivered.ids, delivered.events, _answers(delivered, answer), strict=True
        ):
            counted = app_id, delivered.pubsub, delivered.topic, name
            self._attempts[counted] += 1
            self._hop(
                HopKind.DELIVERED, app_id, delivered.pubsub, delivered.topic, _members(payload),
                self._attempts[counted], read,
            )  # fmt: skip

    def _hop(
        self, kind: HopKind, app_id: str, pubsub: str, topic: str, event: Mapping[str, Json],
        attempt: int = 0, answer: Answer | None = None,
    ) -> None:  # fmt: skip
        outcome, detail = ("", "") if answer is None else (str(answer.outcome), answer.detail)
        at, payload = self._clock.now().timestamp(), json.dumps(event).encode()
        identity = EventIdentity.of(event)
        self._record(
            Hop(kind, at, app_id, pubsub, topic, identity, attempt, outcome, detail, payload=payload)
        )


def _published(request: Request) -> Iterator[_Published]:
    """The CloudEvents that a request publishes. What is none gets its id from the sidecar."""
    path = request.target.partition("?")[0]
    prefix = next((each for each in (*BULK, ALONE) if path.startswith(each)), "")
    if request.method not in ("POST", "PUT") or not prefix:
        return
    pubsub, _, topic = path.removeprefix(prefix).partition("/")
    value = _value(request.body)
    if prefix == ALONE:
        if isinstance(value, dict) and "specversion" in value:
            yield _Published(unquote(pubsub), unquote(topic), value)
        return
    for entry in value if isinstance(value, list) else ():
        event = entry.get("event") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and isinstance(event, dict):
            yield _Published(unquote(pubsub), unquote(topic), event, str(entry.get("entryId", "")))


def _refused(answer: Response, published: Sequence[_Published]) -> frozenset[str]:
    """The entries that an answer says were not published: of an error all, unless it names some."""
    value = _value(answer.body)
    failed = value.get("failedEntries") if isinstance(value, dict) else None
    if isinstance(failed, list):
        return frozenset(str(each.get("entryId", "")) for each in failed if isinstance(each, dict))
    return frozenset() if answer.ok else frozenset(each.entry for each in published)


def _answers(delivered: Delivered, answer: Response) -> list[Answer]:
    if not delivered.entries:
        return [read_answer(answer)]
    read = read_bulk_answer(answer, delivered.entries)
    return [read[entry] for entry in delivered.entries]


def _members(payload: bytes) -> Mapping[str, Json]:
    value = _value(payload)
    return value if isinstance(value, dict) else {}


def _value(body: bytes) -> Json:
    try:
        return first_value(body)
    except ValueError:
        return None

"""Publishes one event through the sidecar of an app, and tells what takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from outboard.errors import CommandError, InvalidCloudEvent
from outboard.gojson.values import Json
from outboard.hops.files.recording import HOPS_FOLDER
from outboard.hops.files.sampling import lasting_id
from outboard.kit.board import Outboard
from outboard.kit.client.port import Publication
from outboard.live.asking import wirings
from outboard.live.events import as_json, as_utf8, event_in, is_cloud_event, missing_attributes
from outboard.live.places import AppPlace, SearchPlaces, app_places, one_app
from outboard.live.routing import RouteAnswer, answers
from outboard.live.wiring import AppWiring
from outboard.wire.cloudevents import from_structured
from outboard.wire.dapr import PARTITION_KEY, RAW_PAYLOAD
from outboard.wire.events import CORE, Event
from outboard.wire.identity import new_id

__all__ = ["PublishedByHand", "ToPublish", "publish"]

TIMEOUT: Final = 5.0


@dataclass(frozen=True, slots=True)
class ToPublish:
    """What a person wants to publish: `data` as a CloudEvent, which it may be already, or `raw`.

    `pubsub` may be empty where the app has only one. `id` and `type` are made where they are empty.
    """

    topic: str
    data: bytes
    pubsub: str = ""
    raw: bool = False
    key: str = ""
    id: str = ""
    type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PublishedByHand:
    """What was published through the sidecar of `app_id`; `id` is empty where it is raw. `note` says what may
    surprise.
    """

    id: str
    correlationid: str
    app_id: str
    pubsub: str
    topic: str
    routes: Sequence[RouteAnswer]
    note: str = ""


async def publish(wanted: ToPublish, places: SearchPlaces) -> PublishedByHand:
    """Return once the broker has it. Raises CommandError, SidecarError and what `Topic.publish` raises."""
    apps = app_places(places)
    if not any(app.endpoint for app in apps):
        raise CommandError(
            "no app runs", "Start them with `outboard run`, or name a sidecar with --dapr-http-port."
        )
    known = dict(zip((app.app_id for app in apps), await wirings(apps), strict=True))
    place, pubsub = _publisher(one_app(places, apps), known, wanted.pubsub)
    app_id = known[place.app_id].app_id
    if wanted.raw:
        await _publish_raw(wanted, pubsub, place)
        routes = answers(list(known.values()), pubsub, wanted.topic)
        return PublishedByHand("", "", app_id, pubsub, wanted.topic, routes, _note_of_raw(wanted.data))
    event, note = _event(wanted)
    event = await _publish_event(event, wanted, pubsub, place, app_id)
    seen = event_in(Outboard(environ={}).topic(wanted.topic).codec.encode(event), "the event")
    seen = {**seen, "topic": wanted.topic, "pubsubname": pubsub}
    routes = answers(list(known.values()), pubsub, wanted.topic, seen)
    return PublishedByHand(event.id, event.correlationid or "", app_id, pubsub, wanted.topic, routes, note)


def _note_of_raw(data: bytes) -> str:
    try:
        readable = isinstance(as_json(data), dict)
    except ValueError:
        readable = False
    return "" if readable else "what is no JSON object can be read only by a subscription with `rawPayload`"


def _publisher(apps: Sequence[AppPlace], known: Mapping[str, AppWiring], pubsub: str) -> tuple[AppPlace, str]:
    """The first app that has the component, and may be asked; the component. Raises CommandError."""
    running = [app for app in apps if known[app.app_id].runs]
    if not running:
        remarks = "; ".join(
            f"{app.app_id}: {remark}" if app.app_id else remark
            for app in apps
            if (remark := known[app.app_id].remark)
        )
        raise CommandError(
            f"no sidecar answers ({remarks})",
            "See whether the run is ready: `outboard doctor` says what is missing.",
        )
    for app in running:
        names = known[app.app_id].pubsubs()
        if pubsub in names or (not pubsub and len(names) == 1):
            return app, pubsub or names[0]
    if pubsub:
        return running[0], pubsub  # the sidecar says itself what it has instead
    told = "; ".join(f"{app.app_id}: {', '.join(known[app.app_id].pubsubs()) or 'none'}" for app in running)
    raise CommandError(f"which pub/sub component is meant is not clear ({told})", "Name it with --pubsub.")


async def _publish_event(
    event: Event[object], wanted: ToPublish, pubsub: str, place: AppPlace, app_id: str
) -> Event[object]:
    # A daprd records nothing: without this hop a run would not know that the event has been published.
    recorded = {HOPS_FOLDER: place.hops_folder} if place.hops_folder else {}
    board = Outboard(app_id=app_id, environ=_environment(place) | recorded, timeout=TIMEOUT)
    async with board.connected():
        topic = board.topic(wanted.topic, pubsub=pubsub)
        return await topic.publish_event(event, key=wanted.key or None, metadata=dict(wanted.metadata))


async def _publish_raw(wanted: ToPublish, pubsub: str, place: AppPlace) -> None:
    board = Outboard(environ=_environment(place), timeout=TIMEOUT)
    metadata = {**wanted.metadata, RAW_PAYLOAD: "true"} | ({PARTITION_KEY: wanted.key} if wanted.key else {})
    publication = Publication(pubsub, wanted.topic, wanted.data, metadata)
    async with board.connected():
        await board.topic(wanted.topic, pubsub=pubsub).publisher.relay(publication, TIMEOUT)


def _environment(place: AppPlace) -> dict[str, str]:
    return {"DAPR_HTTP_ENDPOINT": place.endpoint, "DAPR_API_TOKEN": place.api_token}


def _event(wanted: ToPublish) -> tuple[Event[object], str]:
    """It, and what may surprise. Its id, where the person says none, is one that the record keeps beside many
    others.

    Raises CommandError for a CloudEvent that is none.
    """
    said: dict[str, Any] = {name: value for name in ("id", "type") if (value := getattr(wanted, name))}
    content_type, note, given = None, "", as_utf8(wanted.data)
    try:
        data: Json | bytes = as_json(given)
    except UnicodeDecodeError:
        data = given
    except ValueError as error:
        data, content_type = given.decode("utf-8"), "text/plain"
        if data.lstrip()[:1] in tuple("{["):
            note = f"the data begins as JSON does, and is none ({error}): it went as text"
    else:
        if is_cloud_event(data):
            return _whole(given, said), note
        if missing := missing_attributes(data):
            note = f"a CloudEvent has also {' and '.join(missing)}: this went as the data of a new one"
    made = {"id": lasting_id(new_id), **said}
    return Event[object](**made, data=data, datacontenttype=content_type), note


def _whole(data: bytes, said: Mapping[str, Any]) -> Event[object]:
    try:
        envelope = from_structured(data)
    except InvalidCloudEvent as error:
        raise CommandError(str(error), "Correct it, or give its data alone.") from error
    kept: dict[str, Any] = {name: getattr(envelope, name) for name in CORE}
    return Event[object](**{**kept, **envelope.extensions, **said}, data=envelope.data)

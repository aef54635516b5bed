"""What apps and sidecars answer and log, read as what was seen. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from outboard.doctor.evidence import HttpAnswer, Metadata, SidecarLine, SubscriptionSeen
from outboard.gojson.decoding import first_value
from outboard.gojson.values import Json
from outboard.run.output.logrus import parse_line
from outboard.sidecar.channel.refusals import excerpt
from outboard.sidecar.subscriptions.active import SubscribeInvalid, parse_subscribe
from outboard.wire.dapr import RAW_PAYLOAD
from outboard.wire.http import Response
from outboard.wire.subscriptions import Subscription

__all__ = ["answer_of", "metadata_in", "seen", "sidecar_line", "subscriptions_in"]

KEPT_HEADERS: Final = ("allow", "location", "content-type")
TIME: Final = re.compile(r'time="([^"]+)"')


def answer_of(response: Response | str) -> HttpAnswer:
    """As a value to keep."""
    if isinstance(response, str):
        return HttpAnswer(failure=response)
    kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return HttpAnswer(response.status, excerpt(response.body), headers=kept)


def subscriptions_in(body: bytes) -> tuple[tuple[SubscriptionSeen, ...], str]:
    """What an app subscribes to, by its answer, and what is wrong with that."""
    try:
        listed, without_route = parse_subscribe(body)
    except SubscribeInvalid as error:
        return (), str(error)
    return tuple(seen(each, "the app") for each in (*listed, *without_route)), ""


def seen(subscription: Subscription, source: str) -> SubscriptionSeen:
    """A subscription as the evidence has it."""
    return SubscriptionSeen(
        subscription.pubsub_name,
        subscription.topic,
        tuple((rule.match, rule.path) for rule in subscription.rules),
        subscription.dead_letter_topic,
        source,
        subscription.metadata.get(RAW_PAYLOAD, "").lower() == "true",
    )


def metadata_in(body: bytes) -> Metadata | None:
    """What a sidecar tells of itself; None where that is no metadata."""
    try:
        value = first_value(body)
    except ValueError:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        return None
    connection = value.get("appConnectionProperties")
    properties = connection if isinstance(connection, dict) else {}
    port, health = properties.get("port", 0), properties.get("health")
    return Metadata(
        str(value["id"]),
        str(value.get("runtimeVersion") or ""),
        tuple((str(each.get("name")), str(each.get("type"))) for each in _objects(value, "components")),
        tuple(_subscription(each) for each in _objects(value, "subscriptions")),
        port if isinstance(port, int) else 0,
        str(health.get("healthCheckPath") or "") if isinstance(health, dict) else "",
    )


def sidecar_line(text: str) -> SidecarLine:
    """A line of a sidecar's log, also of one that logs as JSON."""
    line = _json_line(text)
    if line is not None:
        return line
    level, message = parse_line(text)
    found = TIME.match(text)
    return SidecarLine(level, message, _time(found[1] if found else ""))


def _json_line(text: str) -> SidecarLine | None:
    try:
        value = first_value(text.encode()) if text.startswith("{") else None
    except ValueError:
        return None
    if not isinstance(value, dict) or "msg" not in value:
        return None
    level = str(value.get("level") or "")
    return SidecarLine(
        "warn" if level == "warning" else level, str(value["msg"]), _time(str(value.get("time") or ""))
    )


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _subscription(item: Mapping[str, Json]) -> SubscriptionSeen:
    return SubscriptionSeen(
        str(item.get("pubsubname")),
        str(item.get("topic")),
        tuple((str(rule.get("match") or ""), str(rule.get("path"))) for rule in _objects(item, "rules")),
        str(item.get("deadLetterTopic") or ""),
        str(item.get("type") or ""),
    )


def _objects(owner: Mapping[str, Json], name: str) -> list[Mapping[str, Json]]:
    listed = owner.get(name)
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []

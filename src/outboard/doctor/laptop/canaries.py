"""Canaries along the subscriptions of apps that are written with the kit; to others none is sent."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from outboard.clock import Clock
from outboard.doctor.evidence import CanarySeen, Evidence, HttpAnswer, SubscriptionSeen
from outboard.doctor.laptop.asking import ask
from outboard.doctor.laptop.local_app import LocalApp
from outboard.doctor.reading import answer_of
from outboard.wire.canary import CANARIES_PATH, new_canary
from outboard.wire.dapr import PUBLISH_PATH

__all__ = ["send_canaries"]

PATIENCE: Final = 2.0
POLL: Final = 0.05
FORBIDDEN: Final = 403
CLOUD_EVENT: Final = "application/cloudevents+json"
STRANGER: Final = "takes the topic too, and is not written with the kit: its handler would get the canary"


async def send_canaries(seen: Evidence, targets: Sequence[LocalApp], clock: Clock) -> tuple[CanarySeen, ...]:
    """One for each topic that an app takes; a canary on a topic comes to all that take it."""
    kits = {each.app.app_id for each in targets if await _come_to(each) is not None}
    ways = [
        (target, subscription)
        for app in seen.apps
        for target in targets
        if target.app.app_id == app.app_id
        for subscription in app.wanted
    ]
    return tuple(await asyncio.gather(*(_send(*way, seen, kits, targets, clock) for way in ways)))


async def _send(
    target: LocalApp,
    subscription: SubscriptionSeen,
    seen: Evidence,
    kits: set[str],
    targets: Sequence[LocalApp],
    clock: Clock,
) -> CanarySeen:
    canary = CanarySeen(target.app.app_id, subscription.pubsub, subscription.topic)
    reason = _reason_against(subscription, seen, kits)
    if reason:
        return replace(canary, why_not=reason)
    id = str(uuid.uuid4())
    published = await _publish(subscription, id, [target, *(each for each in targets if each is not target)])
    if not published.ok:
        return replace(canary, published=published)
    return replace(canary, published=published, arrived=await _arrived(target, id, clock))


def _reason_against(subscription: SubscriptionSeen, seen: Evidence, kits: set[str]) -> str:
    takers = [app.app_id for app in seen.apps if subscription.target in {each.target for each in app.wanted}]
    strangers = [name for name in takers if name not in kits]
    if strangers:
        return f"none was sent: {strangers[0]} {STRANGER}"
    if subscription.raw:
        return "none was sent: the subscription takes raw payloads"
    if subscription.rules and all(match for match, _ in subscription.rules):
        return "none was sent: each rule of the subscription has a `match`, and it has no default route"
    return ""


async def _publish(subscription: SubscriptionSeen, id: str, by: Iterable[LocalApp]) -> HttpAnswer:
    """By the sidecar of the app itself, or another one, where its scopes forbid it."""
    answer = HttpAnswer(failure="there is no sidecar that may publish it")
    target = f"{PUBLISH_PATH}/{quote(subscription.pubsub, safe='')}/{quote(subscription.topic, safe='')}"
    for each in by:
        headers = {"content-type": CLOUD_EVENT}
        answer = answer_of(
            await ask(
                each.sidecar_url,
                target,
                token=each.api_token,
                method="POST",
                headers=headers,
                body=new_canary(id),
            )
        )
        if answer.status != FORBIDDEN:
            return answer
    return answer


async def _arrived(target: LocalApp, id: str, clock: Clock) -> tuple[str, ...]:
    deadline = clock.monotonic() + PATIENCE
    while True:
        paths = tuple(path for come, path in await _come_to(target) or () if come == id)
        if paths or clock.monotonic() > deadline:
            return paths
        await clock.sleep(POLL)


async def _come_to(target: LocalApp) -> list[tuple[str, str]] | None:
    """The ids and paths of canaries that have come to an app; None where it is not written with the kit."""
    if not target.app.app_port:
        return None
    response = await ask(target.app_url, CANARIES_PATH, token=target.app_token)
    if isinstance(response, str) or not response.ok:
        return None
    try:
        listed = json.loads(response.body)["canaries"]
        return [(str(each["id"]), str(each["path"])) for each in listed]
    except (ValueError, KeyError, TypeError):  # a route of the app that takes every path
        return None

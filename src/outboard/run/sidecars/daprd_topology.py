"""What an app of a run takes and has, as its daprd tells it and its files say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from outboard.gojson.decoding import first_value
from outboard.gojson.values import Json
from outboard.resources.left_out import LeftOut
from outboard.resources.loader import read_resources
from outboard.run.output.events import LoadedComponent, MissingComponent, NotTaken, TakenTopic, Topology
from outboard.run.plan.daprd_components import resource_options
from outboard.run.plan.plan import AppPlan
from outboard.run.plan.tokens import API_TOKEN
from outboard.run.sidecars.daprd_subscriptions import NOTHING, AskedFor, Target
from outboard.wire.dapr import API_TOKEN_HEADER, METADATA_PATH
from outboard.wire.http import Exchange, ExchangeFailed, Request

__all__ = ["ask_topology", "topology_from"]

TIMEOUT: Final = 2.0
IN_MEMORY: Final = "pubsub.in-memory"
STARTS_NONE: Final = "daprd starts no subscription of this app"
SERIAL: Final = (
    "but one event at a time: daprd's pubsub.in-memory hands over one event when the one before it is done, "
    "and each waits for others in vain. Ask for no bulk"
)


async def ask_topology(exchange: Exchange, app: AppPlan, asked: AskedFor = NOTHING) -> Topology:
    """Ask the daprd of `app` for its metadata; where it does not tell, the remark says so.

    `asked` is what the app itself has asked for.
    """
    options = resource_options(app)
    resources = read_resources(options.resources_paths, options.app_id, options.namespace)
    declared = (each.subscription for each in resources.subscriptions)
    bulk = {(each.pubsub_name, each.topic) for each in declared if each.bulk.enabled}
    token = app.full_environment.get(API_TOKEN, "")
    headers = {API_TOKEN_HEADER: token} if token else {}
    try:
        response = await exchange(Request("GET", METADATA_PATH, headers), TIMEOUT)
        answer = first_value(response.body) if response.ok else None
    except (ExchangeFailed, ValueError):
        answer = None
    if not isinstance(answer, dict):
        return Topology(app.app_id, remark="its sidecar does not tell")
    asked = replace(asked, bulk=asked.bulk | bulk)
    return topology_from(app.app_id, answer, resources.left_out, asked)


def topology_from(
    app_id: str, metadata: Mapping[str, Json], left_out: Sequence[LeftOut], asked: AskedFor = NOTHING
) -> Topology:
    """From the answer of the metadata API. daprd lists subscriptions to components that it has not, too."""
    components = [LoadedComponent(str(each.get("name")), str(each.get("type")))
                  for each in _objects(metadata, "components")]  # fmt: skip
    loaded = {each.name: each.type for each in components}
    reasons = {each.name: each.reason for each in left_out}
    found = (_taken(each) for each in _objects(metadata, "subscriptions"))
    subscribed = [_in_bulk(each, loaded, asked.bulk) for each in found]
    return Topology(
        app_id,
        topics=tuple(each for each in subscribed if each.pubsub in loaded),
        not_taken=(
            *(_not_taken(each, reasons) for each in subscribed if each.pubsub not in loaded),
            *(_without_route(*target) for target in asked.without_route),
            *([NotTaken("", "", f"{asked.problem}. {STARTS_NONE}")] if asked.problem else ()),
        ),
        components=tuple(components),
        left_out=tuple(
            MissingComponent(each.name, each.type, each.reason)
            for each in left_out
            if each.name not in loaded
        ),
    )


def _objects(owner: Mapping[str, Json], name: str) -> Iterator[Mapping[str, Json]]:
    listed = owner.get(name)
    if isinstance(listed, list):
        yield from (each for each in listed if isinstance(each, dict))


def _taken(subscription: Mapping[str, Json]) -> TakenTopic:
    rules = _objects(subscription, "rules")
    return TakenTopic(
        str(subscription.get("pubsubname")),
        str(subscription.get("topic")),
        tuple(str(rule.get("path")) for rule in rules),
        dead_letter_topic=str(subscription.get("deadLetterTopic") or ""),
    )


def _in_bulk(taken: TakenTopic, types: Mapping[str, str], bulk: Collection[Target]) -> TakenTopic:
    if (taken.pubsub, taken.topic) not in bulk:
        return taken
    serial = types.get(taken.pubsub, "").lower() == IN_MEMORY
    return replace(taken, bulk=True, remark=SERIAL if serial else "")


def _without_route(pubsub: str, topic: str) -> NotTaken:
    """As Outboard's sidecar has it."""
    reason = "its item at /dapr/subscribe has no `route`, and no `routes` with a rule or a `default`"
    said = f"subscription to topic '{topic}' on pubsub '{pubsub}' is not started: {reason}"
    return NotTaken(pubsub, topic, said)


def _not_taken(wanted: TakenTopic, reasons: Mapping[str, str]) -> NotTaken:
    reason = reasons.get(wanted.pubsub)
    why = f"is left out: {reason}" if reason else "is not loaded"
    said = f"subscription to topic '{wanted.topic}': pub/sub component '{wanted.pubsub}' {why}"
    return NotTaken(wanted.pubsub, wanted.topic, said)

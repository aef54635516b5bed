"""Pub/sub components and state stores: groups, scopes, prefixes, what is lost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from outboard.check.component import ComponentDocument
from outboard.check.corpus import Corpus
from outboard.check.document import child, text
from outboard.check.rule import Hit, LintRule, Severity, at
from outboard.check.rules.kafka import consumer_group
from outboard.check.rules.policies import retries_inbound

__all__ = ["RULES"]

LOCAL: Final = frozenset({
    *("pubsub.in-memory", "pubsub.sqlite", "state.in-memory", "state.sqlite", "bindings.cron"),
    *("bindings.localstorage", "secretstores.local.env", "secretstores.local.file", "conversation.echo"),
})  # fmt: skip
"""Types that reach for nothing outside of the machine."""
REMOTE: Final = frozenset({"pubsub", "state", "bindings", "configuration", "lock"})


def namespace_prefixes_topics(corpus: Corpus) -> Iterator[Hit]:
    for component in _of(corpus, "pubsub"):
        for each in component.fields:
            if "{namespace}" in each.text.lower():
                yield at(each.place, f"`{{namespace}}` in `{each.name}` changes the name of every topic")


def group_of_many_topics(corpus: Corpus) -> Iterator[Hit]:
    for component in _of(corpus, "pubsub"):
        topics = {topic for topic, _ in _subscribed(corpus, component)}
        if component.type == "pubsub.kafka" and consumer_group(component) and len(topics) > 1:
            field = component.by_name.get("consumergroup") or component.by_name["consumerid"]
            yield at(field.place, f"one group takes {len(topics)} topics")


def apps_share_group(corpus: Corpus) -> Iterator[Hit]:
    """Different apps take the same topic of one group, by one component or by two."""
    for component in _of(corpus, "pubsub"):
        group = consumer_group(component)
        if component.type != "pubsub.kafka" or not group:
            continue
        field = component.by_name.get("consumergroup") or component.by_name["consumerid"]
        by_topic: dict[str, set[str]] = {}
        for topic, apps in _subscribed(corpus, component):
            by_topic.setdefault(topic, set()).update(apps)
        shared = {topic: apps for topic, apps in by_topic.items() if len(apps) > 1}
        for topic, sharing in shared.items():
            yield at(field.place, f"{_listed(sharing)} take `{topic}` in the one group `{group}`")
        for other in corpus.beside(component.document):
            if not shared and _is_twin(component, other, group):
                told = f"`{other.name}` has the group `{group}` on the same brokers, for other apps"
                yield at(field.place, told)


def lost_by_redis(corpus: Corpus) -> Iterator[Hit]:
    for component in _of(corpus, "pubsub"):
        if component.type == "pubsub.redis" and component.type_node is not None:
            dead = [child(each.spec, "deadLetterTopic") for each in corpus.subscribed_to(component)]
            if not retries_inbound(corpus, component) and not (dead and all(dead)):
                yield at(component.type_node, "an event whose handler fails is acknowledged, and lost")


def redis_interval_ignored(corpus: Corpus) -> Iterator[Hit]:
    for component in _of(corpus, "pubsub"):
        each = component.by_name.get("redeliverinterval")
        if component.type != "pubsub.redis" or each is None or not each.known:
            continue
        if each.text.strip() and not each.text.strip().isdigit():
            yield at(each.place, f"`redeliverInterval: {each.text}` is ignored")


def no_scopes(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        remote = component.category in REMOTE and component.type not in LOCAL
        remote = remote and corpus.catalogue.is_known(component.type)
        unscoped = child(component.document.node, "scopes") is None
        if remote and unscoped and component.type_node is not None:
            name = f"`{component.name}`" if component.name else component.type
            yield at(component.type_node, f"{name} has no `scopes`")


def key_prefix_of_apps(corpus: Corpus) -> Iterator[Hit]:
    for component in _of(corpus, "state"):
        if (
            len(component.scopes) > 1
            and "keyprefix" not in component.by_name
            and component.type_node is not None
        ):
            yield at(component.type_node, f"{_listed(set(component.scopes))} do not see each other's keys")


def invalid_topic_scopes(corpus: Corpus) -> Iterator[Hit]:
    for component in _of(corpus, "pubsub"):
        for name in ("publishingScopes", "subscriptionScopes"):
            each = component.by_name.get(name.lower())
            if each is None or not each.known:
                continue
            for entry in filter(None, each.text.replace(" ", "").split(";")):
                if "=" not in entry:
                    yield at(each.place, f"`{entry}` in `{name}` gives no app a topic")


def _of(corpus: Corpus, category: str) -> Iterator[ComponentDocument]:
    return (each for each in corpus.components if each.category == category)


def _subscribed(corpus: Corpus, component: ComponentDocument) -> Iterator[tuple[str, frozenset[str]]]:
    """Each topic that a file or a loaded app subscribes to on `component`, with the apps that do."""
    for each in corpus.subscribed_to(component):
        yield text(child(each.spec, "topic")), frozenset(each.scopes)
    for app in corpus.inspected:
        if component.document.group in (app.resources or [component.document.group]):
            names = frozenset([app.app_id] if app.app_id else [])
            yield from ((each.topic, names) for each in app.takes if each.pubsub == component.name)


def _is_twin(component: ComponentDocument, other: ComponentDocument, group: str) -> bool:
    if other is component or other.type != component.type or consumer_group(other) != group:
        return False
    mine, others = set(component.scopes), set(other.scopes)
    same = component.value("brokers") and component.value("brokers") == other.value("brokers")
    return bool(same) and bool(mine) and bool(others) and not mine & others


def _listed(names: Iterable[str]) -> str:
    return " and ".join(f"`{each}`" for each in sorted(names))


RULES: Final = (
    LintRule(
        "OB140",
        "namespace-prefixes-topics",
        Severity.note,
        "`{namespace}` in a pub/sub component prefixes every topic",
        "On the broker each topic has the namespace before its name, for publishing and subscribing: other "
        "programs find nothing under the plain name.",
        "Keep it if that is meant; else write the namespace itself, or `{appID}`.",
        namespace_prefixes_topics,
    ),
    LintRule(
        "OB141",
        "group-of-many-topics",
        Severity.note,
        "One consumer group takes many topics",
        "Its members share the partitions of all topics; with the strategy `range` the first ones get most.",
        "Write `consumerGroupRebalanceStrategy: roundrobin`, or make a component for each topic.",
        group_of_many_topics,
    ),
    LintRule(
        "OB142",
        "apps-share-group",
        Severity.warning,
        "Different apps share one consumer group",
        "Each event goes to one member of a group: each app sees only a part of the events.",
        "Leave `consumerGroup` out, so that each app has its own, or give each app its component.",
        apps_share_group,
    ),
    LintRule(
        "OB143",
        "lost-by-redis",
        Severity.note,
        "Redis loses events whose handler fails",
        "daprd acknowledges an event even if its handler failed, so the event is not delivered again.",
        "Add a Resiliency with an inbound `retry` for the component, or `deadLetterTopic` to subscriptions.",
        lost_by_redis,
        since="1.17",
    ),
    LintRule(
        "OB144",
        "redis-interval-ignored",
        Severity.note,
        "The redelivery interval of Redis is not a number of milliseconds",
        "daprd reads only a bare number from this field. It ignores a duration, and takes 15 s.",
        "Write the number of milliseconds, for example `60000`.",
        redis_interval_ignored,
    ),
    LintRule(
        "OB145",
        "no-scopes",
        Severity.note,
        "A component is loaded by every app",
        "When its server is down, every sidecar ends at its start, even that of an app that never uses the "
        "component.",
        "List the apps that use it under `scopes:`.",
        no_scopes,
    ),
    LintRule(
        "OB146",
        "key-prefix-of-apps",
        Severity.note,
        "Several apps use a state store, each with its own keys",
        "A key is stored as `<app id>||<key>`: no app finds what another one saved.",
        "Write `keyPrefix: name` where they are to share their state.",
        key_prefix_of_apps,
    ),
    LintRule(
        "OB147",
        "invalid-topic-scopes",
        Severity.warning,
        "An entry of a component's topic scopes cannot be read",
        "The entry is ignored silently, and the app may use every topic that is not protected.",
        "Write `app1=topic1,topic2;app2=topic3`.",
        invalid_topic_scopes,
    ),
)

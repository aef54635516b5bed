"""Kafka: what its clients make of a component. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from outboard.check.component import ComponentDocument
from outboard.check.corpus import Corpus
from outboard.check.document import child, is_placeholder, items
from outboard.check.rule import Edit, Hit, LintRule, Severity, at, at_key

__all__ = ["KAFKA", "RULES", "consumer_group"]

KAFKA: Final = frozenset({"pubsub.kafka", "bindings.kafka"})
SCHEME: Final = re.compile(r"[A-Za-z][\w+.-]*://")
PORT: Final = re.compile(r":(\d{1,5})\Z")
NEAR: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\]|host\.docker\.internal|[\w-]+):(9092|29092)\Z")
"""A broker without TLS, as it mostly is: of this machine, or of a name in the same namespace."""


def invalid_broker(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        name = "brokers" if component.type in KAFKA else "redisHost" if _is_redis(component) else ""
        each = component.by_name.get(name.lower())
        if each is None:
            continue
        if items(each.value):
            yield at_key(each.name_node, f"`{name}` is a list, and is to be text")
        elif each.known and each.text.strip():
            for address in map(str.strip, each.text.split(",")):
                scheme = SCHEME.match(address)
                if scheme and not is_placeholder(address):
                    rest = address[scheme.end() :]
                    edits = (
                        (Edit(str(each.place.path), each.place.span, rest),) if each.text == address else ()
                    )
                    yield at(
                        each.place, f"`{address}` has a scheme, and `{name}` is `host:port`", edits=edits
                    )
                elif name == "brokers" and (problem := _problem(address)):
                    yield at(each.place, problem)


def tls_to_plain_broker(corpus: Corpus) -> Iterator[Hit]:
    for component in _kafka(corpus):
        auth, each = component.by_name.get("authtype"), component.by_name.get("brokers")
        if auth is None or not auth.known or each is None or not each.known or component.has("disableTls"):
            continue
        plain = all(NEAR.match(broker.strip()) for broker in each.text.split(","))
        if auth.text.strip().lower() not in {"none", ""} and plain and not component.has("caCert"):
            yield at(
                auth.place, f"`authType: {auth.text}` turns TLS on, and {each.text} looks like plain text"
            )


def consumer_id_is_group(corpus: Corpus) -> Iterator[Hit]:
    for component in _kafka(corpus):
        each = component.by_name.get("consumerid")
        if component.type != "pubsub.kafka" or each is None:
            continue
        if component.has("consumerGroup"):
            yield at(each.place, "`consumerID` has no effect beside `consumerGroup`")
        elif (
            "client" in each.text.lower() or "{uuid}" in each.text.lower() or "{podname}" in each.text.lower()
        ):
            yield at(each.place, "`consumerID` is the consumer group, and no client id")


def newest_offset(corpus: Corpus) -> Iterator[Hit]:
    for component in _kafka(corpus):
        offset = component.value("initialOffset")
        if component.type == "pubsub.kafka" and (offset or "newest").lower() == "newest":
            if "initialoffset" in component.by_name and offset is None:
                continue
            place = component.by_name.get("initialoffset")
            node = place.place if place else component.type_node
            if node is not None:
                yield at(node, "a new consumer group begins with what is published from then on")


def retries_given_up(corpus: Corpus) -> Iterator[Hit]:
    for component in corpus.components:
        if component.type not in {"pubsub.kafka", "pubsub.sqlite"}:
            continue
        enabled = component.by_name.get("consumeretryenabled")
        if (
            enabled is not None
            and enabled.known
            and enabled.text.strip().lower() in {"false", "no", "off", "0", "n", "f"}
        ):
            yield at(enabled.place, "an event whose handler fails is skipped")
        retries = component.by_name.get("backoffmaxretries")
        if retries is not None and retries.known and re.fullmatch(r"\d+", retries.text.strip()):
            yield at(retries.place, f"an event whose handler fails is skipped after {retries.text} retries")


def consumer_group(component: ComponentDocument) -> str:
    """The group that is written; empty where each app has its own."""
    for name in ("consumerGroup", "consumerID"):
        found = component.value(name)
        if found and not is_placeholder(found):
            return found
    return ""


def _kafka(corpus: Corpus) -> Iterator[ComponentDocument]:
    return (each for each in corpus.components if each.type in KAFKA and child(each.document.node, "spec"))


def _is_redis(component: ComponentDocument) -> bool:
    return component.type.endswith(".redis") and component.category in {
        "pubsub",
        "state",
        "lock",
        "configuration",
    }


def _problem(broker: str) -> str:
    if is_placeholder(broker):
        return ""
    if not broker:
        return "`brokers` has an empty entry"
    port = PORT.search(broker)
    if port is None:
        return f"`{broker}` has no port"
    return "" if 0 < int(port[1]) <= 65535 else f"`{broker}` has no valid port"


RULES: Final = (
    LintRule(
        "OB130",
        "invalid-broker",
        Severity.error,
        "The address of a broker, or of Redis, is not `host:port`",
        "The client cannot reach it: the component fails to start, and daprd ends.",
        "Write `host:port`, several with commas between them, for example `kafka-broker:9092`.",
        invalid_broker,
    ),
    LintRule(
        "OB131",
        "tls-to-plain-broker",
        Severity.note,
        "Authentication turns TLS on, but the broker's port looks like one without TLS",
        "Any `authType` but `none` uses TLS; a listener without it closes the connection, and the component "
        "fails to start.",
        'Add `disableTls: "true"` if the listener has no TLS.',
        tls_to_plain_broker,
    ),
    LintRule(
        "OB132",
        "consumer-id-is-group",
        Severity.note,
        "`consumerID` is taken for a client id",
        "`consumerID` names the consumer group: if each instance has another value, each gets every event.",
        "Write `clientID` for the name in the broker's log, and `consumerGroup` for the group.",
        consumer_id_is_group,
    ),
    LintRule(
        "OB133",
        "newest-offset",
        Severity.note,
        "A new consumer group begins with the newest event",
        "What was published before the group first committed is never delivered.",
        "Write `initialOffset: oldest`, unless that is meant.",
        newest_offset,
    ),
    LintRule(
        "OB134",
        "retries-given-up",
        Severity.note,
        "An event is skipped after its handler fails",
        "Without a dead letter topic they are lost, silently.",
        "Do not limit the retries, or give each subscription a `deadLetterTopic`.",
        retries_given_up,
    ),
)

"""Pods: how many events daprd hands to an app at a time. Pure.

Source: Dapr, "Dapr arguments and annotations", "How-To: Control concurrency and rate limit applications".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.check.apps import PodTemplate
from outboard.check.corpus import Corpus
from outboard.check.document import child, is_placeholder, text
from outboard.check.rule import Hit, LintRule, Severity, at_key
from outboard.facts.annotations import PREFIX

__all__ = ["RULES"]

PORT: Final = PREFIX + "app-port"
LIMIT: Final = PREFIX + "app-max-concurrency"
OVER_HTTP: Final = frozenset({"", "http", "https", "h2c"})
IN_MEMORY: Final = "pubsub.in-memory"


def deliveries_at_once(corpus: Corpus) -> Iterator[Hit]:
    for pod in corpus.dapr_pods:
        port, limit = pod.of_dapr.get(PORT), text(pod.of_dapr.get(LIMIT))
        protocol = text(pod.of_dapr.get(PREFIX + "app-protocol")).lower()
        if port is None or limit.strip() == "1" or is_placeholder(limit) or protocol not in OVER_HTTP:
            continue
        topics = sorted(set(_taken(corpus, pod)))
        if topics:
            told = f"{pod.app_id} gets events of `{'`, `'.join(topics)}` over HTTP, several at a time"
            yield at_key(pod.of_dapr.get(LIMIT, port), told)


def _taken(corpus: Corpus, pod: PodTemplate) -> Iterator[str]:
    """The topics of which daprd calls the app of `pod`, as far as files and loaded apps say so."""
    for each in corpus.subscriptions:
        beside = each.group == pod.document.group
        component = corpus.named(text(child(each.spec, "pubsubname")), each)
        kept = component is None or component.type != IN_MEMORY
        if kept and (pod.app_id in each.scopes or (beside and not each.scopes)):
            yield text(child(each.spec, "topic"))
    for app in corpus.inspected:
        if app.app_id == pod.app_id and not app.is_streaming:
            yield from (each.topic for each in app.takes)


RULES: Final = (
    LintRule(
        "OB615",
        "deliveries-at-once",
        Severity.note,
        "An app gets several events at a time, over HTTP",
        "If several of them fail to connect at the same moment, because the app is starting or ending, daprd "
        "may take one of them for handled: that event is lost.",
        'If no event may be lost, add the annotation `dapr.io/app-max-concurrency: "1"`. Then the app gets '
        "one request at a time, and that includes calls from other apps. Over gRPC and by streams no event "
        "is lost in this way.",
        deliveries_at_once,
    ),
)

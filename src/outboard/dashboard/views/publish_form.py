"""What a form begins with that publishes to the topic of a subscription."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from outboard.dashboard.views.feed import EventFeed
from outboard.live.wiring import AppWiring

__all__ = ["PublishForm", "publish_form"]

TYPE: Final = re.compile(r"""event\.type\s*==\s*["']([^"']+)["']""")
MOST_LOOKED_AT: Final = 2_000


class PublishForm(NamedTuple):
    """`types` are those that rules of the topic name; `data` is that of its last event, where `is_last`."""

    app_id: str
    pubsub: str
    topic: str
    rules: Sequence[tuple[str, str]]
    types: Sequence[str]
    data: str
    is_last: bool


def publish_form(asked: Mapping[str, str], wirings: Sequence[AppWiring], feed: EventFeed) -> PublishForm:
    """For the topic that `asked` names, by `app`, `pubsub` and `topic`."""
    app_id, pubsub, topic = asked["app"], asked["pubsub"], asked["topic"]
    rules = list(_rules(wirings, app_id, pubsub, topic))
    types = [found for match, _ in rules for found in TYPE.findall(match)]
    last = _last_data(feed, topic)
    return PublishForm(app_id, pubsub, topic, rules, types, last or "{}", bool(last))


def _rules(wirings: Sequence[AppWiring], app_id: str, pubsub: str, topic: str) -> Iterator[tuple[str, str]]:
    for wiring in wirings:
        for each in wiring.subscriptions:
            if (wiring.app_id, each.pubsub_name, each.topic) == (app_id, pubsub, topic):
                yield from ((rule.match.strip(), rule.path) for rule in each.rules)


def _last_data(feed: EventFeed, topic: str) -> str:
    """Of the newest event there whose data is kept whole; empty where there is none."""
    for number, row in enumerate(feed.rows()):
        if number == MOST_LOOKED_AT:
            return ""
        if topic == row.topic and (stories := feed.stories_of(row.event_id)) and stories[0].data:
            try:
                return json.dumps(json.loads(stories[0].data), indent=2, ensure_ascii=False)
            except (ValueError, RecursionError):
                continue  # it was too long to be kept whole
    return ""

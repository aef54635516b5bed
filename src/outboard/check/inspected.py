"""What is known of an app that was loaded: the topics that it takes, and those that it publishes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from outboard.gojson.values import Json
from outboard.resources.node import Node

__all__ = ["InspectedApp", "InspectedTopic", "app_from_json"]


@dataclass(frozen=True, slots=True)
class InspectedTopic:
    """One topic in the code of an app, at a place of it: taken, published or declared.

    `match` are the rules of its handlers, `dead_letter` is where poison goes (empty: nowhere).
    """

    pubsub: str
    topic: str
    file: str = ""
    line: int = 0
    dead_letter: str = ""
    match: tuple[str, ...] = ()
    is_bulk: bool = False
    is_raw: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Component and topic."""
        return self.pubsub, self.topic


@dataclass(frozen=True, slots=True)
class InspectedApp:
    """One app that was loaded. `app_id` is empty where it is not known.

    `node` is its entry in a run file, `resources` are the folders of components that it has there (empty: not
    known). `unserved` are handlers that the app does not serve. `unseen` counts the places where something
    is published to a topic that only a run can tell. `posts` are the paths that it takes a POST at, as they
    are declared; None where that is not known. `described` is what its events look like, where asked.
    """

    app_id: str
    target: str
    takes: tuple[InspectedTopic, ...] = ()
    publishes: tuple[InspectedTopic, ...] = ()
    declares: tuple[InspectedTopic, ...] = ()
    unserved: tuple[InspectedTopic, ...] = ()
    unseen: int = 0
    is_streaming: bool = False
    posts: tuple[str, ...] | None = None
    node: Node | None = None
    resources: tuple[str, ...] = ()
    described: Json = None

    @property
    def topics(self) -> Iterator[InspectedTopic]:
        """All of them, wherever they stand."""
        return iter((*self.takes, *self.publishes, *self.declares, *self.unserved))

    @property
    def name(self) -> str:
        """How to call it in a message."""
        return self.app_id or self.target


def app_from_json(
    found: Mapping[str, Json], app_id: str, target: str, shown: Callable[[str], str] = str
) -> InspectedApp:
    """The app that the program of the inspection has told of; `app_id` counts for more than what it says.

    `shown` is how a file is named.
    """
    return InspectedApp(
        app_id or _text(found, "app_id"),
        target,
        _topics(found, "takes", shown),
        _topics(found, "publishes", shown),
        _topics(found, "declares", shown),
        _topics(found, "unserved", shown),
        _number(found, "unseen"),
        found.get("streaming") is True,
        tuple(map(str, posts)) if isinstance(posts := found.get("posts"), list) else None,
        described=found.get("described"),
    )


def _topics(found: Mapping[str, Json], key: str, shown: Callable[[str], str]) -> tuple[InspectedTopic, ...]:
    listed = found.get(key)
    topics = listed if isinstance(listed, list) else ()
    return tuple(_topic(each, shown) for each in topics if isinstance(each, dict))


def _topic(each: Mapping[str, Json], shown: Callable[[str], str]) -> InspectedTopic:
    rules, file = each.get("match"), _text(each, "file")
    return InspectedTopic(
        _text(each, "pubsub"),
        _text(each, "topic"),
        shown(file) if file else "",
        _number(each, "line"),
        _text(each, "dead_letter"),
        tuple(map(str, rules)) if isinstance(rules, list) else (),
        each.get("bulk") is True,
        each.get("raw") is True,
    )


def _text(found: Mapping[str, Json], key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""


def _number(found: Mapping[str, Json], key: str) -> int:
    value = found.get(key)
    return value if isinstance(value, int) else 0

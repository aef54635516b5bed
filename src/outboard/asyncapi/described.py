"""The events of apps as values, from the JSON by which the inspection tells of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from outboard.check.inspected import InspectedApp

__all__ = ["DescribedApp", "DescribedMessage", "DescribedTopic", "described_apps"]


@dataclass(frozen=True, slots=True)
class DescribedMessage:
    """One type of event in one direction, "send" or "receive", with the JSON schema of its data.

    `attributes` are the `type` and the `dataschema` that such events have (an empty schema: none), always if
    `certain`. `problem` says why there is no schema.
    """

    name: str
    direction: str
    attributes: Mapping[str, str]
    certain: bool
    type: str
    schema: Any
    problem: str


@dataclass(frozen=True, slots=True)
class DescribedTopic:
    """A topic as one app has it. `paths` are those of its handlers."""

    pubsub: str
    topic: str
    paths: tuple[str, ...]
    messages: tuple[DescribedMessage, ...]


@dataclass(frozen=True, slots=True)
class DescribedApp:
    """An app, what it calls itself, and its topics."""

    app_id: str
    title: str
    version: str
    description: str
    topics: tuple[DescribedTopic, ...]


def described_apps(apps: Iterable[InspectedApp]) -> list[DescribedApp]:
    """Those that were described; an app without an id is called as it was named."""
    return [_app(each, each.described) for each in apps if isinstance(each.described, dict)]


def _app(app: InspectedApp, told: Mapping[str, Any]) -> DescribedApp:
    topics = tuple(map(_topic, told["topics"]))
    return DescribedApp(app.name, told["title"], told["version"], told["description"], topics)


def _topic(told: Mapping[str, Any]) -> DescribedTopic:
    return DescribedTopic(
        told["pubsub"],
        told["topic"],
        tuple(each["path"] for each in told["handlers"]),
        tuple(DescribedMessage(**each) for each in told["messages"]),
    )

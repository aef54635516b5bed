"""The graph of apps and topics: what goes between them, and what is wired wrongly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlencode

from outboard.dashboard.views.layout import Edge, GraphLayout, NodeSize, layered
from outboard.dashboard.views.rates import Direction, FlowCount
from outboard.hops.takers import Taker, nearest
from outboard.live.routing import RouteOutcome, answers
from outboard.live.wiring import AppWiring
from outboard.wire.deadletters import default_topic

__all__ = ["FlowLink", "FlowNode", "FlowPage", "Lags", "LinkState", "flow_page"]

LONGEST_NAME: Final = 22
Lags: TypeAlias = Mapping[tuple[str, str, str], int]
SIZE: Final = NodeSize(width=190, height=58, column_gap=120, gap=34)


class LinkState(StrEnum):
    """`IDLE`: nothing went there lately. `BROKEN`: nothing can, as it is wired."""

    MOVING = "moving"
    IDLE = "idle"
    FAILING = "failing"
    BROKEN = "broken"


class FlowNode(NamedTuple):
    """An app, a topic or a state store; `detail` is what stands below its name, `address` the page of its
    events, or of components.
    """

    name: str
    shown: str
    is_topic: bool
    detail: str
    problem: str
    address: str
    x: int
    y: int
    is_store: bool = False

    @property
    def kind(self) -> str:
        """In a word."""
        return "store" if self.is_store else "topic" if self.is_topic else "app"


class FlowLink(NamedTuple):
    """Between the names `begin` and `end`; `label` stands beside it. `is_dead`: it leads to dead letters.
    `lag` is how many events wait there, None where that is not known. `address` shows its events, empty for a
    state store.
    """

    begin: str
    end: str
    verb: str
    total: int
    failed: int
    rate: float
    label: str
    state: LinkState
    is_dead: bool
    reason: str
    path: str
    text_x: int
    text_y: int
    lag: int | None = None
    is_store: bool = False
    address: str = ""


class FlowComponent(NamedTuple):
    """A component that an app has."""

    app_id: str
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class FlowPage:
    """`problems` are sentences on what is wired wrongly, `unknown` on what cannot be seen."""

    width: int
    height: int
    nodes: Sequence[FlowNode]
    links: Sequence[FlowLink]
    problems: Sequence[str]
    unknown: Sequence[str]
    components: Sequence[FlowComponent]


@dataclass(slots=True)
class _Link:
    """What is known of one edge, before it has a place."""

    is_dead: bool = False
    total: int = 0
    failed: int = 0
    rate: float = 0.0
    reason: str = ""
    lag: int | None = None


class _Graph:
    """Apps and topics by key, in the order in which they became known."""

    def __init__(self) -> None:
        self.apps: dict[str, str] = {}
        self.topics: dict[str, tuple[str, str]] = {}
        self.stores: dict[str, tuple[str, str]] = {}
        self.links: dict[Edge, _Link] = {}

    def app(self, app_id: str) -> str:
        self.apps[f"app {app_id}"] = app_id
        return f"app {app_id}"

    def topic(self, pubsub: str, topic: str) -> str:
        self.topics[f"topic {pubsub} {topic}"] = pubsub, topic
        return f"topic {pubsub} {topic}"

    def store(self, name: str, type: str) -> str:
        self.stores[f"store {type} {name}"] = name, type
        return f"store {type} {name}"

    def link(self, begin: str, end: str) -> _Link:
        return self.links.setdefault((begin, end), _Link())


def flow_page(
    counts: Iterable[FlowCount], wirings: Sequence[AppWiring], lags: Lags = MappingProxyType({})
) -> FlowPage:
    """From what went where, and from what sidecars tell of their apps; none where nothing runs. `lags` are
    numbers of events that wait, by app, component and topic.
    """
    graph, moved = _Graph(), list(counts)
    for wiring in wirings:
        _add_wiring(graph, wiring)
    for count in moved:
        _add_count(graph, count)
    for (app_id, pubsub, topic), lag in lags.items():
        link = graph.links.get((f"topic {pubsub} {topic}", f"app {app_id}"))
        if link is not None:
            link.lag = lag
    untaken = _untaken(moved, wirings)
    layout = layered([*graph.apps, *graph.topics, *graph.stores], list(graph.links), SIZE)
    broken = [
        f"{graph.apps[end]} does not get {' of '.join(graph.topics[begin][::-1])}: {link.reason}"
        for (begin, end), link in graph.links.items()
        if link.reason
    ]
    left_out = [
        f"{wiring.app_id} does not have {left.name} ({left.type}): {left.reason}. {left.advice}".rstrip(". ")
        for wiring in wirings
        for left in wiring.left_out
    ]
    components = [
        FlowComponent(wiring.app_id, name, type)
        for wiring in wirings
        for name, type in wiring.components.items()
    ]
    unknown = [f"{wiring.app_id or 'an app'}: {wiring.remark}" for wiring in wirings if wiring.remark]
    return FlowPage(
        layout.width, layout.height, list(_nodes(graph, layout, untaken)),
        list(_links(graph, layout)), [*untaken.values(), *broken, *left_out], unknown, components,
    )  # fmt: skip


def _add_wiring(graph: _Graph, wiring: AppWiring) -> None:
    app = graph.app(wiring.app_id)
    for each in wiring.subscriptions:
        link = graph.link(graph.topic(each.pubsub_name, each.topic), app)
        for answer in answers([wiring], each.pubsub_name, each.topic):
            if answer.outcome is RouteOutcome.NOT:
                link.reason = answer.reason
        if each.dead_letter_topic:
            graph.link(app, graph.topic(each.pubsub_name, each.dead_letter_topic)).is_dead = True
    for name, type in wiring.components.items():
        if type.lower().startswith("state."):
            graph.link(app, graph.store(name, type))


def _add_count(graph: _Graph, count: FlowCount) -> None:
    direction, app_id, pubsub, name = count.edge
    app, topic = graph.app(app_id), graph.topic(pubsub, name)
    link = graph.link(topic, app) if direction is Direction.DELIVERED else graph.link(app, topic)
    link.is_dead = link.is_dead or direction is Direction.GIVEN_UP
    link.total = max(link.total, count.total)  # a kit publishes a dead letter: two hops of one event
    link.failed = max(link.failed, count.failed)
    link.rate = max(link.rate, count.rate)


def _untaken(counts: Sequence[FlowCount], wirings: Sequence[AppWiring]) -> Mapping[tuple[str, str], str]:
    """A sentence on each topic that is published to, and that nobody takes. Nothing while an app is not
    known whole: it may be the one.
    """
    if not wirings or any(wiring.remark for wiring in wirings):
        return {}
    takers = [
        Taker(wiring.app_id, each.pubsub_name, each.topic)
        for wiring in wirings
        for each in wiring.subscriptions
    ]
    dead = {(each.pubsub, default_topic(each.topic)) for each in takers}
    dead |= {(s.pubsub_name, s.dead_letter_topic) for wiring in wirings for s in wiring.subscriptions}
    known = {(each.pubsub, each.topic) for each in takers} | dead
    known |= {
        (count.edge.pubsub, count.edge.topic)
        for count in counts
        if count.edge.direction is not Direction.PUBLISHED
    }
    publishers: dict[tuple[str, str], list[str]] = {}
    for count in counts:
        where = count.edge.pubsub, count.edge.topic
        if count.edge.direction is Direction.PUBLISHED and where not in known:
            publishers.setdefault(where, []).append(count.edge.app_id)
    return {
        (pubsub, topic): (
            f"no app takes {topic} of {pubsub}, which {' and '.join(apps)} "
            f"{'publishes' if len(apps) == 1 else 'publish'} to. {nearest(pubsub, topic, takers)}"
        ).rstrip()
        for (pubsub, topic), apps in publishers.items()
    }


def _nodes(graph: _Graph, layout: GraphLayout, untaken: Mapping[tuple[str, str], str]) -> Iterator[FlowNode]:
    for key, app_id in graph.apps.items():
        address = f"/events?{urlencode({'app': app_id})}"
        yield FlowNode(app_id, _shown(app_id), False, "app", "", address, *layout.places[key])
    for key, (pubsub, topic) in graph.topics.items():
        problem = untaken.get((pubsub, topic), "")
        address = f"/events?{urlencode({'topic': topic})}"
        yield FlowNode(topic, _shown(topic), True, _shown(pubsub, 28), problem, address, *layout.places[key])
    for key, (name, type) in graph.stores.items():
        place = layout.places[key]
        yield FlowNode(name, _shown(name), False, _shown(type, 28), "", "/components", *place, is_store=True)


def _links(graph: _Graph, layout: GraphLayout) -> Iterator[FlowLink]:
    names = graph.apps | {key: topic for key, (_, topic) in graph.topics.items()}
    names |= {key: name for key, (name, _) in graph.stores.items()}
    for (begin, end), link in graph.links.items():
        delivers = end in graph.apps
        is_store = end in graph.stores
        verb = "is delivered to" if delivers else "gives up to" if link.is_dead else "publishes to"
        verb = "keeps state in" if is_store else verb
        app, topic = (end, begin) if delivers else (begin, end)
        said = {"topic": names[topic], "app": names[app]}
        address = "" if is_store else f"/events?{urlencode(said)}"
        yield FlowLink(
            names[begin], names[end], verb, link.total, link.failed, link.rate, _label(link), _state(link),
            link.is_dead, link.reason, *layout.routes[begin, end], link.lag, is_store, address,
        )  # fmt: skip


def _state(link: _Link) -> LinkState:
    if link.reason:
        return LinkState.BROKEN
    if link.failed or (link.is_dead and link.total):
        return LinkState.FAILING
    return LinkState.MOVING if link.rate else LinkState.IDLE


def _label(link: _Link) -> str:
    if link.reason:
        return "broken"
    moved = f"{link.rate:.1f}/s" if link.rate else f"{link.total:,}" if link.total else ""
    failed = f"{link.failed:,} failed" if link.failed else ""
    waiting = f"{link.lag:,} waiting" if link.lag else ""
    return " · ".join(filter(None, (moved, failed, waiting)))


def _shown(text: str, most: int = LONGEST_NAME) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"

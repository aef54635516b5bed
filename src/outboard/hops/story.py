"""From hops to the story of an event: each time that it lay on a topic, and what became of it there. Pure.

The order never comes from clocks, which may differ by an hour between two apps. It comes from what must have
been before what: an event is published before it is delivered, dead-lettered before it is replayed; of one
process its own sequence; of a partition its offsets. What nothing orders is in the order of names. So `hops`
may be given in any order that leaves those of one process in theirs.

What two have recorded of one step, the kit of an app and its sidecar, is one step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from outboard.hops.record import FAILED, EventIdentity, Hop, HopKind, is_unwell

__all__ = ["EventStory", "Passage", "Reception", "StoryStep", "joined_step", "says_the_same", "stories"]

PUBLISHING: Final = frozenset(
    {
        HopKind.STAGED, HopKind.RELAYED, HopKind.PARKED, HopKind.UNSENT, HopKind.PUBLISHED,
        HopKind.REPLAYED, HopKind.ACCEPTED, HopKind.STORED, HopKind.DEAD_LETTERED,
    }
)  # fmt: skip
"""Kinds that tell how an event came to the topic that they name."""
ATTEMPTS: Final = frozenset({HopKind.DELIVERED, HopKind.HANDLED})
ENDS: Final = frozenset({HopKind.DROPPED, HopKind.LOST})
SETTLED: Final = frozenset({"SUCCESS", "DROP"})
ON_THE_WAY: Final = (HopKind.STAGED, HopKind.PARKED, HopKind.UNSENT)
"""Of these the event has not reached its topic yet."""

Where: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One step, as it is told: `hop` with what `others` know of the same step filled in."""

    hop: Hop
    others: tuple[Hop, ...] = ()

    @property
    def hops(self) -> tuple[Hop, ...]:
        return (self.hop, *self.others)


@dataclass(frozen=True, slots=True)
class Reception:
    """What one app was given of an event, and what it made of it, in order."""

    app_id: str
    steps: tuple[StoryStep, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """One time that the event went to a topic: how it came there, and who received it."""

    pubsub: str
    topic: str
    publishing: tuple[StoryStep, ...]
    receptions: tuple[Reception, ...]
    partition: str = ""
    offset: str = ""

    @property
    def steps(self) -> Iterator[StoryStep]:
        """All of them, in order."""
        yield from self.publishing
        for reception in self.receptions:
            yield from reception.steps


@dataclass(frozen=True, slots=True)
class EventStory:
    """All that is known of one event, from its first step to its last."""

    event: EventIdentity
    passages: tuple[Passage, ...]

    @property
    def steps(self) -> Iterator[StoryStep]:
        """All of them, in order."""
        for passage in self.passages:
            yield from passage.steps

    @property
    def data(self) -> str:
        """The data of the event, as JSON; empty where nobody has kept it."""
        return next((hop.data for step in self.steps for hop in step.hops if hop.data), "")

    @property
    def failed(self) -> bool:
        """Whether any step did not go well, even if a later one did."""
        return any(is_unwell(hop) for step in self.steps for hop in step.hops)


def stories(hops: Iterable[Hop]) -> list[EventStory]:
    """The story of each event. Those that one process published are in the order in which it did.

    Hops without an id are left out.
    """
    by_event: dict[str, list[Hop]] = {}
    places: dict[int, int] = {}
    lengths: dict[tuple[str, ...], int] = {}
    for hop in hops:
        process = hop.app_id, hop.part, hop.instance
        places[id(hop)] = lengths[process] = lengths.get(process, 0) + 1
        if hop.event.event_id:
            by_event.setdefault(hop.event.event_id, []).append(hop)

    def begun(hops: Sequence[Hop]) -> tuple[bool, str, bool, str, int]:
        """Where the event came from, by what its publisher says of it before anybody else."""
        return min(
            (hop.kind not in PUBLISHING, hop.app_id, hop.part != "kit", hop.instance, places[id(hop)])
            for hop in hops
        )

    found = [each for of_id in by_event.values() for each in _by_source(of_id)]
    return [_story(each) for each in sorted(found, key=begun)]


def _by_source(hops: Sequence[Hop]) -> Iterator[Sequence[Hop]]:
    """Two events may have one id where their sources differ."""
    sources = sorted({hop.event.source for hop in hops if hop.event.source})
    if len(sources) < 2:
        yield hops
        return
    for source in sources:
        yield [hop for hop in hops if hop.event.source in ("", source)]


def _story(hops: Sequence[Hop]) -> EventStory:
    return EventStory(_identity(hops), tuple(_passages(hops)))


def _identity(hops: Sequence[Hop]) -> EventIdentity:
    """The ids, from whoever knows each. The first who published it knows best."""
    ordered = sorted(hops, key=lambda hop: (hop.kind not in PUBLISHING, hop.part, hop.app_id))
    return EventIdentity(
        *(next(filter(None, values), "") for values in zip(*(h.event for h in ordered), strict=True))
    )


# Passages


def _passages(hops: Sequence[Hop]) -> Iterator[Passage]:
    """Of each topic, those that were dead letters after the others, and replays last."""
    topics: dict[Where, list[Hop]] = {}
    for hop in hops:
        topics.setdefault((hop.pubsub, hop.topic), []).append(hop)
    made = [each for where, found in sorted(topics.items()) for each in _on_topic(where, found)]
    dead = {(each.pubsub, each.topic) for each in made if _is(each, HopKind.DEAD_LETTERED)}
    yield from sorted(made, key=lambda each: _rank(each, dead))


def _rank(passage: Passage, dead: set[Where]) -> int:
    if (passage.pubsub, passage.topic) in dead:
        return 1
    return 2 if _is(passage, HopKind.REPLAYED) else 0


def _is(passage: Passage, kind: HopKind) -> bool:
    return any(hop.kind is kind for step in passage.publishing for hop in step.hops)


def _on_topic(where: Where, hops: Sequence[Hop]) -> Iterator[Passage]:
    publications = _publications([hop for hop in hops if hop.kind in PUBLISHING])
    receptions = _receptions([hop for hop in hops if hop.kind not in PUBLISHING])
    for number in range(max(len(publications), len(receptions), 1)):
        publishing = publications[number] if number < len(publications) else ()
        received = receptions[number] if number < len(receptions) else ()
        known = [hop for step in publishing for hop in step.hops]
        known += [hop for reception in received for step in reception.steps for hop in step.hops]
        partition, offset = next(((h.partition, h.offset) for h in known if h.offset), ("", ""))
        yield Passage(*where, tuple(publishing), tuple(received), partition, offset)


def _publications(hops: Sequence[Hop]) -> list[tuple[StoryStep, ...]]:
    """The steps of each time that the event was put on its topic."""
    of_app: dict[str, list[Hop]] = {}
    for hop in hops:
        of_app.setdefault(hop.app_id, []).append(hop)
    found: list[tuple[StoryStep, ...]] = []
    for _, mine in sorted(of_app.items()):
        kit = [hop for hop in mine if hop.part == "kit"]
        sidecar = [hop for hop in mine if hop.part != "kit"]
        found += _joined(_split(_sequence(kit)), _split(_sequence(sidecar)))
    replayed = [each for each in found if _has(each, HopKind.REPLAYED)]
    return [each for each in found if each not in replayed] + replayed


def _has(steps: Iterable[StoryStep], kind: HopKind) -> bool:
    return any(hop.kind is kind for step in steps for hop in step.hops)


def _split(hops: Iterable[Hop]) -> list[list[Hop]]:
    """One list for each time that the event reached its topic, with what was before that."""
    found: list[list[Hop]] = [[]]
    for hop in hops:
        found[-1].append(hop)
        if hop.kind not in ON_THE_WAY and hop.outcome != FAILED:
            found.append([])
    return found if found[-1] else found[:-1]


def _joined(kit: Sequence[list[Hop]], sidecar: Sequence[list[Hop]]) -> Iterator[tuple[StoryStep, ...]]:
    """What the kit and the sidecar of one app tell of the same publications, one after the other."""
    for number in range(max(len(kit), len(sidecar))):
        ours = kit[number] if number < len(kit) else []
        theirs = sidecar[number] if number < len(sidecar) else []
        yield tuple(_paired(ours, theirs))


def _paired(ours: Sequence[Hop], theirs: Sequence[Hop]) -> Iterator[StoryStep]:
    """Each hop of the kit with that of the sidecar which says the same, both in their order."""
    rest = list(theirs)
    for hop in ours:
        same = next((number for number, each in enumerate(rest) if says_the_same(hop, each)), None)
        if same is None:
            yield StoryStep(hop)
            continue
        yield from map(StoryStep, rest[:same])
        yield joined_step(hop, rest[same])
        rest = rest[same + 1 :]
    yield from map(StoryStep, rest)


def says_the_same(ours: Hop, theirs: Hop) -> bool:
    """Whether a hop of the kit and one of its sidecar, of one event on one topic, are of the same step."""
    if theirs.kind in (HopKind.STORED, HopKind.ACCEPTED):
        return ours.kind not in ON_THE_WAY and ours.outcome == theirs.outcome
    return (
        ours.kind is HopKind.HANDLED and theirs.kind is HopKind.DELIVERED and ours.outcome == theirs.outcome
    )


def joined_step(hop: Hop, other: Hop) -> StoryStep:
    """`hop` with what the other one knows of the same step beside it."""
    whole = hop._replace(
        attempt=max(hop.attempt, other.attempt),
        detail=hop.detail or other.detail,
        duration=other.duration if hop.duration is None else hop.duration,
        partition=hop.partition or other.partition,
        offset=hop.offset or other.offset,
    )
    return StoryStep(whole, (other,))


# Receptions


def _receptions(hops: Sequence[Hop]) -> list[tuple[Reception, ...]]:
    """For each time that the event lay on the topic, what each app made of it."""
    by_app: dict[str, list[Hop]] = {}
    for hop in hops:
        by_app.setdefault(hop.app_id, []).append(hop)
    times = {app: list(_times(mine)) for app, mine in sorted(by_app.items())}
    most = max((len(each) for each in times.values()), default=0)
    return [
        tuple(Reception(app, each[number]) for app, each in times.items() if number < len(each))
        for number in range(most)
    ]


def _times(hops: Sequence[Hop]) -> Iterator[tuple[StoryStep, ...]]:
    """What one app was given, for each place on the broker; where none is known, for each time it settled."""
    places = sorted({_place(hop) for hop in hops if hop.offset})
    kit = [hop for hop in hops if hop.part == "kit"]
    sidecar = [hop for hop in hops if hop.part != "kit"]
    if len(places) < 2:
        yield from _joined(_settled(_sequence(kit)), _settled(_sequence(sidecar)))
        return
    for place in places:
        ours = [hop for hop in _sequence(kit) if _belongs(hop, place, places)]
        theirs = [hop for hop in _sequence(sidecar) if _belongs(hop, place, places)]
        yield tuple(_paired(ours, theirs))


def _belongs(hop: Hop, place: object, places: Sequence[object]) -> bool:
    """What does not say where is told with the last place."""
    return _place(hop) == place if hop.offset else place == places[-1]


def _place(hop: Hop) -> tuple[str, tuple[int, ...], str]:
    """By which places on the broker are in their order: offsets are numbers, or two with a hyphen."""
    parts = hop.offset.split("-")
    numbers = tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()
    return hop.partition, numbers, hop.offset


def _settled(hops: Iterable[Hop]) -> list[list[Hop]]:
    """One list for each time that the app settled the event, with the attempts before that."""
    found: list[list[Hop]] = []
    begin = True
    for hop in hops:
        if begin and not (found and hop.kind in ENDS):
            found.append([])
        found[-1].append(hop)
        begin = hop.kind in ENDS or (hop.kind in ATTEMPTS and hop.outcome in SETTLED)
    return found


def _sequence(hops: Sequence[Hop]) -> Iterator[Hop]:
    """Those of several processes one behind the other: who settled the event comes last."""
    by_process: dict[str, list[Hop]] = {}
    for hop in hops:
        by_process.setdefault(hop.instance, []).append(hop)
    settles = {name: any(hop.outcome in SETTLED for hop in mine) for name, mine in by_process.items()}
    for name in sorted(by_process, key=lambda each: (settles[each], each)):
        yield from by_process[name]

"""What the parts of the collection of dead letters say to each other, and to those who look: values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, Protocol, TypedDict

from outboard.kit.arguments import wrong

__all__ = [
    "PARKED",
    "UNKNOWN_REASON",
    "ClaimedLetter",
    "Letter",
    "LetterFilter",
    "LetterGroup",
    "LetterSelection",
    "LetterSource",
    "LetterState",
    "LetterStore",
    "NewLetter",
    "ReplayEnd",
    "selected",
]

UNKNOWN_REASON: Final = "unknown (sidecar)"
"""Of a letter that a sidecar wrote: it is the event unchanged."""
PARKED: Final = "p"
"""What the id of a parked event of the outbox begins with."""


class LetterState(StrEnum):
    """What became of a dead letter. One that fails again after its replay is WAITING once more."""

    WAITING = "waiting"
    REPLAYING = "replaying"
    """Somebody is publishing it; where that is interrupted, it may be tried again after a minute."""
    REPLAYED = "replayed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class NewLetter:
    """A dead letter as it came.

    `app_id` and `route` are of the handler that failed, `topic` is where its event came from: each is empty
    where nobody said. `dead_at` is when it became a dead letter, None where that is not known. `replay_id` is
    that of the replay in which the event failed. `is_cut` where its data was too large. `body` is the whole
    envelope, `shown` its data as JSON with what is `Sensitive` masked; None where that is not known.
    """

    app_id: str
    pubsub: str
    topic: str
    route: str
    dead_letter_topic: str
    source: str
    event_id: str
    event_type: str
    key: str
    error: str
    reason: str
    attempts: int | None
    dead_at: datetime | None
    replay_id: str
    is_cut: bool
    body: bytes
    shown: str | None


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it is kept, or a parked event of the outbox, whose `id` begins with "p".

    `failures` is how many letters there were of it. `group` names those of the same cause. `data` is JSON,
    with what is `Sensitive` masked; None where the app that collects does not know the model of the topic.
    `replay_error` is why it could not be published again the last time.
    """

    id: str
    group: str
    state: LetterState
    app_id: str
    pubsub: str
    topic: str
    route: str
    dead_letter_topic: str
    source: str
    event_id: str
    event_type: str
    key: str
    error: str
    reason: str
    attempts: int | None
    failures: int
    dead_at: datetime
    replayed_at: datetime | None
    replay_error: str
    is_cut: bool
    data: str | None

    @property
    def handler(self) -> str:
        """The app that failed, and the route of its handler; "unknown" where nobody said."""
        return _handler(self.app_id, self.route)


class ClaimedLetter(NamedTuple):
    """A letter that is being replayed, and its envelope."""

    letter: Letter
    body: bytes


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Letters of one handler that failed in one way: `pattern` is what their reasons have in common."""

    group: str
    app_id: str
    pubsub: str
    topic: str
    route: str
    error: str
    pattern: str
    count: int
    first_at: datetime
    last_at: datetime
    example: str
    """The id of one of them."""

    @property
    def handler(self) -> str:
        """As that of a letter."""
        return _handler(self.app_id, self.route)


class LetterSelection(TypedDict, total=False):
    """Which letters are meant: those for which all of it is true.

    `ids` are those of letters, `group` that of a group. `topic` is the one that the event came from, or the
    dead letter topic. `since` and `until` bound the time at which it became a dead letter. `reason` is a part
    of its reason, `text` of that, or of the event: its ids, its key or its data. `state` is "waiting" unless
    given.
    """

    ids: Iterable[str]
    group: str
    app_id: str
    topic: str
    since: datetime
    until: datetime
    reason: str
    text: str
    state: LetterState | str | None


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """A `LetterSelection` that was checked. `ids` is None where it names none, `state` where all count."""

    ids: frozenset[str] | None = None
    group: str = ""
    app_id: str = ""
    topic: str = ""
    since: datetime | None = None
    until: datetime | None = None
    reason: str = ""
    text: str = ""
    state: LetterState | None = LetterState.WAITING

    @property
    def is_everything(self) -> bool:
        """Whether nothing narrows it down."""
        return replace(self, state=None) == LetterFilter(state=None)

    def of_any_state(self) -> LetterFilter:
        """The same, whatever became of it: whoever changes letters has conditions of its own for that."""
        return replace(self, state=None)

    @property
    def numbers(self) -> list[int] | None:
        """Those of the ids that are numbers: of collected letters; None where all count."""
        return None if self.ids is None else sorted(int(each) for each in self.ids if each.isdecimal())

    @property
    def parked_numbers(self) -> list[int] | None:
        """Those of parked events."""
        if self.ids is None:
            return None
        return sorted(int(each[1:]) for each in self.ids if each.startswith(PARKED))


def _handler(app_id: str, route: str) -> str:
    return f"{app_id}{route}" if app_id else "unknown"


def selected(selection: LetterSelection) -> LetterFilter:
    """Raises ValueError for an id that is none, a state that there is not, a time without a time zone."""
    given = dict(selection)
    state = given.pop("state", LetterState.WAITING)
    ids = given.pop("ids", None)
    for name in ("since", "until"):
        moment = given.get(name)
        if isinstance(moment, datetime) and moment.tzinfo is None:
            raise ValueError(f"{name} has no time zone: {moment.isoformat()}")
    return LetterFilter(
        ids=None if ids is None else frozenset(map(_checked_id, _texts(ids))),
        state=None if state is None else _state(str(state)),
        **given,  # type: ignore[arg-type]
    )


def _texts(ids: object) -> list[str]:
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        wrong("ids", "a list of texts", ids)
    return [str(each) for each in ids]


def _checked_id(text: str) -> str:
    number = text.removeprefix(PARKED)
    if not (number.isascii() and number.isdecimal() and len(number) <= 18):
        raise ValueError(f"{text[:40]!r} is no id of a dead letter: it is a number, or 'p' and a number")
    return text


def _state(text: str) -> LetterState:
    try:
        return LetterState(text)
    except ValueError:
        raise ValueError(f"there is no state {text[:40]!r}: {', '.join(LetterState)}") from None


class ReplayEnd(NamedTuple):
    """How the replay of one letter ended: `error` is None where the broker has the event."""

    id: str
    error: str | None


class LetterSource(Protocol):
    """Where letters are: the table of those that were collected, or an outbox with what it parked."""

    async def groups(self, wanted: LetterFilter, limit: int) -> Sequence[LetterGroup]:
        """The largest first."""
        ...

    async def find(self, wanted: LetterFilter, limit: int, after: str = "") -> Sequence[Letter]:
        """The oldest first, from behind the id `after`."""
        ...

    async def count(self, wanted: LetterFilter) -> int: ...

    async def body(self, id: str) -> bytes | None:
        """The envelope of a letter as it is; None where there is none of this id."""
        ...

    async def drop(self, wanted: LetterFilter) -> int:
        """Give up those that are WAITING; how many there were."""
        ...


class LetterStore(LetterSource, Protocol):
    """The table of collected letters. Every method raises DeadLettersUnavailable."""

    async def add(self, letters: Sequence[NewLetter]) -> int:
        """Keep what is new; how many that were. Raises NotDurable."""
        ...

    async def claim(
        self, wanted: LetterFilter, replay_id: str, limit: int, after: int
    ) -> Sequence[ClaimedLetter]:
        """Take letters, in order of number from behind `after`, for this replay alone.

        They are WAITING, or were left behind by a replay that did not end; or, where `wanted` says so,
        REPLAYED or DROPPED.
        """
        ...

    async def finish(self, replay_id: str, ends: Sequence[ReplayEnd]) -> None:
        """What was published is REPLAYED, the rest WAITING again."""
        ...

    async def expire(self, keep: timedelta, waiting: timedelta | None) -> int:
        """Delete what was settled for `keep`, and what was `waiting` for so long; 1,000 of each at most."""
        ...

"""What a handler gets of a state inbox."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from outboard.kit.client.port import Publication
from outboard.kit.inbox.state.record import OutgoingEvent
from outboard.kit.outbox.schedule import AT_ONCE, Schedule

__all__ = ["InboxEntry"]

T = TypeVar("T")

MAX_OUTGOING: Final = 100


class InboxEntry(Generic[T]):
    """What lies under `key`, while a handler runs: what is in `value` when it has ended is saved.

    `value` is None where nothing was there yet. `topic.stage(entry, data)` has an event published with it.
    Raises RuntimeError when the handler has ended.
    """

    def __init__(self, key: str, value: T | None) -> None:
        self.key: Final = key
        self._value = value
        self._outgoing: list[OutgoingEvent] = []
        self._is_open = True

    @property
    def value(self) -> T | None:
        """It may be changed in place, or set."""
        return self._value

    @value.setter
    def value(self, value: T | None) -> None:
        self._check("was set")
        self._value = value

    def take_staged(self, publication: Publication, event_id: str, schedule: Schedule) -> None:
        """For `Topic.stage`. Raises ValueError for what only a table can do, and for too many events."""
        self._check("was given an event")
        if schedule != AT_ONCE:
            raise ValueError(
                "`after`, `at`, `expires` and `dedupe_key` are for the session of a database: what is staged "
                "in an inbox entry is published as soon as that is saved"
            )
        if len(self._outgoing) >= MAX_OUTGOING:
            raise ValueError(f"an inbox entry takes {MAX_OUTGOING} events of one handler, and no more")
        self._outgoing.append(OutgoingEvent.of(event_id, publication))

    def ended(self) -> tuple[T | None, list[OutgoingEvent]]:
        """The handler has ended: what is to be saved, and to be published after that."""
        self._is_open = False
        return self._value, self._outgoing

    def _check(self, done: str) -> None:
        if not self._is_open:
            raise RuntimeError(
                f"the inbox entry '{self.key}' {done} after its handler had ended: it is saved by then. "
                "Do that in the handler, not in what runs behind it"
            )

"""What a run sees of dead letters: on the broker, and in the table of the app that collects them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from outboard.errors import DeadLettersUnavailable
from outboard.kit.deadletters.letters import Letters
from outboard.sidecar.components.port import Message
from outboard.wire.dapr import PARTITION_KEY
from outboard.wire.deadletters import DeadLetterAttributes, DeadLetterOrigin
from outboard.wire.replays import REPLAY_ID, REPLAY_TO
from simulation.database import Database
from simulation.invariants import Committed
from simulation.letter_invariants import KeptLetter, LetterEvidence, PublishedAgain
from simulation.network import MARK

__all__ = ["LettersSeen", "dead_at", "is_replayed"]

TABLE: Final = "outboard_dead_letters"
SETTLED: Final = "replayed"
REPLAYING: Final = "replaying"


def is_replayed(message: Message) -> bool:
    """Whether it is an event that was published again."""
    return MARK in message.data


def dead_at(message: Message) -> tuple[str, str]:
    """The app whose dead letter it is, and the id of the event."""
    members = json.loads(message.data)
    said = DeadLetterAttributes.read(members)
    return DeadLetterOrigin.read(said.origin if said else "").app_id, members["id"]


class _Row(NamedTuple):
    state: str
    failures: int
    replay_id: str
    claimed_until: int


class LettersSeen:
    """Looks at the table in `database` whenever it has changed, and whenever something is published again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._states: dict[int, _Row] = {}
        self._published: list[PublishedAgain] = []
        self._again: list[str] = []
        self.groups: list[tuple[str, int]] | None = None
        database.committed = self._committed

    def arrived(self, message: Message) -> None:
        """It is an event that was published again."""
        members = json.loads(message.data)
        to, id = members.get(REPLAY_TO, ""), members["id"]
        query = f"SELECT replay_id FROM {TABLE} WHERE app_id = ? AND event_id = ?"
        owners = [row[0] for row in self._database.rows(query, to, id)]
        key = message.metadata.get(PARTITION_KEY, "")
        owned = owners == [members[REPLAY_ID]]
        self._published.append(PublishedAgain(id, key, members["data"], to, owned))

    def left(self, dead: Counter[tuple[str, str]]) -> str:
        """What is not collected, or not replayed yet, of those that are `dead`."""
        rows = self._rows("state")
        if len(rows) < len(dead):
            return f"{len(dead) - len(rows)} dead letters that are not collected"
        waiting = sum(state != SETTLED for (state,) in rows)
        return f"{waiting} dead letters that are not replayed" if waiting else ""

    async def count(self, letters: Letters) -> None:
        """Have the shipped code tell of its groups."""
        try:
            self.groups = [(each.app_id, each.count) for each in await letters.groups(state=None)]
        except DeadLettersUnavailable:
            self.groups = None

    def evidence(
        self, poison: Sequence[Committed], dead: Counter[tuple[str, str]], misdirected: list[str],
        harm: frozenset[str],
    ) -> LetterEvidence:  # fmt: skip
        """What has been seen."""
        kept = [KeptLetter(*row) for row in self._rows("app_id, event_id, state, failures")]
        staged = {event.id: (event.key, event.data) for event in poison}
        return LetterEvidence(
            staged, dead, kept, self._published, self._again, misdirected, self.groups, harm
        )

    def _committed(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> None:
        if not any(TABLE in text for text, _ in statements):
            return
        known, now = self._states, self._database.world.database_milliseconds
        self._states = {row[0]: _Row(*row[1:]) for row in self._rows(f"number, {', '.join(_Row._fields)}")}
        for number, row in self._states.items():
            before = known.get(number)
            if before is None or row.state != REPLAYING or row.replay_id == before.replay_id:
                continue
            if before.state == SETTLED and before.failures == row.failures:
                self._again.append(f"letter {number}, which was replayed, was taken once more")
            if before.state == REPLAYING and before.claimed_until > now:
                self._again.append(f"letter {number} was taken from a replay that had it")

    def _rows(self, columns: str) -> list[Any]:
        return self._database.rows(f"SELECT {columns} FROM {TABLE} ORDER BY number")

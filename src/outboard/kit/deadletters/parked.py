"""Events that an outbox has parked, seen as letters: what nobody would publish unasked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from pydantic_core import from_json

from outboard.kit.deadletters.grouping import group_id, pattern_of
from outboard.kit.deadletters.port import PARKED, Letter, LetterFilter, LetterGroup, LetterState
from outboard.kit.deadletters.replaying import AS_IT_IS, ReplayOptions, revised
from outboard.kit.outbox.port import OutboxStore, ParkedEvent

__all__ = ["ParkedLetters"]

MOST: Final = 100_000
"""Parked events that are looked at: each was refused by a sidecar, so that there are few."""
ROUTE: Final = " (outbox)"


class ParkedLetters:
    """A `LetterSource` over the outbox of the app `app_id`; of the source of each event, where that is empty.

    Raises OutboxUnavailable.
    """

    def __init__(self, store: OutboxStore, app_id: str) -> None:
        self._store = store
        self._app_id = app_id

    async def groups(self, wanted: LetterFilter, limit: int) -> Sequence[LetterGroup]:
        """As `LetterSource.groups`."""
        letters = sorted(await self._chosen(wanted), key=lambda letter: letter.group)
        found = [_group(list(same)) for _, same in groupby(letters, key=lambda letter: letter.group)]
        return sorted(found, key=lambda group: -group.count)[:limit]

    async def find(self, wanted: LetterFilter, limit: int, after: str = "") -> Sequence[Letter]:
        """As `LetterSource.find`."""
        behind = int(after.removeprefix(PARKED)) if after.startswith(PARKED) else 0
        return [letter for letter in await self._chosen(wanted) if _number(letter) > behind][:limit]

    async def count(self, wanted: LetterFilter) -> int:
        """As `LetterSource.count`."""
        return len(await self._chosen(wanted))

    async def body(self, id: str) -> bytes | None:
        """As `LetterSource.body`."""
        return next((each.body for each in await self._parked() if f"{PARKED}{each.sequence}" == id), None)

    async def drop(self, wanted: LetterFilter) -> int:
        """As `LetterSource.drop`."""
        return await self._store.drop([_number(letter) for letter in await self._chosen(wanted)])

    async def retry(self, wanted: LetterFilter, options: ReplayOptions, limit: int | None) -> int:
        """Let the app publish them after all, `limit` at most; how many were parked still."""
        letters = (await self._chosen(wanted))[:limit]
        if not options.to and options.data is AS_IT_IS:
            return await self._store.retry([_number(letter) for letter in letters])
        done = 0
        for letter in letters:
            body = await self.body(letter.id)
            if body is not None:
                event = revised(body, options.data)
                done += await self._store.revise(_number(letter), options.to or letter.topic, event)
        return done

    async def _parked(self) -> Sequence[ParkedEvent]:
        return await self._store.parked(MOST)

    async def _chosen(self, wanted: LetterFilter) -> list[Letter]:
        if wanted.parked_numbers == [] or wanted.state not in (LetterState.WAITING, None):
            return []
        found = []
        for event in await self._parked():
            letter = _letter(event, self._app_id)
            if _matches(letter, event.body, wanted):
                found.append(letter)
        return found


def _letter(event: ParkedEvent, app_id: str) -> Letter:
    members = _members(event.body)
    route, pattern = ROUTE, pattern_of(event.error)
    app_id = app_id or str(members.get("source", ""))
    return Letter(
        id=f"{PARKED}{event.sequence}",
        group=group_id(app_id, event.pubsub, event.topic, route, pattern),
        state=LetterState.WAITING,
        app_id=app_id,
        pubsub=event.pubsub,
        topic=event.topic,
        route=route,
        dead_letter_topic="",
        source=str(members.get("source", "")),
        event_id=event.event_id,
        event_type=str(members.get("type", "")),
        key=event.key or "",
        error="",
        reason=event.error,
        attempts=event.attempts,
        failures=1,
        dead_at=event.parked_at,
        replayed_at=None,
        replay_error="",
        is_cut=False,
        data=None,
    )


def _members(body: bytes) -> dict[str, object]:
    try:
        members = from_json(body)
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _matches(letter: Letter, body: bytes, wanted: LetterFilter) -> bool:
    texts = (letter.reason, letter.source, letter.event_id, letter.event_type, letter.key)
    text = wanted.text.casefold()
    return (
        (wanted.ids is None or letter.id in wanted.ids)
        and wanted.group in ("", letter.group)
        and wanted.app_id in ("", letter.app_id)
        and wanted.topic in ("", letter.topic)
        and (wanted.since is None or letter.dead_at >= wanted.since)
        and (wanted.until is None or letter.dead_at < wanted.until)
        and wanted.reason.casefold() in letter.reason.casefold()
        and (any(text in each.casefold() for each in texts) or wanted.text.encode("utf-8", "replace") in body)
    )


def _group(letters: Sequence[Letter]) -> LetterGroup:
    first = letters[0]
    times = [letter.dead_at for letter in letters]
    return LetterGroup(
        first.group, first.app_id, first.pubsub, first.topic, first.route, first.error,
        pattern_of(first.reason), len(letters), min(times), max(times), first.id,
    )  # fmt: skip


def _number(letter: Letter) -> int:
    return int(letter.id.removeprefix(PARKED))

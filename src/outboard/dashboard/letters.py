"""The dead letters of all known databases, looked at and acted on as `outboard dead-letters` does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple

from outboard.dashboard.databases import KnownDatabase, known_databases
from outboard.dashboard.views.letter_query import LettersAsked, ReplayWish
from outboard.dashboard.views.letters_page import (
    DatabaseLetters,
    LetterRow,
    ReportView,
    group_rows,
    letter_rows,
    report_view,
)
from outboard.dashboard.views.mending import mended
from outboard.dashboard.watching import Watch
from outboard.errors import CommandError, OutboardError
from outboard.gojson.values import Json
from outboard.kit.deadletters.port import Letter, LetterSelection, LetterState
from outboard.kit.deadletters.replay import Progress
from outboard.kit.deadletters.replaying import AS_IT_IS
from outboard.live.letters import ByHand, LettersByHand, ReplayedByHand, opened_letters

__all__ = ["FullLetter", "KnownLetters"]

MOST: Final = 200
ANEW_SHOWN: Final = 20
BEFORE_ANY: Final = "p0"
"""Behind it stand the parked events alone."""
NO_LETTER: Final = "No letter waits."
NOTHING_PARKED: Final = "Nothing is parked in its outbox; it has no table of dead letters."


class FullLetter(NamedTuple):
    """A letter with its data as it is, which is not for showing; `other` names data that is no JSON."""

    letter: Letter
    data: Json
    other: str


class KnownLetters:
    """Those of the databases that hold letters, or an outbox, as `watch` knows them.

    All methods raise CommandError where there is no such database, DeadLettersUnavailable, OutboxUnavailable,
    and ValueError for a selection that is none.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    async def databases(self) -> Sequence[KnownDatabase]:
        """Each once, also where it holds letters and an outbox. Raises OSError."""
        return await known_databases(self._watch)

    async def uncollected(self, databases: Sequence[KnownDatabase]) -> Sequence[str]:
        """The apps that run and take events, and of which none of these has the letters."""
        told = {app_id for each in databases if "letters" in each.holds for app_id in each.app_ids}
        wirings = await self._watch.wirings()
        return sorted(each.app_id for each in wirings if each.subscriptions and each.app_id not in told)

    async def look(self, asked: LettersAsked, database: KnownDatabase) -> DatabaseLetters:
        """What `database` has of what is asked for; what is wrong with it is told."""
        mine = asked.in_database(database.id)
        title = ", ".join(database.app_ids) or database.shown
        try:
            async with self._opened(database) as found:
                letters, selection = found.letters, mine.selection
                count = await letters.count(**selection)
                shown = await letters.find(MOST, **selection) if mine.shows_letters else ()
                groups = () if mine.shows_letters else await letters.groups(MOST, **selection)
        except (OutboardError, ValueError) as error:
            return DatabaseLetters(database.id, title, database.shown, 0, (), (), mine, problem=str(error))
        return DatabaseLetters(
            database.id, title, database.shown, count,
            group_rows(groups, mine), letter_rows(shown), mine,
            NO_LETTER if "letters" in database.holds else NOTHING_PARKED,
        )  # fmt: skip

    async def get(self, database_id: str, id: str) -> FullLetter | None:
        """The letter with this id; None where there is none."""
        async with self._opened(await self._database(database_id)) as found:
            letter = await found.letters.get(id)
            if letter is None:
                return None
            return FullLetter(letter, *_data_in(await found.letters.envelope(id)))

    async def parked(self, database: KnownDatabase) -> Sequence[LetterRow]:
        """The oldest parked events of its outbox."""
        async with self._opened(database) as found:
            return letter_rows(await found.letters.find(MOST, after=BEFORE_ANY))

    async def plan(self, asked: LettersAsked, wish: ReplayWish) -> ReportView:
        """What `replay` would do. Raises as that, too."""
        async with self._opened(await self._database(asked.database)) as found:
            how = await _by_hand(found, asked, wish)
            return report_view(await found.plan(how, asked.selection))

    async def replay(self, asked: LettersAsked, wish: ReplayWish, progress: Progress) -> ReplayedByHand:
        """Publish them again. Raises MendedWrongly, SidecarError and what `Letters.replay` raises."""
        database = await self._database(asked.database)
        async with self._opened(database, writes=True) as found:
            how = await _by_hand(found, asked, wish)
            return await found.replay(how, asked.selection, progress)

    async def droppable(self, asked: LettersAsked) -> int:
        """How many `drop` would give up."""
        async with self._opened(await self._database(asked.database)) as found:
            return await found.letters.drop(everything=not asked.narrows, dry_run=True, **asked.selection)

    async def drop(self, asked: LettersAsked) -> int:
        """Give them up; how many."""
        async with self._opened(await self._database(asked.database), writes=True) as found:
            return await found.letters.drop(everything=not asked.narrows, **asked.selection)

    async def failed_since(self, asked: LettersAsked, since: datetime) -> tuple[int, Sequence[LetterRow]]:
        """Those that are asked for and failed since then: how many, and the first of them."""
        selection: LetterSelection = {**asked.selection, "state": LetterState.WAITING, "since": since}
        async with self._opened(await self._database(asked.database)) as found:
            letters = found.letters
            return await letters.count(**selection), letter_rows(await letters.find(ANEW_SHOWN, **selection))

    @asynccontextmanager
    async def _opened(self, database: KnownDatabase, *, writes: bool = False) -> AsyncIterator[LettersByHand]:
        running = {app.app_id for run in self._watch.runs if run.is_live for app in run.record.apps}
        app_id = next((each for each in database.app_ids if each in running), "")
        places = self._watch.places(app_id)
        async with opened_letters(database.url, database.prefix, places, writes=writes) as found:
            yield found

    async def _database(self, id: str) -> KnownDatabase:
        for each in await self.databases():
            if each.id == id:
                return each
        raise CommandError("this database is not known any more", "Look at all dead letters again.")


async def _by_hand(found: LettersByHand, asked: LettersAsked, wish: ReplayWish) -> ByHand:
    data: object = AS_IT_IS
    if wish.data is not None:
        if len(asked.ids) != 1:
            raise ValueError("data can be given for one letter alone")
        letter = await found.letters.get(asked.ids[0])
        original, _ = _data_in(await found.letters.envelope(asked.ids[0]))
        written = mended(wish.data, letter.data if letter else None, original)
        data = AS_IT_IS if written == original else written
    if wish.audience == "app" and not wish.app:
        raise ValueError("the app that is to take them is not named")
    app = wish.app if wish.audience == "app" else ""
    everybody = wish.audience == "everybody"
    return ByHand(wish.to, app, everybody, data, wish.limit, everything=not asked.narrows)


def _data_in(body: bytes | None) -> tuple[Json, str]:
    """The data of an envelope; and what it is, where it is no JSON."""
    try:
        members = json.loads(body or b"{}")
    except ValueError:
        return None, "no JSON"
    if not isinstance(members, dict) or "data" not in members:
        return None, "binary" if isinstance(members, dict) and "data_base64" in members else ""
    data: Json = members["data"]
    return data, ""

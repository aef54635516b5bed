"""Dead letters by hand: in the database of an app, published through the sidecar of a run."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from outboard.clock import SystemClock
from outboard.errors import CommandError, ExtraMissing
from outboard.hops.files.recording import HOPS_FOLDER
from outboard.hops.journal import Journal
from outboard.kit.board import Outboard
from outboard.kit.client.port import Publication
from outboard.kit.deadletters.letters import Letters
from outboard.kit.deadletters.port import LetterSelection, selected
from outboard.kit.deadletters.replay import Progress, Publishing
from outboard.kit.deadletters.replaying import AS_IT_IS, ReplayReport
from outboard.live.asking import wirings
from outboard.live.places import AppPlace, SearchPlaces, app_places, one_app

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from outboard.kit.deadletters.sql.opening import LetterTables

__all__ = ["ByHand", "LettersByHand", "ReplayedByHand", "letter_prefixes", "opened_letters"]

TIMEOUT: Final = 10.0


class OpensTables(Protocol):
    """Opens the tables of a database, by its URL and their prefix."""

    def __call__(
        self, url: str, prefix: str | None, *, writes: bool
    ) -> AbstractAsyncContextManager[LetterTables]: ...


class ByHand(NamedTuple):
    """How letters are replayed, as `Letters.replay` has it."""

    to: str = ""
    app: str = ""
    everybody: bool = False
    data: object = AS_IT_IS
    limit: int | None = None
    everything: bool = False


class ReplayedByHand(NamedTuple):
    """What became of it, and the app through whose sidecar; empty where none was needed."""

    report: ReplayReport
    app_id: str = ""


@dataclass(frozen=True, slots=True)
class LettersByHand:
    """The letters of one database, in tables that begin with `prefix`."""

    letters: Letters
    prefix: str
    others: Sequence[str]
    tables: LetterTables
    places: SearchPlaces

    async def plan(self, how: ByHand, selection: LetterSelection) -> ReplayReport:
        """What `replay` would do."""
        return await self.letters.replay(**how._asdict(), dry_run=True, **selection)

    async def replay(self, how: ByHand, selection: LetterSelection, progress: Progress) -> ReplayedByHand:
        """Publish them through a sidecar that runs; a parked event waits for its own app.

        Raises CommandError where there is no sidecar, and as `Letters.replay`.
        """
        collected = self.tables.collected
        if collected is None or not await collected.count(selected(selection).of_any_state()):
            return ReplayedByHand(await self.letters.replay(**how._asdict(), progress=progress, **selection))
        async with _connected(self.places) as (publishing, app_id):
            letters = Letters(collected, self.tables.parked, publishing)
            report = await letters.replay(**how._asdict(), progress=progress, **selection)
            return ReplayedByHand(report, app_id)


async def letter_prefixes(url: str) -> list[str]:
    """What the tables of letters and outboxes begin with that are in the database at `url`.

    Raises as `opened_letters`, but for several.
    """
    async with _opened_tables()(url, None, writes=False) as tables:
        return [tables.prefix, *tables.others]


@asynccontextmanager
async def opened_letters(
    url: str, prefix: str | None, places: SearchPlaces, *, writes: bool
) -> AsyncIterator[LettersByHand]:
    """The letters in the database at `url`, one of SQLAlchemy.

    Raises DeadLettersUnavailable, ExtraMissing; CommandError where it is not said which tables are meant.
    """
    async with _opened_tables()(url, prefix, writes=writes) as tables:
        if prefix is None and tables.others:
            told = ", ".join(f"'{each}'" for each in (tables.prefix, *tables.others))
            problem = f"there are tables of several services, which begin with {told}"
            raise CommandError(problem, "Name one of them with --prefix.")
        nobody = Publishing(_refuse, os.urandom, Journal("outboard", SystemClock()), SystemClock())
        letters = Letters(tables.collected, tables.parked, nobody)
        yield LettersByHand(letters, tables.prefix, tables.others, tables, places)


def _opened_tables() -> OpensTables:
    try:
        from outboard.kit.deadletters.sql.opening import opened_tables
    except ImportError as error:
        raise ExtraMissing("a table of dead letters", "SQLAlchemy", "sql") from error
    return opened_tables


async def _refuse(publication: Publication, timeout: float) -> None:
    raise AssertionError(f"nobody is connected to publish to '{publication.topic}' within {timeout} s")


@asynccontextmanager
async def _connected(places: SearchPlaces) -> AsyncIterator[tuple[Publishing, str]]:
    place, app_id = await _running(places)
    environment = {"DAPR_HTTP_ENDPOINT": place.endpoint, "DAPR_API_TOKEN": place.api_token}
    folder = places.environment.get(HOPS_FOLDER) or place.hops_folder
    if folder:
        environment[HOPS_FOLDER] = str(folder)
    board = Outboard(app_id=app_id, environ=environment, timeout=TIMEOUT)
    publisher = board.topic("-").publisher
    async with board.connected():
        journal = publisher.hops.journal
        yield Publishing(publisher.relay, publisher.randbytes, journal, SystemClock()), app_id


async def _running(places: SearchPlaces) -> tuple[AppPlace, str]:
    """The sidecar of the app that is named, else the first one that runs. Raises CommandError."""
    found = one_app(places, app_places(places))
    told = await wirings(found)
    for place, wiring in zip(found, told, strict=True):
        if wiring.runs:
            return place, wiring.app_id
    remarks = "; ".join(f"{each.app_id or 'it'}: {each.remark}" for each in told)
    raise CommandError(
        f"no sidecar answers ({remarks})",
        "Start the services with `outboard run`, or name a sidecar with --dapr-http-port.",
    )

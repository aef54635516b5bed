"""People who look after dead letters in a run, and do so at once: each replays whatever it finds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from typing import Final

from outboard.clock import SystemClock
from outboard.errors import DeadLettersUnavailable, NotConnected
from outboard.hops.journal import Journal
from outboard.kit.client.port import Publication
from outboard.kit.deadletters.letters import Letters
from outboard.kit.deadletters.parked import ParkedLetters
from outboard.kit.deadletters.port import PARKED, Letter
from outboard.kit.deadletters.replay import Publishing
from outboard.kit.outbox.sql.outbox import Outbox
from simulation.world import World

__all__ = ["MISFIT", "mended", "operate", "replay_parked"]

MISFIT: Final = "no number: "
"""What the data of a misfit have in the place of their number."""
TAKEN: Final = "and 0 are meant"
EARLY: Final = 0.3
"""How likely somebody is to replay what cannot be applied yet."""


async def _nowhere(publication: Publication, timeout: float) -> None:
    raise AssertionError(f"parked events are published by their relay: {publication.topic}")


NOWHERE: Final = Publishing(_nowhere, bytes, Journal("operator", SystemClock()), SystemClock())
WAYS: Final = {
    "one": 20, "its group": 15, "all": 15, "all, by a double click": 20, "some": 15, "given up": 5,
    "dry run": 10,
}  # fmt: skip


async def operate(world: World, letters: Letters, mended_at: float, ends: asyncio.Event) -> None:
    """Replay letters until it `ends`; `mended_at` is when their events can be applied."""
    while not ends.is_set():
        await world.wait(0.3, 1.5)
        is_mended = world.now >= mended_at
        if not is_mended and world.random.random() > EARLY:
            continue
        try:
            await _replay(world, letters, is_mended=is_mended)
        except (DeadLettersUnavailable, NotConnected) as error:  # somebody tries again
            world.tell(f"nothing is replayed: {error}")
        except Exception as error:
            world.loop.errors.append(f"a replay raised {type(error).__name__}: {error}")


async def _replay(world: World, letters: Letters, *, is_mended: bool) -> None:
    waiting = await letters.find(20)
    if not waiting:
        # What is left of a replay that did not end, or was given up, seldom: nobody looks all the time.
        await world.wait(1.0, 6.0)
        await letters.replay(everything=True)
        if is_mended and await letters.count(state="dropped"):
            await letters.replay(state="dropped", everything=True)
        return
    letter: Letter = world.pick(waiting)
    if is_mended and (data := await _mended(letters, letter)) is not None:
        await _with_data(letters, letter, data)
        return
    how = world.random.choices([*WAYS], [*WAYS.values()])[0]
    world.tell(f"replays dead letters: {how}")
    if how == "one":
        await letters.replay(ids=[letter.id])
    elif how == "its group":
        await letters.replay(group=letter.group)
    elif how == "all":
        await letters.replay(everything=True)
    elif how == "some":
        await letters.replay(everything=True, limit=2)
    elif how == "all, by a double click":
        await _twice(letters)
    elif how == "given up":
        await letters.drop(ids=[letter.id])
    else:
        await letters.replay(everything=True, dry_run=True)


async def _twice(letters: Letters) -> None:
    clicks = [letters.replay(everything=True) for _ in range(2)]
    for end in await asyncio.gather(*clicks, return_exceptions=True):
        if isinstance(end, BaseException):
            raise end


async def replay_parked(world: World, outbox: Outbox, known: Collection[int]) -> Sequence[Letter]:
    """Replay what `outbox` has parked, without the numbers that are `known`; which letters they were."""
    letters = Letters(None, ParkedLetters(outbox.store, ""), NOWHERE)
    waiting = await letters.find(100)
    again = [letter for letter in waiting if int(letter.id.removeprefix(PARKED)) not in known]
    if not again:
        return again
    if len(again) == len(waiting) and world.random.random() < 0.5:
        first = again[0].group
        again = [letter for letter in again if letter.group == first]
        await letters.replay(group=first)
    else:
        await letters.replay(ids=[letter.id for letter in again])
    world.tell(f"replays {len(again)} parked events")
    return again


async def _mended(letters: Letters, letter: Letter) -> object:
    """The data that `letter` is to have; None where its own will do."""
    envelope = await letters.envelope(letter.id)
    return None if envelope is None else mended(json.loads(envelope).get("data"))


def mended(data: object) -> object:
    """The data of a misfit as they should have been; None where they are no misfit's."""
    if not isinstance(data, dict) or not str(data["number"]).startswith(MISFIT):
        return None
    return {**data, "number": int(data["number"].removeprefix(MISFIT))}


async def _with_data(letters: Letters, letter: Letter, data: object) -> None:
    try:
        await letters.replay(ids=[letter.id], data=data)
    except ValueError as error:  # somebody else has taken it meanwhile
        if TAKEN not in str(error):
            raise

"""Looks at letters, publishes them again, and gives them up: of the table, and of the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Unpack

from outboard.kit.deadletters.parked import ParkedLetters
from outboard.kit.deadletters.port import (
    Letter,
    LetterFilter,
    LetterGroup,
    LetterSelection,
    LetterSource,
    LetterStore,
    selected,
)
from outboard.kit.deadletters.reading import ModelOf
from outboard.kit.deadletters.replay import Progress, Publishing, ReplayRun
from outboard.kit.deadletters.replaying import (
    AS_IT_IS,
    RefusedLetter,
    ReplayOptions,
    ReplayReport,
    refusal_of,
)

__all__ = ["Letters"]

DEFAULT_LIMIT: Final = 100
REFUSED_AT_MOST: Final = 1_000


def _not_told(done: int, of: int) -> None:
    """Nobody wants to know how far it is."""


class Letters:
    """The letters of `collected`, and what `parked` has; each of them may be missing.

    Letters are chosen by what `LetterSelection` says; without anything, those that are WAITING.
    """

    def __init__(
        self,
        collected: LetterStore | None,
        parked: ParkedLetters | None,
        publishing: Publishing,
        model_of: ModelOf = lambda pubsub, topic: None,
    ) -> None:
        self._collected = collected
        self._parked = parked
        self._publishing = publishing
        self._model_of = model_of

    async def groups(
        self, limit: int = DEFAULT_LIMIT, **selection: Unpack[LetterSelection]
    ) -> Sequence[LetterGroup]:
        """Letters of one handler that failed in one way, counted; the largest group first.

        Raises DeadLettersUnavailable, OutboxUnavailable, and ValueError for a selection that is none; as all
        methods here.
        """
        wanted = selected(selection)
        found = [group for source in self._sources for group in await source.groups(wanted, limit)]
        return sorted(found, key=lambda group: -group.count)[:limit]

    async def find(
        self, limit: int = DEFAULT_LIMIT, after: str = "", **selection: Unpack[LetterSelection]
    ) -> Sequence[Letter]:
        """The oldest first, from behind the one with the id `after`: those of the table, then parked ones."""
        return await self._find(selected(selection), limit, after)

    async def get(self, id: str) -> Letter | None:
        """The letter with this id, whatever became of it."""
        found = await self.find(1, ids=[id], state=None)
        return found[0] if found else None

    async def envelope(self, id: str) -> bytes | None:
        """The CloudEvent of a letter as it is, with what is `Sensitive`; None where there is none."""
        for source in self._sources:
            if (body := await source.body(id)) is not None:
                return body
        return None

    async def count(self, **selection: Unpack[LetterSelection]) -> int:
        """How many there are."""
        wanted = selected(selection)
        return sum([await source.count(wanted) for source in self._sources])

    async def replay(
        self,
        *,
        to: str = "",
        app: str = "",
        everybody: bool = False,
        data: object = AS_IT_IS,
        timeout: float = 10.0,
        limit: int | None = None,
        everything: bool = False,
        dry_run: bool = False,
        progress: Progress = _not_told,
        **selection: Unpack[LetterSelection],
    ) -> ReplayReport:
        """Publish letters again, with their ids, to the topics that they came from; parked events, too.

        The app that failed gets them alone, or `app`; with `everybody`, or another topic (`to`), whoever
        subscribes. `data` stands in the place of that of one letter. A letter that was published is not
        published by the next call: `state="replayed"` does so. `everything` has to be said where nothing
        else is. `progress` is told how many of how many were tried. A `dry_run` changes nothing.

        Raises InvalidName, InvalidEventData, NotConnected, and as `groups`.
        """
        options = ReplayOptions(to, app, everybody, data, timeout).checked()
        wanted = _narrowed(selected(selection), everything=everything)
        found = sum([await source.count(wanted) for source in self._sources])
        await self._check_data(wanted, options, found)
        if dry_run:
            return await self._planned(wanted, options, found, limit)
        refused: list[RefusedLetter] = []
        replayed, stopped = 0, ""
        if self._collected is not None and wanted.numbers != []:
            run = ReplayRun(self._collected, wanted, options, self._publishing)
            await run.run(limit, lambda tried: progress(tried, found))
            refused, replayed, stopped = run.refused, run.replayed, run.stopped
        left = None if limit is None else limit - replayed - len(refused)
        if self._parked is not None and left != 0:
            replayed += await self._parked.retry(wanted, options, left)
            progress(replayed + len(refused), found)
        return ReplayReport(found, replayed, refused, stopped)

    async def drop(
        self, *, everything: bool = False, dry_run: bool = False, **selection: Unpack[LetterSelection]
    ) -> int:
        """Give up letters that are WAITING; how many. Those of the table are kept until they expire.

        `state="dropped"` in a replay brings one back; a parked event is gone. Raises as `replay`.
        """
        wanted = _narrowed(selected(selection), everything=everything)
        if dry_run:
            return sum([await source.count(wanted) for source in self._sources])
        return sum([await source.drop(wanted) for source in self._sources])

    @property
    def _sources(self) -> Sequence[LetterSource]:
        sources: tuple[LetterSource | None, ...] = (self._collected, self._parked)
        return [source for source in sources if source is not None]

    async def _find(self, wanted: LetterFilter, limit: int, after: str = "") -> list[Letter]:
        found: list[Letter] = []
        for source in self._sources:
            if after.startswith("p") and source is self._collected:
                continue
            found += await source.find(wanted, limit - len(found), after)
            if len(found) >= limit:
                break
        return found

    async def _planned(
        self, wanted: LetterFilter, options: ReplayOptions, found: int, limit: int | None
    ) -> ReplayReport:
        """Looked at in pages: there may be a million."""
        refused: list[RefusedLetter] = []
        looked, after = 0, ""
        most = found if limit is None else min(limit, found)
        while looked < most and (
            page := await self._find(wanted, min(DEFAULT_LIMIT * 10, most - looked), after)
        ):
            for letter in page:
                reason = None if letter.id.startswith("p") else refusal_of(letter, options)
                if reason is not None:
                    refused.append(RefusedLetter(letter.id, reason))
            looked, after = looked + len(page), page[-1].id
        return ReplayReport(found, looked - len(refused), refused, dry_run=True)

    async def _check_data(self, wanted: LetterFilter, options: ReplayOptions, found: int) -> None:
        """Data is of one letter, and what the topic is declared with. Raises ValueError, InvalidEventData."""
        if options.data is AS_IT_IS:
            return
        letters = await self._find(wanted, 1) if found == 1 else []
        if not letters:  # of one that was found, too: somebody else may have taken it since
            meant = 0 if found == 1 else found
            raise ValueError(f"data can be given for one letter, and {meant} are meant: name one by its id")
        letter = letters[0]
        codec = self._model_of(letter.pubsub, options.to or letter.topic)
        if codec is not None:
            codec.check_data(options.data, letter.event_id)


def _narrowed(wanted: LetterFilter, *, everything: bool) -> LetterFilter:
    if wanted.is_everything and not everything:
        raise ValueError("no letters are named: say which, or `everything=True` for all that wait")
    return wanted

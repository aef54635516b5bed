"""The logs that a run keeps of its apps and their sidecars, read when they have changed, without secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from outboard.clock import Clock
from outboard.dashboard.recent import Recent
from outboard.doctor.laptop.local_app import targets_of
from outboard.doctor.laptop.secrets import secrets_of
from outboard.doctor.masking import Masker
from outboard.runs.finding import KnownRun
from outboard.runs.folder import RunFolder
from outboard.runs.log import MOST, older, tail

__all__ = ["AppLogReader"]

SECRETS_KEPT: Final = 30.0
"""Seconds after which it is asked anew what is secret."""
MOST_LINES: Final = MOST
"""Of both files of a log: all that they can have."""


class AppLogReader:
    """The lines of each log, kept as long as its files stay as they are."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[Path, tuple[object, Sequence[str]]] = {}
        self._maskers: dict[Path, Recent[Masker]] = {}

    async def lines(self, run: KnownRun, app_id: str, source: str) -> Sequence[str]:
        """All that are kept of an app or of its sidecar; none where there is no log. Raises OSError."""
        path = RunFolder(run.path).log(app_id, source)
        state = _state(path)
        known = self._known.get(path)
        if known is None or known[0] != state:
            mask = await self._masker(run)
            known = state, await asyncio.to_thread(_read, path, mask)
            self._known[path] = known
        return known[1]

    async def mask(self, runs: Sequence[KnownRun]) -> Callable[[str], str]:
        """What hides the secrets of the components of all `runs` in a text."""
        masks = [await self._masker(run) for run in runs]

        def hidden(text: str) -> str:
            for each in masks:
                text = each(text)
            return text

        return hidden

    async def _masker(self, run: KnownRun) -> Masker:
        async def look() -> Masker:
            return Masker(await secrets_of(targets_of(run)))

        found = self._maskers.setdefault(run.path, Recent(self._clock, SECRETS_KEPT, look))
        return await found.get()


def _state(path: Path) -> object:
    """Another value once one of its files has changed."""
    states = []
    for file in (path, older(path)):
        try:
            told = file.stat()
        except FileNotFoundError:
            states.append((0, 0))
        else:
            states.append((told.st_mtime_ns, told.st_size))
    return states


def _read(path: Path, mask: Masker) -> Sequence[str]:
    text = mask("\n".join(tail(path, MOST_LINES)))
    return text.split("\n") if text else []

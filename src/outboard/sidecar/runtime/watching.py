"""Being told that files in the resources folders have changed, and are written to their end.

The operating system tells of it, by watchfiles; where it cannot, the folders are looked at again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from itertools import chain, repeat
from pathlib import Path
from typing import Final

from outboard.clock import Clock
from outboard.host.file_state import FileState, changed_files, file_state
from outboard.sidecar.logs import SidecarLog
from outboard.tasks import background_tasks

__all__ = ["FolderWatch"]

STEP: Final = 50
DEBOUNCE: Final = 500
"""Milliseconds: of quiet after a change, and of changes without quiet, until they are told."""
FIRST_LOOKS: Final = (0.1, 0.3, 1.0, 2.0)
"""Seconds between looks at the start, when it is not known yet whether the system tells of changes."""
RESCAN: Final = 5.0
"""Seconds until folders are looked at though nothing was told: a link may lead to another folder."""
POLL: Final = 1.0
SETTLED: Final = 0.3
"""Seconds that whoever writes a file has for the rest of it."""


class FolderWatch:
    """The YAML files directly in `folders`. What they are when it is made is taken as known.

    At least each `rescan` seconds they are looked at, whatever the operating system tells.
    """

    def __init__(
        self, folders: Sequence[Path], clock: Clock, log: SidecarLog, rescan: float = RESCAN
    ) -> None:
        self._folders = folders
        self._clock = clock
        self._log = log
        self._known = file_state(folders)
        self._told = asyncio.Event()
        self._longest = min(rescan, RESCAN)
        self._looks = chain(FIRST_LOOKS, repeat(RESCAN))

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """The operating system is listened to while the block runs."""
        async with background_tasks(self._listen()):
            yield

    async def changed(self) -> tuple[Path, ...]:
        """Wait for a change: the files that have changed since they were told last."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(next(self._looks), self._longest)):
                    await self._told.wait()
            self._told.clear()
            if changed := await self._settled():
                return changed

    def look(self) -> None:
        """Something may have changed: look now."""
        self._told.set()

    async def until_settled(self) -> bool:
        """Wait a moment: whether anything has been written meanwhile."""
        before = self._state()
        await self._clock.sleep(SETTLED)
        return self._state() != before

    async def _settled(self) -> tuple[Path, ...]:
        """What has changed; a file that is empty may be about to be written."""
        now = self._state()
        if any(not size for path, (_, size, _) in now.items() if self._known.get(path) != now[path]):
            await self._clock.sleep(SETTLED)
            now = self._state()
        changed, self._known = changed_files(self._known, now), now
        return changed

    def _state(self) -> FileState:
        return file_state(self._folders)

    async def _listen(self) -> None:
        try:
            await asyncio.to_thread(import_module, "watchfiles")  # which takes long
            while True:
                self.look()
                if all(folder.is_dir() for folder in self._folders):
                    await self._listen_while_there()
                await asyncio.sleep(POLL)  # a folder that comes again is to be watched again
        except (ImportError, OSError, RuntimeError) as error:
            self._longest = min(self._longest, POLL)
            text = (
                "the resources folders are looked at each %g s, since the system does not tell of changes: %s"
            )
            self._log.info(text, self._longest, error)

    async def _listen_while_there(self) -> None:
        from watchfiles import awatch

        told = awatch(
            *self._folders,
            watch_filter=None,
            debounce=DEBOUNCE,
            step=STEP,
            rust_timeout=int(RESCAN * 1000),
            yield_on_timeout=True,
            recursive=False,
        )
        async for changes in told:
            if changes:
                self.look()
            if not all(folder.is_dir() for folder in self._folders):
                return

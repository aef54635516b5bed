"""Tells those who look at the record of hops in which databases a board keeps its letters and its outbox."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from outboard.hops.files.databases import AppDatabase, Holding, tell_database
from outboard.hops.files.recording import HOPS_FOLDER

__all__ = ["BoardDatabases"]

log: Final = logging.getLogger("outboard.hops")


class _Kept(Protocol):
    def when_known(self, told: Callable[[str, str], None]) -> None:
        """Call `told` with the URL and the prefix: now, or at the first use of an engine not made yet."""


class BoardDatabases:
    """Those of the app `app_id`; `environ` says where hops are recorded; else nothing is told."""

    def __init__(self, environ: Mapping[str, str], app_id: str) -> None:
        self._environ = environ
        self._app_id = app_id
        self._kept: list[tuple[Holding, _Kept]] = []

    def add(self, holds: Holding, kept: _Kept) -> None:
        """The board has this."""
        self._kept.append((holds, kept))

    def tell(self) -> None:
        """The app runs: whoever looks may know."""
        folder = self._environ.get(HOPS_FOLDER, "").strip()
        if not folder:
            return
        for holds, kept in self._kept:
            kept.when_known(self._telling(Path(folder), holds))

    def _telling(self, folder: Path, holds: Holding) -> Callable[[str, str], None]:
        def tell(url: str, prefix: str) -> None:
            try:
                tell_database(folder, AppDatabase(self._app_id, holds, url, prefix))
            except OSError as error:
                log.warning("the dashboard is not told where the %s of this app lie: %s", holds, error)

        return tell

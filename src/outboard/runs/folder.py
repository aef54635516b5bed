"""The private folder of one run: what is told of it, its tokens, and the end of its logs.

RUNS/20261128-224715-3fa9/
  run.json             the record; a reader sees the old or the new one, never a part
  tokens.json          the tokens of each app; gone when the run ends
  APP.sidecar.log      the last lines of a sidecar, in daprd's form
  APP.app.log          the last lines of an app
  hops/                the hops of the events, each process's own files
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote

from outboard.host.private_files import private_opener
from outboard.runs.record import RunRecord, run_as_json

__all__ = [
    "HOPS",
    "LOGS",
    "RECORD",
    "TOKENS",
    "RunFolder",
    "Tokens",
    "make_run_folder",
    "remove_run_folder",
    "runs_folder",
]

Tokens: TypeAlias = Mapping[str, Mapping[str, str]]
"""App → variable (DAPR_API_TOKEN, APP_API_TOKEN) → its token."""
HOPS: Final = "hops"
RECORD: Final = "run.json"
TOKENS: Final = "tokens.json"
LOGS: Final[Mapping[str, str]] = {"app": "app.log", "sidecar": "sidecar.log"}
"""The source of a line, and how the name of its file ends."""
OWNER_ALONE: Final = 0o700
ID_BYTES: Final = 2


def runs_folder(home: Path) -> Path:
    """Where the folders of all runs are; `home` is the user's."""
    return home / ".outboard" / "runs"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder `path`, written to by its run alone."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def hops(self) -> Path:
        """The folder of the record of hops; whoever writes to it makes it."""
        return self.path / HOPS

    def write(self, record: RunRecord) -> None:
        """Replace the record. Raises OSError."""
        self._replace(RECORD, run_as_json(record))

    def write_tokens(self, tokens: Tokens) -> None:
        """Keep the secrets apart from the record, which people show to others. Raises OSError."""
        self._replace(TOKENS, json.dumps(tokens).encode())

    def forget_tokens(self) -> None:
        """The run has ended: nobody is to be told them any more. Raises OSError."""
        (self.path / TOKENS).unlink(missing_ok=True)

    def log(self, app_id: str, source: str) -> Path:
        """The file of an app's lines, or of its sidecar's."""
        return self.path / f"{quote(app_id, safe='')}.{LOGS[source]}"

    def _replace(self, name: str, content: bytes) -> None:
        fresh = self.path / f"{name}.new"
        with open(fresh, "wb", opener=private_opener) as file:
            file.write(content)
        fresh.replace(self.path / name)


def make_run_folder(runs: Path, now: datetime) -> RunFolder:
    """A new folder below `runs`, for this user alone. Raises OSError."""
    runs.mkdir(parents=True, exist_ok=True)
    runs.chmod(OWNER_ALONE)
    while True:
        path = runs / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(ID_BYTES)}"
        with suppress(FileExistsError):  # of another run that starts now: the next one gets another name
            path.mkdir(mode=OWNER_ALONE)
            return RunFolder(path)


def remove_run_folder(path: Path) -> None:
    """Remove the folder of a run that has ended; another run may do the same now. Raises OSError."""
    with suppress(FileNotFoundError):
        shutil.rmtree(path)

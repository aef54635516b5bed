"""What the folder of a run says of it, as values, and as the JSON of its `run.json`.

A reader takes what it knows of a newer record of the same format, and defaults for what an older one lacks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Final

from pydantic import TypeAdapter, ValidationError

from outboard.host.processes import ProcessIdentity

__all__ = ["FORMAT", "RecordUnreadable", "RunRecord", "RunningApp", "run_as_json", "run_from_json"]

FORMAT: Final = 1
"""Of `run.json`; another number is another meaning of what stands there."""


class RecordUnreadable(Exception):
    """A `run.json` that is not whole, or of another format."""


@dataclass(frozen=True, slots=True)
class RunningApp:
    """One app of a run, with its sidecar. A process that is not known, or has ended, is 0, and so is a port
    that is not open.

    `sidecar` is daprd's command line, without the program. `attached`: somebody else starts the app.
    `exit_code` is that of the app's last end. Paths are absolute.
    """

    app_id: str
    directory: str
    origin: str = ""
    app_port: int = 0
    app_host: str = "127.0.0.1"
    app_protocol: str = "http"
    http_port: int = 0
    grpc_port: int = 0
    metrics_port: int = 0
    pid: int = 0
    sidecar_pid: int = 0
    resources_paths: tuple[str, ...] = ()
    sidecar: tuple[str, ...] = ()
    namespace: str = ""
    attached: bool = False
    reload: bool = False
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run: `process` is that of `outboard run` itself, `engine` is `outboard` or `daprd`.

    `run_file` is empty where the apps came from the command line; `directory` is where the command was
    given. `ready` is what `outboard run` says at `ready`. `ended` is None while it runs, and `problem` then
    says why it could not start, or ended before it was asked to.
    """

    run_id: str
    outboard: str
    engine: str
    run_file: str
    directory: str
    started: datetime
    process: ProcessIdentity
    apps: tuple[RunningApp, ...] = ()
    format: int = FORMAT
    daprd: str = ""
    ready: bool = False
    ended: datetime | None = None
    problem: str = ""

    def app(self, app_id: str) -> RunningApp | None:
        """The app of that name."""
        return next((app for app in self.apps if app.app_id == app_id), None)

    @property
    def resources_paths(self) -> frozenset[str]:
        """The folders of component files of all its apps."""
        return frozenset(path for app in self.apps for path in app.resources_paths)

    def with_app(self, changed: RunningApp) -> RunRecord:
        """The same run, in which the app of that name is as `changed`."""
        return replace(
            self, apps=tuple(changed if app.app_id == changed.app_id else app for app in self.apps)
        )


def run_as_json(record: RunRecord) -> bytes:
    """What stands in `run.json`."""
    return _adapter().dump_json(record, indent=2) + b"\n"


def run_from_json(text: bytes) -> RunRecord:
    """The record that `run.json` holds. Raises RecordUnreadable."""
    try:
        record = _adapter().validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise RecordUnreadable(f"it is not whole: {first['loc']} {first['msg']}") from error
    if record.format != FORMAT:
        raise RecordUnreadable(f"it is of format {record.format}, and this version reads {FORMAT}")
    return record


@cache
def _adapter() -> TypeAdapter[RunRecord]:
    return TypeAdapter(RunRecord)

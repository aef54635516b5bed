"""Where log lines go: to the console, to a file as Dapr names it, or both."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO, TypeAlias

from outboard.clock import Clock
from outboard.host.private_files import private_opener
from outboard.run.output.events import FiledLine, LogLine, Report, Source
from outboard.run.output.logrus import parse_line
from outboard.run.plan.plan import AppPlan
from outboard.run.plan.template import Destination
from outboard.sidecar.logs import DaprFormatter, handled_by

__all__ = ["AppLog", "SidecarLogs", "app_log", "daprd_log"]

AppLog: TypeAlias = Callable[[str], None]

FILE_WORDS: Final[Mapping[Source, str]] = {Source.APP: "app", Source.SIDECAR: "daprd"}
LEVEL_NAMES: Final = {"warning": "warn", "critical": "fatal"}


def log_file(directory: Path, app_id: str, source: Source, now: datetime) -> Path:
    """Where `dapr run -f` writes a log too: `.dapr/logs/APP_app_TIME.log` in the app's folder."""
    name = f"{app_id}_{FILE_WORDS[source]}_{now:%Y%m%d%H%M%S}.log"
    return directory / ".dapr" / "logs" / name


@contextmanager
def app_log(app: AppPlan, report: Report, now: datetime) -> Iterator[AppLog]:
    """What takes the lines of an app. Raises OSError where its file cannot be written."""
    kind = _kind(app.app_log)
    with _file(app, app.app_log, Source.APP, now) as file:

        def take(line: str) -> None:
            report(kind(app.app_id, Source.APP, line))
            if file is not None:
                file.write(line + "\n")

        yield take


@contextmanager
def daprd_log(app: AppPlan, report: Report, now: datetime) -> Iterator[AppLog]:
    """What takes the lines of an app's daprd: whole into its file, level and message to the console.

    Raises OSError where the file cannot be written.
    """
    kind = _kind(app.sidecar_log)
    with _file(app, app.sidecar_log, Source.SIDECAR, now) as file:

        def take(line: str) -> None:
            level, message = parse_line(line)
            report(kind(app.app_id, Source.SIDECAR, message, level))
            if file is not None:
                file.write(line + "\n")

        yield take


class SidecarLogs:
    """Sorts the records of the sidecars in this process by app."""

    def __init__(self, report: Report, clock: Clock) -> None:
        self._clock = clock
        self._handler = _SidecarHandler(report)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """They are reported while the block runs, and written to a file where that is `kept`."""
        with handled_by(self._handler):
            yield

    @contextmanager
    def kept(self, app: AppPlan) -> Iterator[None]:
        """Where the author of `app` wants it, its sidecar's log is in a file while the block runs."""
        with _file(app, app.sidecar_log, Source.SIDECAR, self._clock.now()) as file:
            self._handler.files[app.app_id] = file
            self._handler.kinds[app.app_id] = _kind(app.sidecar_log)
            try:
                yield
            finally:
                del self._handler.files[app.app_id]


class _SidecarHandler(logging.Handler):
    def __init__(self, report: Report) -> None:
        super().__init__()
        self.files: dict[str, TextIO | None] = {}
        self.kinds: dict[str, type[LogLine]] = {}
        self._report = report
        self._text = DaprFormatter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._pass_on(record)
        except OSError:  # a full disk must not break into the sidecar; logging tells of it
            self.handleError(record)

    def _pass_on(self, record: logging.LogRecord) -> None:
        fields: Mapping[str, str] = getattr(record, "dapr", {})
        app = fields.get("app_id", "")
        level = record.levelname.lower()
        kind = self.kinds.get(app, LogLine)
        self._report(kind(app, Source.SIDECAR, self._line(record), LEVEL_NAMES.get(level, level)))
        file = self.files.get(app)
        if file is not None:
            file.write(self._text.format(record) + "\n")

    def _line(self, record: logging.LogRecord) -> str:
        """The message alone: the time and the app stand elsewhere on a console."""
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self._text.formatException(record.exc_info)
        return message


def _kind(wanted: Destination) -> type[LogLine]:
    return FiledLine if wanted is Destination.FILE else LogLine


@contextmanager
def _file(app: AppPlan, wanted: Destination, source: Source, now: datetime) -> Iterator[TextIO | None]:
    if wanted is Destination.CONSOLE:
        yield None
        return
    path = log_file(app.directory, app.app_id, source, now)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8", buffering=1, opener=private_opener) as file:
        yield file

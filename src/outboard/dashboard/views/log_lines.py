"""The lines of a log as a person looks for them: by level, and by a word."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import urlencode

from outboard.dashboard.views.moments import moment
from outboard.doctor.reading import sidecar_line

__all__ = ["SOURCES", "LogFilter", "LogLevel", "LogRow", "log_rows", "naming"]

SOURCES: Final = ("app", "sidecar")
LONGEST: Final = 4_000
"""Characters of a line that are shown."""
ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
WORDS: Final = r"DEBUG|TRACE|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|FATAL"
LEVEL: Final = re.compile(
    rf"^\W*({WORDS})\b|\blevel[\"']?[=:]\s*[\"']?({WORDS})\b|[\[|\s]({WORDS})[\]|:\s]", re.IGNORECASE
)
"""As uvicorn, logging, logrus, loguru and JSON write it, near the beginning of a line."""
LOOKED_THROUGH: Final = 120
CONTINUED: Final = re.compile(
    r"^(\s|Traceback |During handling|The above exception|[\w.]+(Error|Exception)\b)"
)


class LogLevel(StrEnum):
    """How bad a line is; those above it count, too."""

    ALL = ""
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


ORDER: Final[Mapping[str, int]] = {
    "trace": 0, "debug": 0, "info": 1, "notice": 1, "warn": 2, "warning": 2, "error": 3, "critical": 3,
    "fatal": 3,
}  # fmt: skip
RANKS: Final[Mapping[LogLevel, int]] = {
    LogLevel.ALL: 0, LogLevel.INFO: 1, LogLevel.WARN: 2, LogLevel.ERROR: 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which lines are wanted: of an app, or of its sidecar (`source`), from a level on, with a text."""

    app: str = ""
    source: str = "app"
    level: LogLevel = LogLevel.ALL
    text: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> LogFilter:
        """What an address says; what is none of the choices is the first of them."""
        source, level = query.get("source", ""), query.get("level", "")
        return cls(
            query.get("app", ""),
            source if source in SOURCES else "app",
            LogLevel(level) if level in set(LogLevel) else LogLevel.ALL,
            query.get("text", "").strip(),
        )

    @property
    def query(self) -> str:
        """The part of an address that says it."""
        said = {"app": self.app, "source": self.source, "level": self.level.value, "text": self.text}
        return f"?{urlencode({name: value for name, value in said.items() if value})}"

    def takes(self, row: LogRow) -> bool:
        return ORDER.get(row.level, 1) >= RANKS[self.level] and self.text.casefold() in row.text.casefold()


class LogRow(NamedTuple):
    """`level` is empty where none is known; `at` is the time of day where the line says it."""

    level: str
    text: str
    at: str = ""
    source: str = ""
    app_id: str = ""


def log_rows(lines: Iterable[str], wanted: LogFilter, most: int) -> list[LogRow]:
    """The last `most` of those that are wanted, in their order."""
    read = _of_sidecar(lines) if wanted.source == "sidecar" else _of_app(lines)
    return list(deque((row for row in read if wanted.takes(row)), maxlen=most))


def naming(ids: Iterable[str], lines: Iterable[str], app_id: str, source: str, most: int) -> list[LogRow]:
    """The last `most` lines that name one of `ids`."""
    wanted = [each for each in ids if each]
    own = [line for line in lines if any(each in line for each in wanted)]
    return [
        row._replace(app_id=app_id, source=source) for row in log_rows(own, LogFilter(source=source), most)
    ]


def _of_sidecar(lines: Iterable[str]) -> Iterator[LogRow]:
    for line in lines:
        seen = sidecar_line(line)
        yield LogRow(seen.level, _shown(seen.message), moment(seen.at.timestamp()).clock if seen.at else "")


def _of_app(lines: Iterable[str]) -> Iterator[LogRow]:
    """What goes on from a line before, as a traceback does, has its level."""
    last = ""
    for line in lines:
        text = ANSI.sub("", line)
        found = LEVEL.search(text[:LOOKED_THROUGH])
        if found:
            last = next(filter(None, found.groups())).lower().replace("warning", "warn")
        elif text.startswith("Traceback "):
            last = "error"
        elif not CONTINUED.match(text):
            last = ""
        yield LogRow(last, _shown(text))


def _shown(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"

"""daprd's log lines, as text or JSON, told apart by app where several sidecars share a process."""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, TextIO

__all__ = ["LOGGER_NAME", "DaprFormatter", "SidecarLog", "handled_by", "install", "speaking"]

LOGGER_NAME: Final = "outboard.sidecar"
SERVER_LOGGER_NAME: Final = "uvicorn.error"
RUNTIME: Final = "dapr.runtime"
LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}
NAMES: Final = {logging.WARNING: "warning", logging.CRITICAL: "fatal"}
COMPONENTS: Final = "processor"
BARE: Final = re.compile(r"[A-Za-z0-9\-._/@^+]+\Z")


class SidecarLog(logging.LoggerAdapter[logging.Logger]):
    """The log of one sidecar: knows its app, and lets through what is at least `level`."""

    def __init__(self, app_id: str, level: str, version: str, scope: str = RUNTIME) -> None:
        super().__init__(logging.getLogger(LOGGER_NAME))
        self._threshold = LEVELS[level]
        self._settings = (app_id, level, version)
        self._fields = {"app_id": app_id, "instance": socket.gethostname(), "scope": scope, "ver": version}

    def scoped(self, scope: str) -> SidecarLog:
        """The same log for another part of the runtime, such as `processor`."""
        return SidecarLog(*self._settings, scope=f"{RUNTIME}.{scope}")

    @property
    def fields(self) -> dict[str, str]:
        """What stands at the end of each line."""
        return self._fields

    def isEnabledFor(self, level: int) -> bool:
        return level >= self._threshold and self.logger.isEnabledFor(level)

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        kwargs["extra"] = {"dapr": {**self._fields, **(kwargs.get("extra") or {})}}
        return msg, kwargs


_SPEAKER: ContextVar[SidecarLog | None] = ContextVar("_SPEAKER", default=None)


@contextmanager
def speaking(log: SidecarLog, scope: str = COMPONENTS) -> Iterator[None]:
    """What is logged in this block, and in tasks begun in it, without naming a sidecar is `log`'s.

    Component adapters and the HTTP server log through plain loggers; this tells the sidecars of one process
    apart there too. `scope` is the part of the runtime that is named.
    """
    token = _SPEAKER.set(log.scoped(scope))
    try:
        yield
    finally:
        _SPEAKER.reset(token)


def _attribute(record: logging.LogRecord) -> bool:
    """Give a record its sidecar, where it names none; False where that one does not want it."""
    if hasattr(record, "dapr"):
        return True
    log = _SPEAKER.get()
    if log is not None:
        record.dapr = log.fields
    return log is None or log.isEnabledFor(record.levelno)


class DaprFormatter(logging.Formatter):
    """A record as daprd writes it; never coloured, never cut."""

    def __init__(self, *, as_json: bool = False) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        fields = self._fields(record)
        if self._as_json:
            return json.dumps(dict(sorted(fields.items())), ensure_ascii=False)
        return " ".join(f"{name}={_quoted(name, value)}" for name, value in fields.items())

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        more: dict[str, str] = getattr(record, "dapr", {})
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        level = NAMES.get(record.levelno, record.levelname.lower())
        head = {"time": at.replace("+00:00", "Z"), "level": level, "msg": message}
        return {**head, **dict(sorted({"type": "log", **more}.items()))}


def _quoted(name: str, value: object) -> str:
    text = str(value)
    if name not in {"time", "msg"} and BARE.match(text):
        return text
    return json.dumps(text, ensure_ascii=False)


@contextmanager
def install(stream: TextIO, *, as_json: bool = False) -> Iterator[None]:
    """Send the logs of the sidecars of this process to `stream` while the block runs."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(DaprFormatter(as_json=as_json))
    with handled_by(handler):
        yield


@contextmanager
def handled_by(handler: logging.Handler) -> Iterator[None]:
    """Give `handler` the records of this process's sidecars; `record.dapr["app_id"]` tells them apart.

    Those of the HTTP server are among them: on its own it would write past the log, in a form of its own.
    """
    handler.addFilter(_attribute)
    with (
        _handled_by(handler, LOGGER_NAME, logging.DEBUG),
        _handled_by(handler, SERVER_LOGGER_NAME, logging.WARNING),
    ):
        yield


@contextmanager
def _handled_by(handler: logging.Handler, name: str, level: int) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]

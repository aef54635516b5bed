from __future__ import annotations

import logging
import sys

import pytest

from outboard.errors import ComponentInitFailed
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.kafka.library_log import LibraryLog
from outboard.sidecar.components.kafka.pubsub import create
from support.kafka_component import properties

LIBRARY = "outboard.sidecar.components.kafka.library"


@pytest.mark.anyio
async def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, LIBRARY, raising=False)
    monkeypatch.delattr("outboard.sidecar.components.kafka.library", raising=False)
    monkeypatch.setitem(sys.modules, "aiokafka", None)
    with pytest.raises(ComponentInitFailed, match=r"pip install 'outboard\[kafka\]'"):
        await create(properties(brokers="localhost:1", authType="none"), ComponentContext("app"))


def said_by(log: LibraryLog, *texts: str, level: int = logging.ERROR) -> None:
    with log.listening():
        for text in texts:
            logging.getLogger("aiokafka.conn").log(level, text)


def test_the_library_is_heard_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    log = LibraryLog("kafka-pubsub", lambda: now[0])
    log.attach()
    try:
        said_by(log, "away", "away", "back")
        now[0] = 11.0
        said_by(log, "away")
        logging.getLogger("aiokafka.conn").error("somebody else's")
    finally:
        log.detach()
    said_by(log, "late")

    ours = [record.getMessage() for record in caplog.records if record.name.startswith("outboard")]
    assert ours == [f"kafka client of 'kafka-pubsub': {text}" for text in ("away", "back", "away")]
    assert log.last == "away"


def test_requests_with_their_passwords_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    log = LibraryLog("kafka-pubsub", lambda: 0.0)
    log.attach()
    try:
        said_by(
            log, "Request: SaslAuthenticateRequest(sasl_auth_bytes=b'u\\x00u\\x00hush')", level=logging.DEBUG
        )
    finally:
        log.detach()

    assert "hush" not in caplog.text

from __future__ import annotations

import io
import json
import logging

from outboard.sidecar.logs import SidecarLog, install, speaking


def test_lines_are_daprds() -> None:
    stream = io.StringIO()
    with install(stream):
        SidecarLog("api", "info", "1.18.1").scoped("processor").info('Component loaded: "x"')
    [line] = stream.getvalue().splitlines()
    assert ' level=info msg="Component loaded: \\"x\\"" app_id=api instance=' in line
    assert line.startswith('time="')
    assert line.endswith(" scope=dapr.runtime.processor type=log ver=1.18.1")


def test_json_and_levels() -> None:
    stream = io.StringIO()
    with install(stream, as_json=True):
        log = SidecarLog("api", "warn", "v")
        log.info("not wanted")
        log.warning("careful")
        log.critical("over")
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(record["level"], record["msg"], record["app_id"]) for record in records] == [
        ("warning", "careful", "api"),
        ("fatal", "over", "api"),
    ]


def test_what_adapters_log_is_told_apart_by_sidecar() -> None:
    stream = io.StringIO()
    adapter = logging.getLogger("outboard.sidecar.components.some")
    with install(stream):
        with speaking(SidecarLog("one", "info", "v")):
            adapter.info("hello")
        with speaking(SidecarLog("two", "error", "v")):
            adapter.info("too quiet for two")
        adapter.info("nobody's")
    first, second = stream.getvalue().splitlines()
    assert 'msg="hello" app_id=one' in first
    assert "app_id" not in second


def test_the_logger_is_left_as_it_was() -> None:
    logger = logging.getLogger("outboard.sidecar")
    before = logger.level, logger.propagate, list(logger.handlers)
    with install(io.StringIO()):
        pass
    assert (logger.level, logger.propagate, list(logger.handlers)) == before

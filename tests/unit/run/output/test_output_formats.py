"""Events as lines for a person and for a machine."""

from __future__ import annotations

import json

import pytest

from outboard.run.output.events import (
    AppEnded,
    AppEndpoint,
    AppFound,
    AppStarted,
    Attach,
    Caution,
    DashboardServed,
    LogLine,
    Note,
    Ready,
    Reloading,
    RunEvent,
    RunFailed,
    RunStopped,
    RunStopping,
    SlowStart,
    Source,
    SubscriptionsChanged,
)
from outboard.run.output.formats import JsonLines, TextLines

EVERY_EVENT: tuple[RunEvent, ...] = (
    DashboardServed("http://127.0.0.1:8420/?token=t"),
    LogLine("api", Source.APP, "hello"),
    Caution("look"),
    Note("so it is"),
    AppStarted("api", 7),
    Attach("api", 8000, "/project", ("python", "-m", "api"), {"APP_ID": "api"}),
    AppFound("api", 8000),
    Ready((AppEndpoint("api", "http://localhost:8000", "http://localhost:3500"),)),
    Reloading("api", ("main.py",)),
    SlowStart("api", 8000, 10.0),
    SlowStart("api", 8000, 10.0, listens=True),
    SlowStart("api", 8000, 10.0, elsewhere=(8080, 8081)),
    SubscriptionsChanged("api"),
    AppEnded("api", 0, "it is done"),
    RunStopping("Ctrl-C"),
    RunStopped(),
    RunFailed("no such thing", "dapr.yaml", 3),
)


class Written:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.styles: list[tuple[int, str]] = []

    def __call__(self, line: str, styled: int, style: str) -> None:
        self.lines.append(line)
        self.styles.append((styled, style))


def test_app_and_sidecar_are_told_apart_and_aligned() -> None:
    written = Written()
    report = TextLines(written, ["api", "worker"])
    report(LogLine("api", Source.APP, "one"))
    report(LogLine("worker", Source.SIDECAR, "two", "info"))
    report(LogLine("worker", Source.SIDECAR, "three", "warn"))
    assert written.lines == ["api         | one", "worker dapr | two", "worker dapr | WARN three"]


def test_each_app_has_a_colour_of_its_own_on_the_prefix_only() -> None:
    written = Written()
    report = TextLines(written, ["api", "worker"])
    report(LogLine("api", Source.APP, "x"))
    report(LogLine("api", Source.SIDECAR, "x"))
    report(LogLine("worker", Source.APP, "x"))
    assert written.styles[0] == written.styles[1]
    assert written.styles[0][1] != written.styles[2][1]
    assert {styled for styled, _ in written.styles} == {len("worker dapr | ")}


def test_every_line_of_a_record_has_the_prefix() -> None:
    written = Written()
    TextLines(written, ["a"])(LogLine("a", Source.APP, "first\nsecond"))
    assert written.lines == ["a        | first", "a        | second"]


def test_an_empty_line_stays_a_line() -> None:
    written = Written()
    TextLines(written, ["a"])(LogLine("a", Source.APP, ""))
    assert written.lines == ["a        | "]


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_every_event_can_be_read_by_people_and_machines(event: RunEvent) -> None:
    written, machine = Written(), list[str]()
    TextLines(written, ["api"])(event)
    JsonLines(machine.append)(event)
    assert written.lines
    (line,) = machine
    assert json.loads(line)["event"]


def test_an_attached_app_gets_its_environment_whole() -> None:
    machine = list[str]()
    environment = {"APP_ID": "api", "TOKEN": "a b'c"}
    JsonLines(machine.append)(Attach("api", 8000, "/project", ("python",), environment))
    assert json.loads(machine[0])["environment"] == environment


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        (False, ["cd '/my project'", "export APP_ID=api", "export TOKEN='a b'", "python -m api"]),
        (True, ['cd /d "/my project"', 'set "APP_ID=api"', 'set "TOKEN=a b"', "python -m api"]),
    ],
)
def test_how_to_start_an_attached_app_can_be_copied_into_a_shell(windows: bool, expected: list[str]) -> None:
    written = Written()
    environment = {"APP_ID": "api", "TOKEN": "a b"}
    event = Attach("api", 8000, "/my project", ("python", "-m", "api"), environment)
    TextLines(written, ["api"], windows=windows)(event)
    assert "api is waited for on port 8000" in written.lines[0]
    assert written.lines[1:] == expected

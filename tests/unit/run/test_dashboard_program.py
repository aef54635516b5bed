"""The dashboard of a run: what is started, and what is said where it cannot be."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from outboard.clock import SystemClock
from outboard.run.dashboard_program import RunDashboard, WantedDashboard, dashboard_of
from outboard.run.output.events import Caution, DashboardServed, Note, RunEvent
from outboard.run.processes.process import Launch

pytestmark = pytest.mark.anyio


def program(tmp_path: Path, text: str) -> RunDashboard:
    return RunDashboard(Launch([sys.executable, "-c", text], tmp_path, {}))


async def reported(dashboard: RunDashboard, *, ready: bool = True) -> list[RunEvent]:
    """What it reports until it ends by itself."""
    events: list[RunEvent] = []
    is_ready = asyncio.Event()
    if ready:
        is_ready.set()
    await dashboard.serve(is_ready, events.append, asyncio.Event(), SystemClock())
    return events


def test_it_shows_the_run_that_is_recorded(tmp_path: Path) -> None:
    found = dashboard_of(tmp_path / "20261129-1", WantedDashboard(8420, installed=True))
    assert found.launch is not None
    assert found.launch.command[1:5] == ["-P", "-m", "outboard", "dashboard"]
    assert found.launch.command[5:] == ["--run", "20261129-1", "--port", "8420", "--output", "json"]


def test_where_apps_send_it_spans_it_starts_with_them_and_has_its_token_from_no_command_line(
    tmp_path: Path,
) -> None:
    wanted = WantedDashboard(4320, True, "the-token-of-spans")
    found = dashboard_of(tmp_path / "20261129-1", wanted)
    assert found.with_apps
    assert found.launch is not None
    assert "the-token-of-spans" not in " ".join(found.launch.command)
    assert found.launch.environment["OUTBOARD_SPANS_TOKEN"] == "the-token-of-spans"
    assert wanted.spans is not None
    assert wanted.spans.endpoint == "http://127.0.0.1:4320/v1/traces"
    assert not dashboard_of(tmp_path / "20261129-1", WantedDashboard(4320, True)).with_apps


async def test_one_that_starts_with_the_apps_tells_its_address_at_ready(tmp_path: Path) -> None:
    text = """print('{"event": "dashboard", "url": "http://127.0.0.1:1/?token=t"}')"""
    dashboard = replace(program(tmp_path, text), with_apps=True)
    served, _ = await reported(dashboard)
    assert served == DashboardServed("http://127.0.0.1:1/?token=t")
    dashboard = replace(program(tmp_path, text), with_apps=True)
    serving = asyncio.create_task(reported(dashboard, ready=False))
    await dashboard.until_up()
    (ended,) = await serving
    assert isinstance(ended, Caution)


async def test_apps_wait_for_no_dashboard_that_is_not_there_or_takes_no_spans(tmp_path: Path) -> None:
    gone = RunDashboard(Launch([str(tmp_path / "nothing")], tmp_path, {}), with_apps=True)
    await asyncio.gather(gone.until_up(), reported(gone, ready=False))
    await program(tmp_path, "").until_up()
    await RunDashboard(None, "none", with_apps=True).until_up()


@pytest.mark.parametrize(("folder", "installed"), [(Path("run"), False), (None, True), (None, False)])
async def test_where_there_is_none_a_note_says_why(folder: Path | None, installed: bool) -> None:
    (note,) = await reported(dashboard_of(folder, WantedDashboard(0, installed)))
    assert isinstance(note, Note)
    assert ("outboard[dashboard]" in note.text) is not installed


async def test_its_address_is_told_and_its_end_is_no_end_of_the_run(tmp_path: Path) -> None:
    text = """
print('{"event": "dashboard", "url": "http://127.0.0.1:1/?token=t"}')
print("Error: it could not go on")
raise SystemExit(3)
"""
    served, ended = await reported(program(tmp_path, text))
    assert served == DashboardServed("http://127.0.0.1:1/?token=t")
    assert ended == Caution("the dashboard has ended with exit code 3: Error: it could not go on")


async def test_a_program_that_cannot_be_started_is_a_caution(tmp_path: Path) -> None:
    (told,) = await reported(RunDashboard(Launch([str(tmp_path / "nothing")], tmp_path, {})))
    assert isinstance(told, Caution)
    assert "cannot be started" in told.text


async def test_nothing_is_started_before_all_is_ready(tmp_path: Path) -> None:
    started = tmp_path / "started"
    dashboard = program(tmp_path, f"open({str(started)!r}, 'w').close()")
    serving = asyncio.create_task(reported(dashboard, ready=False))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not started.exists()
    assert not serving.done()
    serving.cancel()
    await asyncio.wait({serving})

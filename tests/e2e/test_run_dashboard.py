"""`outboard run` with its dashboard: told at `ready`, and gone with the run."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import psutil
import pytest

from support.processes import eventually
from support.processes import outboard as outboard_command
from support.processes import running as running_program
from support.projects import Project, lives, publish, running


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("worker", topics="jobs")
    return project


def dashboards(process: int) -> list[int]:
    """The processes below `process` that are one."""
    children = psutil.Process(process).children(recursive=True)
    return [child.pid for child in children if "dashboard" in child.cmdline()]


def test_the_address_is_told_after_ready_and_shows_the_run(project: Project) -> None:
    with running(project, "--dashboard") as run:
        sidecar = run.ready()["worker"]
        address = httpx.URL(run.event("dashboard")["url"])
        assert address.host == "127.0.0.1"
        (pid,) = dashboards(run.process.pid)
        publish(sidecar, "jobs", n=1)
        with httpx.Client(base_url=address.copy_with(path="/", query=None), trust_env=False) as browser:
            assert browser.get(address).status_code == 200
            page = eventually(lambda: told(browser, "worker handled it"), lambda: "the event does not show")
            assert "worker</span>" in page or "worker" in page
            with browser.stream("GET", "/events/stream") as stream:
                next(stream.iter_lines())
                began = time.monotonic()
                assert run.interrupt() == 0
                assert time.monotonic() - began < 15  # a bound that ends a hopeless wait
        assert not lives(pid)


def told(browser: httpx.Client, text: str) -> str:
    page = browser.get("/events").text
    return page if text in page else ""


def test_without_it_nothing_more_is_started(project: Project) -> None:
    with running(project, "--no-dashboard") as run:
        publish(run.ready()["worker"], "jobs", n=1)
        run.line("EVENT 1")
        assert dashboards(run.process.pid) == []
        assert run.interrupt() == 0
        assert not any(event["event"] == "dashboard" for event in [*run.seen, *run.rest()])


def test_a_dashboard_that_is_killed_is_told_and_the_run_goes_on(project: Project) -> None:
    with running(project, "--dashboard") as run:
        sidecar = run.ready()["worker"]
        run.event("dashboard")
        for pid in dashboards(run.process.pid):
            psutil.Process(pid).kill()
        run.until(lambda event: event["event"] == "caution" and "the dashboard has ended" in event["text"])
        publish(sidecar, "jobs", n=1)
        run.line("EVENT 1")
        assert run.interrupt() == 0


def test_a_dashboard_port_that_is_taken_is_told_and_the_run_goes_on(project: Project) -> None:
    taken = str(project.ports["worker"])
    with running(project, "--dashboard", "--dashboard-port", taken) as run:
        sidecar = run.ready()["worker"]
        told = run.until(lambda event: event["event"] == "caution" and "dashboard" in event["text"])["text"]
        assert taken in told
        publish(sidecar, "jobs", n=1)
        run.line("EVENT 1")
        assert run.interrupt() == 0


def test_people_read_the_address(project: Project) -> None:
    project.write()
    command = outboard_command("run", "--dashboard")
    with running_program(command, project.folder, HOME=str(project.folder)) as program:
        program.wait_for("dashboard at http://127.0.0.1:")
        assert program.output.index("Ctrl-C stops everything") < program.output.index("dashboard at")


@pytest.mark.parametrize("reload", [False, True])
def test_an_app_is_restarted_from_the_dashboard_and_gets_its_events(project: Project, reload: bool) -> None:
    with running(project, "--dashboard", *(["--reload"] if reload else [])) as run:
        sidecar = run.ready()["worker"]
        address = httpx.URL(run.event("dashboard")["url"])
        base = address.copy_with(path="/", query=None)
        publish(sidecar, "jobs", n=1)
        run.line("EVENT 1")
        with httpx.Client(base_url=base, trust_env=False, timeout=30) as browser:
            browser.get(address)
            page = browser.get("/apps").text
            asked = {"run": page.split('name="run" value="')[1].split('"')[0], "app": "worker"}
            origin = {"origin": str(base).rstrip("/"), "hx-request": "true"}
            answer = browser.post("/apps/restart", data=asked, headers=origin)
            assert "worker is started anew" in answer.text
            told = run.until(lambda event: event["event"] == "reloading")
            assert (told["app"], told["reason"]) == ("worker", "somebody has asked for it")
            old = page.split("process ")[1].split("<")[0]
            eventually(lambda: is_well_again(browser, old), lambda: browser.get("/apps").text)
            publish(sidecar, "jobs", n=2)
            run.line("EVENT 2")
        assert run.interrupt() == 0


def is_well_again(browser: httpx.Client, old_process: str) -> bool:
    page = browser.get("/apps").text
    return f"process {old_process}<" not in page and "listens" in page and "does not listen" not in page

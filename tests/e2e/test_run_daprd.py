"""`outboard run --engine daprd`: the same run files with Dapr's own sidecars."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from support.processes import eventually
from support.projects import APP, PUBSUB, Project, Run, lives, publish, running
from support.servers import is_open

SQLITE = PUBSUB.replace("in-memory", "sqlite").replace("name: pubsub", "name: durable")
BROKEN = PUBSUB.replace("in-memory", "kafka").replace("name: pubsub", "name: broken")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@contextmanager
def running_daprd(project: Project, daprd: Path, *arguments: str) -> Iterator[Run]:
    with running(project, "--engine", "daprd", "--daprd-path", str(daprd), *arguments) as run:
        yield run


def sidecars_of(run: Run) -> list[psutil.Process]:
    """The daprd processes of a run."""
    started = psutil.Process(run.process.pid).children()
    return [process for process in started if process.name().startswith("daprd")]


def add_component(project: Project, text: str) -> Path:
    file = project.folder / "components" / "other.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_daprd_delivers_and_stops_gracefully(project: Project, daprd: Path) -> None:
    project.add("worker", topics="jobs")
    with running_daprd(project, daprd) as run:
        publish(run.ready()["worker"], "jobs", n=1)
        assert run.line("EVENT 1", "worker")
        (sidecar,) = sidecars_of(run)
        assert run.interrupt() == 0
        assert not run.errors()
        rest = run.rest()
    assert not lives(sidecar.pid)
    told = [(event["source"], event["level"], event["line"]) for event in rest if event["event"] == "log"]
    assert ("sidecar", "info", "Daprd shutdown gracefully") in told


def test_daprd_that_dies_is_named_and_ends_the_run(project: Project, daprd: Path) -> None:
    project.add("worker")
    with running_daprd(project, daprd) as run:
        run.ready()
        sidecars_of(run)[0].kill()
        assert run.ended() == 1
        assert "the sidecar of worker ended with exit code" in run.errors()
    assert not [event["pid"] for event in run.seen if event["event"] == "started" and lives(event["pid"])]


def test_daprd_that_cannot_set_up_a_component_tells_why(project: Project, daprd: Path) -> None:
    add_component(project, BROKEN)
    project.add("worker")
    with running_daprd(project, daprd) as run:
        assert run.ended() == 1
        assert "the sidecar of worker ended with exit code 1" in run.errors()
        rest = run.rest()
    fatal = [event["line"] for event in rest if event.get("level") == "fatal"]
    assert any("broken" in line for line in fatal), rest
    assert not [event["pid"] for event in rest if event["event"] == "started" and lives(event["pid"])]


def test_daprd_is_not_started_with_a_component_that_only_outboard_has(project: Project, daprd: Path) -> None:
    file = add_component(project, SQLITE)
    project.add("worker")
    with running_daprd(project, daprd) as run:
        assert run.ended() == 1
        errors = run.errors()
        assert [event["event"] for event in run.rest()] == ["error"]
    assert f"{file}:1: daprd does not have pubsub.sqlite, the type of component 'durable'" in errors
    assert "--resources FOLDER" in errors


def test_other_components_take_the_place_of_those_in_the_run_file(project: Project, daprd: Path) -> None:
    add_component(project, SQLITE)
    project.add("worker", topics="jobs")
    others = project.folder / "others"
    others.mkdir()
    (others / "pubsub.yaml").write_text(PUBSUB, encoding="utf-8")
    with running_daprd(project, daprd, "--resources", "others") as run:
        publish(run.ready()["worker"], "jobs", n=1)
        assert run.line("EVENT 1", "worker")
        assert run.interrupt() == 0


def test_topics_in_memory_that_services_do_not_share_are_cautioned_of(project: Project, daprd: Path) -> None:
    project.add("backend")
    project.add("worker", topics="jobs")
    with running_daprd(project, daprd) as run:
        caution = run.event("caution")["text"]
        run.ready()
        assert run.interrupt() == 0
    place = project.folder / "components" / "pubsub.yaml"
    assert caution.startswith(f"{place}:1: each daprd has a pubsub.in-memory of its own")
    assert "backend and worker" in caution


def test_log_of_daprd_goes_to_the_file_that_dapr_names(project: Project, daprd: Path) -> None:
    project.add("worker", more="    daprdLogDestination: file\n")
    with running_daprd(project, daprd) as run:
        run.ready()
        assert run.interrupt() == 0
        everything = [*run.seen, *run.rest()]
    (log,) = (project.folder / "worker" / ".dapr" / "logs").glob("worker_daprd_*.log")
    assert 'level=info msg="Daprd shutdown gracefully"' in log.read_text(encoding="utf-8")
    assert not [event for event in everything if event.get("source") == "sidecar"]


def test_daprd_goes_on_while_a_change_restarts_its_service(project: Project, daprd: Path) -> None:
    program = project.add("worker", topics="jobs")
    with running_daprd(project, daprd, "--reload") as run:
        sidecar = run.ready()["worker"]
        (before,) = sidecars_of(run)
        program.write_text(APP.replace('"v1"', '"v2"'), encoding="utf-8")
        run.event("reloading")
        run.event("started")
        run.line("DAPR_HTTP_PORT")
        eventually(lambda: is_open(project.ports["worker"]), lambda: "the service does not listen")
        publish(sidecar, "jobs", n=1)
        assert run.line("EVENT 1") == "EVENT 1 v2"
        assert sidecars_of(run) == [before]
        assert run.interrupt() == 0


def test_a_topic_that_no_service_takes_is_told_once_with_the_near_name(project: Project, daprd: Path) -> None:
    project.add("backend")
    project.add("worker", topics="jobs-done")
    with running_daprd(project, daprd) as run:
        sidecar = run.ready()["backend"]
        publish(sidecar, "jobs-done", n=1)
        publish(sidecar, "job-done", n=2)
        told = run.event("untaken")
        assert (told["app"], told["pubsub"], told["topic"]) == ("backend", "pubsub", "job-done")
        assert "Did you mean `jobs-done`, which worker takes?" in told["text"]
        publish(sidecar, "job-done", n=3)
        publish(sidecar, "another", n=4)
        assert run.event("untaken")["topic"] == "another"
        assert run.interrupt() == 0


def test_a_subscription_that_a_change_adds_counts(project: Project, daprd: Path) -> None:
    program = project.add("worker", topics="jobs")
    with running_daprd(project, daprd, "--reload") as run:
        sidecar = run.ready()["worker"]
        (before,) = sidecars_of(run)
        more = 'os.environ.get("TOPICS", "").split() + ["more"]'
        program.write_text(APP.replace('os.environ.get("TOPICS", "").split()', more), encoding="utf-8")
        told = run.event("topology")
        assert [each["topic"] for each in told["topics"]] == ["jobs", "more"]
        run.event("reloaded")
        assert sidecars_of(run) != [before]
        publish(sidecar, "more", n=1)
        assert run.line("EVENT 1") == "EVENT 1 v1"
        assert run.interrupt() == 0


def test_a_changed_component_file_restarts_the_daprds_that_load_it(project: Project, daprd: Path) -> None:
    project.add("backend")
    project.add("worker", topics="jobs")
    pubsub = project.folder / "components" / "pubsub.yaml"
    store = PUBSUB.replace("name: pubsub", "name: store").replace("pubsub.in-memory", "state.in-memory")
    with running_daprd(project, daprd, "--reload") as run:
        sidecar = run.ready()["worker"]
        pubsub.write_text(PUBSUB + "---\n: [", encoding="utf-8")
        refused = run.event("reload-refused")
        assert refused["file"].endswith("pubsub.yaml")
        pubsub.write_text(PUBSUB + "---\n" + store + "scopes: [worker]\n", encoding="utf-8")
        assert run.event("reloading")["restarts"] == ["sidecar"]
        assert [each["name"] for each in run.event("topology")["components"]] == ["pubsub", "store"]
        assert run.event("reloaded")["apps"] == ["worker"]
        publish(sidecar, "jobs", n=1)
        assert run.line("EVENT 1") == "EVENT 1 v1"
        assert run.interrupt() == 0
    started = [event["app"] for event in run.seen if event["event"] == "sidecar-started"]
    assert sorted(started) == ["backend", "worker", "worker"]


def test_a_mistake_in_a_file_is_told_and_its_daprd_goes_on(project: Project, daprd: Path) -> None:
    """A name twice. By itself daprd would end: it follows files, and what is wrong with one is fatal."""
    project.add("worker", topics="jobs")
    with running_daprd(project, daprd, "--reload") as run:
        sidecar = run.ready()["worker"]
        (before,) = sidecars_of(run)
        mistaken = add_component(project, PUBSUB.replace("pubsub.in-memory", "state.in-memory"))
        assert run.event("reload-refused")["line"] == 1
        time.sleep(1.0)  # for what should not happen: daprd looks twice a second
        publish(sidecar, "jobs", n=1)
        assert run.line("EVENT 1") == "EVENT 1 v1"
        mistaken.unlink()
        assert "nothing has to restart" in run.event("note")["text"]
        assert sidecars_of(run) == [before]
        assert run.interrupt() == 0


def test_an_attached_service_is_waited_for_by_its_daprd(project: Project, daprd: Path) -> None:
    project.add("worker", topics="jobs")
    with running_daprd(project, daprd, "--attach", "worker") as run:
        told = run.event("attach")
        environment = {**os.environ, **told["environment"]}
        folder = project.folder / "worker"
        with subprocess.Popen(
            [sys.executable, "app.py"], cwd=folder, env=environment, stdout=subprocess.PIPE, encoding="utf-8"
        ) as worker:
            try:
                assert run.event("found")["app"] == "worker"
                run.line("dapr initialized. Status: Running")
                publish(f"http://localhost:{told['environment']['DAPR_HTTP_PORT']}", "jobs", n=1)
                assert worker.stdout is not None
                assert next(line for line in worker.stdout if line.startswith("EVENT")) == "EVENT 1 v1\n"
            finally:
                worker.kill()
        assert run.interrupt() == 0


def test_each_daprd_gets_ports_of_its_own(project: Project, daprd: Path) -> None:
    project.add("backend")
    project.add("worker")
    with running_daprd(project, daprd, "--dry-run") as run:
        assert run.ended() == 0
        (told,) = run.rest()
    assert (told["engine"], told["daprd"]) == ("daprd", str(daprd))
    ports = [_ports(app["sidecar"]) for app in told["apps"]]
    assert len({port for each in ports for port in each}) == 8


def _ports(arguments: list[str]) -> list[str]:
    flags = ("--dapr-http-port", "--dapr-grpc-port", "--dapr-internal-grpc-port", "--metrics-port")
    return [arguments[arguments.index(flag) + 1] for flag in flags]

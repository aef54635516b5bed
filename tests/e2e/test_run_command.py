"""`outboard run` with real processes: services start, get their events, and stop."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from outboard.errors import CommandError
from outboard.runs.finding import RunState, all_runs, find_run, tokens_of
from outboard.runs.folder import RunFolder, runs_folder
from outboard.runs.log import tail
from support.processes import free_ports
from support.projects import (
    APP,
    CTRL_C,
    PATIENCE,
    PUBSUB,
    Project,
    Run,
    lives,
    outboard,
    pids,
    publish,
    running,
)

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="about POSIX signals")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_an_event_of_one_service_arrives_at_the_other_and_ctrl_c_stops_everything(project: Project) -> None:
    project.add("backend")
    project.add("worker", topics="jobs", WITH_CHILD="1")
    with running(project) as run:
        sidecars = run.ready()
        publish(sidecars["backend"], "jobs", n=1)
        assert run.line("EVENT 1", "worker")
        child = next(
            int(e["line"].split()[1]) for e in run.seen if str(e.get("line", "")).startswith("CHILD")
        )
        assert lives(child)
        assert run.interrupt() == 0
        assert not run.errors()
    assert len(pids(run)) == 2
    assert not [pid for pid in (*pids(run), child) if lives(pid)]


def test_the_services_are_told_their_sidecars(project: Project) -> None:
    project.add("backend")
    with running(project) as run:
        told = run.line("DAPR_HTTP_PORT")
        port = run.ready()["backend"].rpartition(":")[2]
    assert told == f"DAPR_HTTP_PORT {port} APP_ID backend"


def test_a_service_that_dies_is_named_and_ends_the_run(project: Project) -> None:
    project.add("backend")
    project.add("worker", topics="jobs")
    with running(project) as run:
        publish(run.ready()["backend"], "jobs", n=1, die=True)
        assert run.ended() == 1
        assert "worker ended with exit code 7" in run.errors()
    assert not [pid for pid in pids(run) if lives(pid)]


def test_a_taken_port_is_named_with_its_owner(project: Project) -> None:
    project.add("backend")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", project.ports["backend"]))
        taken.listen()
        with running(project) as run:
            assert run.ended() == 1
            errors = run.errors()
    assert str(project.ports["backend"]) in errors
    assert f"process {os.getpid()}" in errors
    assert "Traceback" not in errors


def test_an_unknown_key_is_a_caution_with_its_line_and_an_error_when_strict(project: Project) -> None:
    project.add("backend", more="    appHealthTreshold: 3\n")
    with running(project) as run:
        told = run.event("caution")["text"]
        run.ready()
        assert run.interrupt() == 0
    with running(project, "--strict") as run:
        assert run.ended() == 1
        errors = run.errors()
    line = (
        (project.folder / "dapr.yaml")
        .read_text(encoding="utf-8")
        .splitlines()
        .index("    appHealthTreshold: 3")
    )
    for text in (told, errors):
        assert f"dapr.yaml:{line + 1}: unknown key `appHealthTreshold`" in text
        assert "Did you mean `appHealthThreshold`?" in text


def test_what_the_check_finds_is_a_caution_and_its_errors_count_when_strict(project: Project) -> None:
    project.add("backend")
    lost = "pubsubname: nowhere\n  topic: orders\n  routes:\n    default: /orders\n"
    head = "kind: Subscription\nmetadata:\n  name: lost\n"
    file = project.folder / "components" / "subscription.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"apiVersion: dapr.io/v2alpha1\n{head}spec:\n  {lost}", encoding="utf-8")
    with running(project) as run:
        cautions = [run.event("caution")["text"]]
        run.ready()
        assert run.interrupt() == 0
    assert (
        "subscription.yaml:6: there is no pub/sub component `nowhere` [OB705 unknown-pubsub]" in cautions[0]
    )
    lost = lost.replace("topic:", "deadLetterTopic: orders\n  topic:").replace("nowhere", "pubsub")
    file.write_text(f"apiVersion: dapr.io/v2alpha1\n{head}spec:\n  {lost}", encoding="utf-8")
    with running(project, "--strict") as run:
        assert run.ended() == 1
        assert "the dead letter topic is the topic itself [OB208 dead-letter-is-topic]" in run.errors()


def test_a_program_that_is_not_there_is_told_before_anything_starts(project: Project) -> None:
    project.add("backend")
    project.apps.append("  - appID: other\n    appDirPath: .\n    command: [no-such-program]\n")
    with running(project) as run:
        assert run.ended() == 2
        errors = run.errors()
    assert "app 'other' (" in errors
    assert "cannot be started: there is no program 'no-such-program'" in errors
    (told,) = run.rest()
    assert told["event"] == "error"
    assert "no program 'no-such-program'" in told["text"]


def test_a_component_that_cannot_be_set_up_ends_the_run_with_its_file(project: Project) -> None:
    broken = project.folder / "components" / "broken.yaml"
    broken.write_text(PUBSUB.replace("in-memory", "in-memery").replace("pubsub}", "other}"), encoding="utf-8")
    project.add("backend")
    with running(project) as run:
        assert run.ended() == 1
        errors = run.errors()
    assert "broken.yaml" in errors
    assert "Traceback" not in errors
    last = run.rest()[-1]
    assert (last["event"], last["file"], last["line"]) == ("error", str(broken), 1)
    assert "Did you mean `pubsub.in-memory`?" in last["text"]


def test_a_component_that_only_daprd_serves_is_told_again_at_ready_and_by_calls(project: Project) -> None:
    other = project.folder / "components" / "queue.yaml"
    other.write_text(PUBSUB.replace("in-memory", "rabbitmq").replace("pubsub}", "queue}"), encoding="utf-8")
    project.add("backend")
    with running(project) as run:
        (left_out,) = run.event("topology")["left_out"]
        sidecar = run.ready()["backend"]
        answer = httpx.post(f"{sidecar}/v1.0/publish/queue/t", json={}, trust_env=False)
        assert run.interrupt() == 0
    assert (left_out["file"], left_out["line"]) == (str(other), 1)
    assert (left_out["name"], left_out["type"]) == ("queue", "pubsub.rabbitmq")
    assert left_out["reason"] == "this sidecar does not serve its type"
    assert "--engine daprd" in left_out["advice"]
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "ERR_PUBSUB_NOT_FOUND")
    assert answer.json()["message"].startswith("pubsub queue is not found: it is left out (")
    assert any(each.get("level") == "warn" and "is left out: " in each["line"] for each in run.seen)


def test_one_app_from_the_command_line_and_a_script_that_is_done(project: Project) -> None:
    script = "import os; print('HELLO', os.environ['APP_ID'], os.environ['DAPR_HTTP_PORT'])"
    arguments = ["run", "-o", "json", "--app-id", "job", "-d", "components", "--", "python", "-c", script]
    with outboard(arguments, project.folder) as process:
        run = Run(process)
        assert run.line("HELLO").startswith("HELLO job")
        assert run.ended() == 0


def test_two_services_that_name_no_components_find_each_other_from_two_terminals(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    (port,) = free_ports(1)
    subscriber = ["run", "-o", "json", "--app-id", "worker", "-p", str(port), "--", "python", "app.py"]
    publisher = ["run", "-o", "json", "--", "python", "-c", "import time; time.sleep(600)"]
    with (
        outboard(subscriber, tmp_path, TOPICS="jobs") as first,
        outboard(publisher, tmp_path) as second,
    ):
        worker, other = Run(first), Run(second)
        assert "worker names no folder of resources" in worker.event("note")["text"]
        worker.ready()
        assert "no --app-id" in other.event("note")["text"]
        (sidecar,) = other.ready().values()
        publish(sidecar, "jobs", n=1)
        assert worker.line("EVENT 1")
        assert (worker.interrupt(), other.interrupt()) == (0, 0)


def test_a_sidecar_without_a_command_is_one_for_an_app_that_runs_already(project: Project) -> None:
    project.add("worker", topics="jobs")
    port = project.ports["worker"]
    variables = {"APP_PORT": str(port), "APP_ID": "worker", "DAPR_HTTP_PORT": "0", "TOPICS": "jobs"}
    arguments = ["run", "-o", "json", "--app-id", "worker", "-p", str(port), "-d", "components"]
    with (
        debugged(project, {**os.environ, **variables}) as app,
        outboard(arguments, project.folder) as process,
    ):
        run = Run(process)
        publish(run.ready()["worker"], "jobs", n=1)
        assert next_line(app, "EVENT").startswith("EVENT 1")
        assert run.interrupt() == 0


@posix_only
def test_a_program_in_the_folder_of_the_app_is_started_from_another_one(project: Project) -> None:
    (project.folder / "go").mkdir()
    program = project.folder / "go" / "run.sh"
    program.write_text("#!/bin/sh\necho IN $(basename $(pwd))\n", encoding="utf-8")
    program.chmod(0o755)
    project.apps.append("  - appID: go\n    appDirPath: go\n    command: [./run.sh]\n")
    with running(project) as run:
        assert run.line("IN ") == "IN go"
        assert run.ended() == 0


def test_what_a_service_said_of_its_end_is_repeated(project: Project) -> None:
    script = '["python", "-c", "import no_such_module"]'
    project.apps.append(f"  - appID: bad\n    appDirPath: .\n    command: {script}\n")
    said = "bad ended with exit code 1; everything else was stopped. It said: ModuleNotFoundError: No module"
    with running(project) as run:
        assert run.ended() == 1
        assert said in run.errors()
    last = run.rest()[-1]
    assert last["event"] == "error"
    assert last["text"].startswith(said)


def test_with_keep_going_the_others_survive_a_service_that_dies(project: Project) -> None:
    project.add("worker", topics="jobs")
    project.add("backend")
    with running(project, "--keep-going") as run:
        sidecars = run.ready()
        publish(sidecars["backend"], "jobs", n=1, die=True)
        ended = run.event("ended")
        assert (ended["app"], ended["code"], ended["detail"]) == ("worker", 7, "the others go on")
        assert httpx.get(f"{sidecars['backend']}/v1.0/healthz", trust_env=False).status_code == 204
        assert run.interrupt() == 0


def test_with_keep_going_the_exit_code_tells_that_one_failed(project: Project) -> None:
    for app_id, code in (("good", 0), ("bad", 3)):
        script = f'["python", "-c", "raise SystemExit({code})"]'
        project.apps.append(f"  - appID: {app_id}\n    appDirPath: .\n    command: {script}\n")
    with running(project, "--keep-going") as run:
        assert run.ended() == 1
        assert "bad ended with exit code 3; the others went on. It said: nothing" in run.errors()
    assert {event["app"] for event in run.rest() if event["event"] == "ended"} == {"good", "bad"}


def test_runs_that_start_at_once_pick_ports_of_their_own(project: Project) -> None:
    arguments = ["run", "-o", "json", "-d", "components", "-a"]
    with (
        outboard([*arguments, "one"], project.folder) as one,
        outboard([*arguments, "two"], project.folder) as two,
        outboard([*arguments, "three"], project.folder) as three,
    ):
        runs = [Run(process) for process in (one, two, three)]
        assert len({url for run in runs for url in run.ready().values()}) == 3
        assert [run.interrupt() for run in runs] == [0, 0, 0]


def attached_environment(run: Run) -> dict[str, str]:
    told = run.event("attach")
    assert told["app"] == "worker"
    return {**os.environ, **told["environment"]}


@contextmanager
def debugged(project: Project, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The attached app, started by hand."""
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=project.folder / "worker",
        env=environment,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[str], start: str) -> str:
    assert process.stdout is not None
    return next(line.strip() for line in process.stdout if line.startswith(start))


@pytest.mark.parametrize("metadata", ["[]", '[{name: partitions, value: "1"}]'])
def test_an_attached_app_gets_its_events_however_often_it_restarts(project: Project, metadata: str) -> None:
    component = PUBSUB.replace("version: v1", f"version: v1, metadata: {metadata}")
    (project.folder / "components" / "pubsub.yaml").write_text(component, encoding="utf-8")
    project.add("backend")
    project.add("worker", topics="jobs", more="    enableAppHealthCheck: true\n")
    with running(project, "--attach", "worker") as run:
        environment = attached_environment(run)
        sidecar = run.ready()["backend"]  # the others do not wait for the debugger
        publish(sidecar, "jobs", n=1)  # before it was ever there
        with debugged(project, environment) as worker:
            assert next_line(worker, "EVENT") == "EVENT 1 v1"
            publish(sidecar, "jobs", n=2, takes=3600)  # at a breakpoint ...
            next_line(worker, "BEGIN")
        publish(sidecar, "jobs", n=3)  # ... where it was killed, and is away
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        program = project.folder / "worker" / "app.py"
        patient = program.read_text(encoding="utf-8").replace('float(data.get("takes", 0))', "0")
        program.write_text(patient, encoding="utf-8")
        with debugged(project, environment) as worker:
            assert next_line(worker, "EVENT") == "EVENT 2 v1"  # again, and in order
            assert next_line(worker, "EVENT") == "EVENT 3 v1"
        assert run.interrupt() == 0


def test_a_change_restarts_that_app_only_and_loses_nothing(project: Project) -> None:
    project.add("backend")
    program = project.add("worker", topics="jobs")
    with running(project, "--reload") as run:
        sidecar = run.ready()["backend"]
        publish(sidecar, "jobs", n=1)
        assert run.line("EVENT 1 v1")
        program.write_text(APP.replace('"v1"', '"v2"'), encoding="utf-8")
        changed = run.event("reloading")
        for number in range(2, 12):
            publish(sidecar, "jobs", n=number)
        got = [run.line("EVENT") for _ in range(10)]
        assert run.interrupt() == 0
    assert (changed["app"], changed["changed"]) == ("worker", ["app.py"])
    assert got == [f"EVENT {number} v2" for number in range(2, 12)]
    assert [event["app"] for event in run.seen if event["event"] == "started"].count("backend") == 1


def test_an_event_that_a_change_interrupts_is_handled_by_the_new_code(project: Project) -> None:
    project.add("backend")
    program = project.add("worker", topics="jobs")
    with running(project, "--reload") as run:
        publish(run.ready()["backend"], "jobs", n=1, takes=3600)
        run.line("BEGIN")
        program.write_text(APP.replace('"v1"', '"v2"').replace("time.sleep(", "print("), encoding="utf-8")
        assert run.line("EVENT") == "EVENT 1 v2"
        assert run.interrupt() == 0


def test_an_app_that_fails_under_reload_is_started_again_by_the_next_change(project: Project) -> None:
    program = project.add("worker")
    with running(project, "--reload") as run:
        run.ready()
        program.write_text("raise SystemExit(5)", encoding="utf-8")
        assert run.event("ended")["code"] == 5
        program.write_text(APP, encoding="utf-8")
        run.event("started")
        assert run.line("DAPR_HTTP_PORT")
        assert run.interrupt() == 0


def test_a_log_can_go_to_a_file(project: Project) -> None:
    project.add("backend", more="    appLogDestination: file\n    daprdLogDestination: fileAndConsole\n")
    with running(project) as run:
        run.ready()
        assert run.interrupt() == 0
    logs = {
        path.name.split("_")[1]: path.read_text(encoding="utf-8")
        for path in project.folder.rglob(".dapr/logs/*.log")
    }
    assert "DAPR_HTTP_PORT" in logs["app"]
    assert 'msg="dapr initialized.' in logs["daprd"]
    assert not [event for event in run.seen if event["event"] == "log" and event["source"] == "app"]


def test_new_subscriptions_of_an_app_that_a_debugger_restarted_are_told(project: Project) -> None:
    program = project.add("worker", topics="jobs")
    with running(project, "--attach", "worker") as run:
        environment = {**os.environ, **run.event("attach")["environment"]}
        with debugged(project, environment):
            run.line("dapr initialized. Status: Running")
        more = APP.replace("for topic in topics]", "for topic in [*topics, 'more']]")
        program.write_text(more, encoding="utf-8")
        publish(f"http://127.0.0.1:{environment['DAPR_HTTP_PORT']}", "jobs", n=1)  # it is seen to be away
        with debugged(project, environment):
            assert run.event("subscriptions-changed")["app"] == "worker"
        assert run.interrupt() == 0


@posix_only
def test_a_terminated_run_ends_as_well(project: Project) -> None:
    project.add("backend")
    with running(project) as run:
        run.ready()
        run.process.terminate()
        assert run.ended() == 0
    assert not [pid for pid in pids(run) if lives(pid)]


@posix_only
def test_a_second_ctrl_c_does_not_wait_for_a_stubborn_app(project: Project) -> None:
    project.add("backend", STUBBORN="1")
    with running(project) as run:
        run.ready()
        run.process.send_signal(CTRL_C)
        run.event("stopping")
        assert run.interrupt() == 0
    assert not [pid for pid in pids(run) if lives(pid)]


def test_ctrl_c_before_everything_was_ready_ends_as_well(project: Project) -> None:
    program = project.add("backend")
    program.write_text("import time; print('UP', flush=True); time.sleep(600)", encoding="utf-8")
    with running(project) as run:
        run.line("UP")
        assert run.interrupt() == 0
    assert not [pid for pid in pids(run) if lives(pid)]


def test_a_reader_that_goes_away_ends_the_run(project: Project) -> None:
    project.add("backend")
    project.add("worker", topics="jobs")
    with outboard(["run", "-f", str(project.write()), "--output", "json"], project.folder) as process:
        assert process.stdout is not None
        sidecar, started = "", list[int]()
        while not sidecar:
            event = json.loads(process.stdout.readline())
            started += [event["pid"]] if event["event"] == "started" else []
            sidecar = event["apps"][0]["sidecar_url"] if event["event"] == "ready" else ""
        process.stdout.close()
        publish(sidecar, "jobs", n=1)  # which makes the worker print
        assert process.wait(PATIENCE) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert not [pid for pid in started if lives(pid)]


def test_a_log_file_that_cannot_be_written_is_told(project: Project) -> None:
    project.add("backend", more="    appLogDestination: file\n")
    (project.folder / "backend" / ".dapr").touch()
    with running(project) as run:
        assert run.ended() == 1
        errors = run.errors()
    assert errors.startswith("Error: ")
    assert ".dapr" in errors
    assert "Traceback" not in errors


def test_text_output_is_prefixed_whole_and_without_colour_in_a_pipe(project: Project) -> None:
    project.add("backend")
    with outboard(["run", "-f", str(project.write())], project.folder, FORCE_COLOR="") as process:
        assert process.stdout is not None
        lines = list[str]()
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if "Ctrl-C stops" in line:
                break
        process.send_signal(CTRL_C)
        lines += [line.rstrip("\n") for line in process.stdout]
        assert process.wait(PATIENCE) == 0
    names = {line.partition(" | ")[0].strip() for line in lines}
    assert names == {"backend", "backend dapr", "outboard"}
    assert not [line for line in lines if "\x1b" in line]


def test_relative_paths_of_components_begin_in_the_folder_of_the_app(project: Project) -> None:
    project.add("backend")
    project.add("worker")
    for name, kind, item in [
        ("statestore", "state.sqlite", "{name: connectionString, value: state.db}"),
        ("events", "pubsub.sqlite", "{name: connectionString, value: events.db}"),
        ("secrets", "secretstores.local.file", "{name: secretsFile, value: ./secrets.json}"),
    ]:
        text = PUBSUB.replace("name: pubsub}", f"name: {name}}}").replace("pubsub.in-memory", kind)
        text = text.replace("version: v1", f"version: v1, metadata: [{item}]")
        (project.folder / "components" / f"{name}.yaml").write_text(text, encoding="utf-8")
    for app in ("backend", "worker"):
        secrets = project.folder / app / "secrets.json"
        secrets.write_text(json.dumps({"whose": app}), encoding="utf-8")
    elsewhere = project.folder / "elsewhere"
    elsewhere.mkdir()
    home = {name: str(project.folder) for name in ("HOME", "USERPROFILE")}
    with outboard(["run", "-f", str(project.write()), "-o", "json"], elsewhere, **home) as process:
        run = Run(process)
        for app, sidecar in run.ready().items():
            answer = httpx.get(f"{sidecar}/v1.0/secrets/secrets/whose", trust_env=False, timeout=PATIENCE)
            assert answer.json() == {"whose": app}
            httpx.post(
                f"{sidecar}/v1.0/state/statestore",
                json=[{"key": "k", "value": app}],
                trust_env=False,
                timeout=PATIENCE,
            ).raise_for_status()
        assert run.interrupt() == 0
    assert list(elsewhere.iterdir()) == []
    assert {path.parent.name for path in project.folder.rglob("state.db")} == {"backend", "worker"}
    assert {path.parent.name for path in project.folder.rglob("events.db")} == {"backend", "worker"}


# What is kept of a run


def test_a_run_is_found_by_others_while_it_runs_and_afterwards(project: Project) -> None:
    project.add("backend", topics="jobs")
    runs = runs_folder(project.folder)
    with running(project) as run:
        sidecar = run.ready()["backend"]
        known = find_run(runs, run_file=project.folder)
        tokens = tokens_of(known)
        assert run.interrupt() == 0
    (app,) = known.record.apps
    assert (known.record.engine, known.record.ready) == ("outboard", True)
    assert sidecar.endswith(f":{app.http_port}")
    assert [app.pid] == pids(run)
    assert set(tokens["backend"]) == {"DAPR_API_TOKEN", "APP_API_TOKEN"}
    (past,) = all_runs(runs)
    assert (past.state, tokens_of(past)) == (RunState.ENDED, {})
    log = tail(RunFolder(past.path).log("backend", "sidecar"), 1000)
    assert any("Component loaded: pubsub (pubsub.in-memory/v1)" in line for line in log)


def test_a_run_that_was_killed_is_not_found_as_one_that_runs(project: Project) -> None:
    project.add("backend")
    runs = runs_folder(project.folder)
    with running(project) as run:
        run.ready()
        run.process.kill()
        run.process.wait(PATIENCE)
    (known,) = all_runs(runs)
    assert known.state is RunState.DIED
    with pytest.raises(CommandError, match=f"The last one was {known.record.run_id}"):
        find_run(runs)


def test_a_home_that_cannot_be_written_to_is_told_and_the_run_goes_on(project: Project) -> None:
    project.add("backend", topics="jobs")
    (project.folder / ".outboard").write_text("no folder", encoding="utf-8")
    with running(project) as run:
        assert "this run is not recorded" in run.event("caution")["text"]
        publish(run.ready()["backend"], "jobs", n=1)
        run.line("EVENT 1")
        assert run.interrupt() == 0

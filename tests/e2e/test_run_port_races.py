"""A port that nobody chose and that another program takes before the start: another one is picked."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.projects import Project, Run, outboard_program, publish

TAKE = """
import socket, subprocess, sys
from outboard.cli import main
from outboard.run.plan import making as planning

make_plan, other = planning.make_plan, []
LISTENER = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1])));"
LISTENER += "print('listens', flush=True); time.sleep(600)"

def with_a_thief(*arguments):
    plan = make_plan(*arguments)
    if not other:
        flags = dict(zip(plan.apps[0].sidecar, plan.apps[0].sidecar[1:]))
        command = [sys.executable, "-c", LISTENER, flags["--" + FLAG]]
        other.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        other[0].stdout.readline()
    return plan

planning.make_plan = with_a_thief
try:
    main(ARGUMENTS)
finally:
    other[0].kill()
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@contextmanager
def robbed(project: Project, flag: str, *arguments: str, keep: Sequence[str] = ()) -> Iterator[Run]:
    """A run of which another program takes the port `flag` of the first sidecar before it starts.

    Its run file gives only the ports that `keep` names.
    """
    lines = "".join(project.apps).splitlines(keepends=True)
    given = [line for line in lines if not re.match(r" +dapr\w+Port:", line) or any(k in line for k in keep)]
    project.apps = ["".join(given)]
    command = ["run", "-f", str(project.write()), "-o", "json", *arguments]
    code = TAKE.replace("ARGUMENTS", repr(command)).replace("FLAG", repr(flag))
    with outboard_program(code, project.folder) as process:
        yield Run(process)


def test_another_port_is_picked_and_the_app_is_told_that_one(project: Project) -> None:
    project.add("backend")
    project.add("worker", topics="jobs")
    with robbed(project, "dapr-http-port") as run:
        note = run.until(lambda event: event["event"] == "note" and "port" in event["text"])["text"]
        sidecars = run.ready()
        publish(sidecars["backend"], "jobs", n=1)
        assert run.line("EVENT", "worker") == "EVENT 1 v1"
        told = [event["line"] for event in run.seen if "APP_ID backend" in event.get("line", "")]
        assert run.interrupt() == 0
    taken = re.search(r"port (\d+)", note)
    assert taken is not None
    assert f"taken by {Path(sys.executable).name} -c (process" in note
    assert told == [f"DAPR_HTTP_PORT {sidecars['backend'].rpartition(':')[2]} APP_ID backend"]
    assert not sidecars["backend"].endswith(taken[1])
    assert len(set(sidecars.values())) == 2


def test_so_is_another_one_for_grpc(project: Project) -> None:
    project.add("worker", topics="jobs")
    with robbed(project, "dapr-grpc-port") as run:
        note = run.until(lambda event: event["event"] == "note" and "port" in event["text"])["text"]
        publish(run.ready()["worker"], "jobs", n=1)
        assert run.line("EVENT", "worker") == "EVENT 1 v1"
        assert run.interrupt() == 0
    assert "for the Dapr gRPC API" in note
    assert f"taken by {Path(sys.executable).name} -c (process" in note


def test_a_port_that_somebody_chose_is_not_picked_again(project: Project) -> None:
    project.add("backend")
    with robbed(project, "dapr-http-port", keep=["daprHTTPPort"]) as run:
        assert "-c (process" in run.event("error")["text"]
        assert run.ended() == 1


@pytest.mark.parametrize("flag", ["dapr-http-port", "metrics-port", "dapr-internal-grpc-port"])
def test_daprd_gets_another_port_too(project: Project, daprd: Path, flag: str) -> None:
    project.add("worker", topics="jobs")
    with robbed(project, flag, "--engine", "daprd", "--daprd-path", str(daprd)) as run:
        run.until(lambda event: event["event"] == "note" and "another one is picked" in event["text"])
        publish(run.ready()["worker"], "jobs", n=1)
        assert run.line("EVENT", "worker") == "EVENT 1 v1"
        assert run.interrupt() == 0


SLOW_TO_FAIL = """
import http.server, sys, threading

class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()

    def log_message(self, *ignored):
        pass

port = int(sys.argv[sys.argv.index("--dapr-http-port") + 1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Healthy)
threading.Timer(2, server.shutdown).start()
server.serve_forever()
sys.exit("failed to start metrics server: address already in use")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there a script is no program by its first line")
def test_a_daprd_that_answers_before_it_fails_gets_another_port_too(project: Project, tmp_path: Path) -> None:
    """On a slow machine the real one does: its ports are opened one after the other."""
    program = tmp_path / "daprd"
    program.write_text(f"#!{sys.executable}{SLOW_TO_FAIL}", encoding="utf-8")
    program.chmod(0o700)
    project.add("worker", topics="jobs")
    with robbed(project, "metrics-port", "--engine", "daprd", "--daprd-path", str(program)) as run:
        note = run.until(lambda event: event["event"] == "note" and "another one is picked" in event["text"])
        assert "metrics of 'worker'" in note["text"]
        assert run.interrupt() == 0

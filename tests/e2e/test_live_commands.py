"""`outboard publish` and `outboard routes` beside a run, and beside its files alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from outboard.hops.files.sampling import is_kept
from support.processes import eventually
from support.projects import Project, running

PATIENCE = 60


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


def outboard(folder: Path, *arguments: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command: Sequence[str] = [sys.executable, "-m", "outboard", *arguments]
    environment = {**os.environ, "HOME": str(folder), "USERPROFILE": str(folder)}
    return subprocess.run(
        command, cwd=folder, input=data or b"", capture_output=True, timeout=PATIENCE, env=environment
    )


def told(done: subprocess.CompletedProcess[bytes]) -> str:
    text = (done.stdout + done.stderr).decode("utf-8")
    assert "Traceback" not in text
    return text


def _named(said: str) -> str:
    """The id of the event that was published."""
    return said.split()[2]


def _who_published(folder: Path, event_id: str) -> list[str]:
    """Whose hops tell of the publishing of an event, the first step of its story."""
    steps = json.loads(outboard(folder, "trace", event_id, "-o", "json").stdout)[0]["steps"]
    return [hop["part"] for hop in (steps[0], *steps[0].get("others", ()))]


def test_what_is_published_arrives_and_the_takers_are_told(project: Project) -> None:
    project.add("worker", topics="jobs")
    project.add("other", topics="job")
    with running(project) as run:
        run.ready()
        done = outboard(project.folder, "publish", "-t", "jobs", "-d", '{"n": 1}', "-i", "other")
        assert done.returncode == 0, told(done)
        assert "through the sidecar of other" in told(done)
        assert "worker gets it of pubsub at /events" in told(done)
        assert "outboard routes jobs --explain says why" in told(done)
        assert run.line("EVENT 1", "worker")
        event_id = _named(told(done))
        # The sidecar writes its hops within a second of them; the command has written its own at its end.
        eventually(
            lambda: _who_published(project.folder, event_id) == ["kit", "sidecar"],
            lambda: f"ours, and its: {_who_published(project.folder, event_id)}",
        )

        done = outboard(project.folder, "publish", "-t", "jobs", "-o", "json", data=b'{"n": 2}')
        published = json.loads(done.stdout)
        assert (published["app"], published["pubsub"], published["topic"]) == ("worker", "pubsub", "jobs")
        assert len(published["id"]) == 36
        assert is_kept(published["id"], 2**12), "it is in the record, however many others there are"
        assert [route["outcome"] for route in published["routes"]] == ["gets", "not"]
        assert run.line("EVENT 2", "worker")

        event = project.folder / "event.json"
        event.write_text(
            '{"specversion": "1.0", "id": "mine", "source": "s", "type": "t", "data": {"n": 3}}',
            encoding="utf-8",
        )
        done = outboard(project.folder, "publish", "-t", "jobs", "-f", str(event), "--key", "7")
        assert "Published event mine to jobs of pubsub" in told(done)
        assert run.line("EVENT 3", "worker")

        done = outboard(project.folder, "publish", "-t", "jobs", "--raw", data=event.read_bytes())
        assert "Published a raw payload to jobs" in told(done)
        assert run.line("EVENT 3", "worker")

        done = outboard(project.folder, "publish", "-t", "jbs", "-d", "{}")
        assert done.returncode == 0, "it was published, though nobody takes it"
        assert "Did you mean `jobs`?" in told(done)
        assert "no app gets it" in told(done)

        done = outboard(project.folder, "publish", "-t", "jobs", "-d", '{"n": 1')
        assert "begins as JSON does, and is none" in told(done)
        done = outboard(project.folder, "publish", "-t", "jobs", "-d", '{"specversion": "1.0", "id": "x"}')
        assert "a CloudEvent has also source and type" in told(done)
        done = outboard(project.folder, "publish", "-t", "jobs", "-d", "{}", "-i", "workr")
        assert (done.returncode, "there is no run with an app 'workr'" in told(done)) == (2, True)
        done = outboard(project.folder, "publish", "-t", "jobs", data=b"")
        assert (done.returncode, "standard input is empty" in told(done)) == (2, True)


def test_a_port_is_enough_and_the_token_comes_from_the_environment(project: Project) -> None:
    project.add("worker", topics="jobs")
    with running(project) as run:
        sidecar = run.ready()["worker"]
        there = "--dapr-http-port", sidecar.rpartition(":")[2]
        done = outboard(project.folder, "publish", "-t", "jobs", "-d", '{"n": 1}', *there)
        assert "worker gets it" in told(done)
        done = outboard(project.folder, "routes", "jobs", *there)
        assert told(done) == "worker gets it of pubsub at /events\n"


def test_routes_of_a_run_and_of_its_files(project: Project) -> None:
    project.add("worker", topics="jobs")
    project.add("other")
    with running(project) as run:
        run.ready()
        done = outboard(project.folder, "routes", "jobs")
        assert (done.returncode, told(done)) == (
            0,
            "worker gets it of pubsub at /events\n(1 does not: --explain says why)\n",
        )
        done = outboard(project.folder, "routes", "job", "--explain", "-o", "json")
        assert done.returncode == 1
        reasons = [route["reason"] for route in json.loads(done.stdout)["routes"]]
        assert reasons == [
            "it does not subscribe to 'job', but to jobs. Did you mean `jobs`?",
            "it subscribes to no topic",
        ]
    done = outboard(project.folder, "routes", "jobs", "--explain")
    assert done.returncode == 0
    assert told(done).count("it does not run, so that only subscriptions in files are known") == 2


STORE = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: store}}
spec:
  type: {type}
  version: v1
  metadata: [{{name: connectionString, value: state.db}}]
"""


def test_state_through_the_sidecar_of_a_run_and_then_without_one(project: Project) -> None:
    project.add("one")
    project.add("two")
    file = project.folder / "components" / "store.yaml"
    file.write_text(STORE.format(type="state.sqlite"), encoding="utf-8")

    def state(*arguments: str, data: bytes | None = None) -> tuple[int, str]:
        done = outboard(project.folder, "state", *arguments, data=data)
        return done.returncode, told(done)

    with running(project) as run:
        run.ready()
        assert "whose keys of 'store' are meant is not clear" in state("get", "k")[1]
        assert state("set", "k", '{"a": [1, "ü"]}', "-i", "one") == (0, "Wrote one||k of store\n")
        code, said = state("get", "k", "-i", "one", "-o", "json")
        entry = json.loads(said)
        assert (code, entry["stored"], entry["value"]) == (0, "one||k", {"a": [1, "ü"]})
        assert state("set", "k", "2", "-i", "one", "--etag", "stale")[0] == 1
        assert state("set", "k", "2", "-i", "one", "--etag", entry["etag"])[0] == 0
        assert state("set", "k", "3", "-i", "one", "--first-write")[0] == 1
        assert state("get", "k", "-i", "two") == (1, "nothing lies under two||k of store\n")
    assert state("get", "one||k", "-i", "one")[1].startswith("2\none||k of store, ETag ")
    assert state("set", "text", "-i", "one", data=b"no JSON")[0] == 0
    assert state("list", "-i", "one") == (0, "one||k\none||text\n2 keys of one in store\n")
    listed = json.loads(state("list", "-i", "one", "--prefix", "t", "--limit", "1", "-o", "json")[1])
    assert (listed["keys"], listed["more"]) == (["one||text"], False)
    assert state("delete", "k", "-i", "one", "--etag", "stale")[0] == 1
    assert state("delete", "k", "-i", "one") == (0, "Deleted one||k of store\n")
    assert state("list", "-i", "one")[1] == "one||text\n1 key of one in store\n"


@pytest.mark.engine("daprd")
def test_beside_daprd_it_is_the_same(project: Project, daprd: Path) -> None:
    project.add("worker")
    (project.folder / "components" / "jobs.yaml").write_text(RULES, encoding="utf-8")
    store = STORE.format(type="state.sqlite")
    (project.folder / "components" / "store.yaml").write_text(store, encoding="utf-8")
    with running(project, "--engine", "daprd", "--daprd-path", str(daprd)) as run:
        run.ready()
        done = outboard(project.folder, "publish", "-t", "jobs", "-d", '{"n": 7}')
        assert "worker gets it of pubsub at /big" in told(done)
        assert run.line("EVENT 7", "worker")
        done = outboard(project.folder, "publish", "-t", "jobs", "-d", '{"n": 5}', "-o", "json")
        (route,) = json.loads(done.stdout)["routes"]
        assert (route["outcome"], route["rules"][0]["result"]) == ("not", False)
        assert outboard(project.folder, "state", "set", "k", "1").returncode == 0
        assert outboard(project.folder, "state", "get", "k").stdout == b"1\n"
    assert outboard(project.folder, "state", "get", "k").stdout == b"1\n", "in the file that daprd wrote"


RULES = """\
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: jobs}
spec:
  pubsubname: pubsub
  topic: jobs
  routes:
    rules: [{match: "event.data.n > 5.0", path: /big}]
scopes: [worker]
"""


def test_rules_in_files_are_evaluated_where_nothing_runs(project: Project) -> None:
    project.add("worker")
    project.write()
    (project.folder / "components" / "jobs.yaml").write_text(RULES, encoding="utf-8")
    event = project.folder / "event.json"
    event.write_text('{"n": 7}', encoding="utf-8")
    done = outboard(project.folder, "routes", "event.json", "-t", "jobs", "--explain")
    assert (done.returncode, told(done)) == (
        0,
        "worker gets it of pubsub at /big\n  event.data.n > 5.0 → /big: true\n",
    )
    event.write_text('{"n": 5}', encoding="utf-8")
    done = outboard(project.folder, "routes", "event.json", "-t", "jobs", "--explain")
    assert done.returncode == 1
    assert "none of its rules matches, and it has no default route" in told(done)

"""The manifests of the repository, applied as they are, run; their images are those of the Containerfiles."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from engines.cluster.kubectl import Cluster
from support.cluster import eventually_says, objects, port_forward
from support.containers import group_of
from support.doctoring import codes
from support.looking import look_until


def test_each_pod_has_its_sidecar_and_none_was_started_twice(cluster: Cluster, todo: str) -> None:
    pods = objects(cluster, "pods", "-n", todo, "-l", "app in (backend, notification)")
    found = {
        pod["metadata"]["labels"]["app"]: {
            status["name"]: (status["ready"], status["restartCount"])
            for status in pod["status"]["containerStatuses"]
        }
        for pod in pods
    }
    fine = (True, 0)
    assert found == {app: {app: fine, "daprd": fine} for app in ("backend", "notification")}


def test_an_event_reaches_the_notification(cluster: Cluster, todo: str) -> None:
    with port_forward(cluster, todo, "deployment/backend", 8000) as url:
        answer = httpx.post(f"{url}/tasks", json={"title": "milk"}, trust_env=False, timeout=30)
    assert answer.status_code == 201, answer.text
    assert "TASK EVENT RECEIVED" in eventually_says(
        cluster,
        "TASK EVENT RECEIVED",
        "-n",
        todo,
        "-l",
        "app=notification",
        "-c",
        "notification",
        "--tail=-1",
    )


def test_doctor_finds_nothing_wrong_with_it(cluster: Cluster, todo: str) -> None:
    told = look_until(cluster.kubeconfig, todo, lambda told: bool(told["success"]))
    assert {"injection-account", "log-component", "subscribe-answers", "route-there"} <= codes(told, "passed")
    assert codes(told, "warning") <= {"control-ready", "control-version"}


def test_the_heap_of_kafka_is_the_one_that_its_memory_is_asked_for(cluster: Cluster, todo: str) -> None:
    assert todo
    (pod,) = objects(cluster, "pods", "-n", "kafka", "-l", "app=kafka-broker")
    (status,) = pod["status"]["containerStatuses"]
    group = group_of(cluster, "memory", status["containerID"])
    commands = [
        Path("/proc", pid, "cmdline").read_text(encoding="utf-8").split("\0")
        for pid in (group / "cgroup.procs").read_text(encoding="utf-8").split()
    ]
    (heap,) = (
        each["value"] for each in pod["spec"]["containers"][0]["env"] if each["name"] == "KAFKA_HEAP_OPTS"
    )
    broker = next(each for each in commands if "kafka.Kafka" in each)
    assert set(heap.split()) <= set(broker)


@pytest.mark.parametrize("app", ["backend", "notification"])
def test_a_container_is_what_its_containerfile_says(
    cluster: Cluster, todo: str, app: str, pytestconfig: pytest.Config
) -> None:
    file = pytestconfig.rootpath / "deploy" / "kubernetes" / f"{app}.Containerfile"
    stage = file.read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    lines = [line.partition(" ")[::2] for line in stage.splitlines()]
    said = dict(lines)
    copies = [rest.split()[1] for word, rest in lines if word == "COPY" and "--from" not in rest]
    started_as = "open('/proc/1/cmdline').read().split(chr(0))[:-1]"
    told = f"[os.getuid(), os.getcwd(), {started_as}, os.listdir(), *os.environ]"
    program = f"import json, os; print(json.dumps({told}))"
    command = ("exec", "-n", todo, f"deployment/{app}", "-c", app, "--", "python", "-c", program)
    uid, folder, started, files, *variables = json.loads(cluster.kubectl(*command))
    assert (str(uid), folder, started) == (said["USER"], said["WORKDIR"], json.loads(said["CMD"]))
    assert set(files) == {each.removeprefix("./") for each in copies}
    assert {each.partition("=")[0] for each in said["ENV"].split()} <= set(variables)

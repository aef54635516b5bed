"""The manifests of the repository, applied as they are, run; their images are those of the Containerfiles."""

from __future__ import annotations

import json

import httpx

from engines.cluster.kubectl import Cluster
from support.cluster import eventually_says, objects, port_forward


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


def test_a_container_is_what_its_containerfile_says(cluster: Cluster, todo: str) -> None:
    told = "[os.getuid(), os.getcwd(), sys.executable, sorted(os.listdir())]"
    program = f"import json, os, sys; print(json.dumps({told}))"
    command = ("exec", "-n", todo, "deployment/backend", "-c", "backend", "--", "python", "-c", program)
    uid, folder, python, files = json.loads(cluster.kubectl(*command))
    assert (uid, folder, python) == (10001, "/app", "/venv/bin/python")
    assert files == ["backend", "columns.py", "database.py", "events.py"]

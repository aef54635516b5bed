"""`outboard trace --namespace` on the API of Kubernetes: apps of the kit behind the ports of pods, asked by
port-forward, by an administrator and by one who may not do all of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI

from outboard import Outboard
from outboard.hops.files.recording import HOPS_FOLDER
from support.kubernetes import Cluster, restricted
from support.port_forward import to_port
from support.processes import eventually
from support.projects import PATIENCE, outboard
from support.scripted import ScriptedExchange

pytestmark = pytest.mark.engine("kubernetes")
TOKEN = "open-sesame-app"
ANNOTATIONS = {
    "dapr.io/enabled": "true",
    "dapr.io/app-port": "8000",
    "dapr.io/app-token-secret": "app-api-token",
}
READ_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
READ_SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
FORWARD = {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["create", "get"]}


@dataclass
class Recorded:
    """The namespace with two pods, each of which has published an event."""

    cluster: Cluster
    namespace: str
    folder: Path

    def trace(self, *options: str, kubeconfig: Path | None = None) -> tuple[int, str, str]:
        file = str(kubeconfig or self.cluster.kubeconfig)
        arguments = ["trace", "-n", self.namespace, "--kubeconfig", file, *options]
        with outboard(arguments, self.folder) as process:
            out, errors = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in errors
        assert TOKEN not in out + errors
        return process.returncode, out, errors

    def events(self, *options: str, kubeconfig: Path | None = None) -> tuple[list[Any], str]:
        code, out, errors = self.trace("-o", "json", *options, kubeconfig=kubeconfig)
        assert code == 0, errors
        return json.loads(out), errors


@contextmanager
def serving(app_id: str, hops: Path) -> Iterator[int]:
    """An app that has published an event, at a port of loopback."""
    board = Outboard(app_id=app_id, environ={HOPS_FOLDER: str(hops), "APP_API_TOKEN": TOKEN})
    app = FastAPI()
    board.mount(app)

    async def publish() -> None:
        async with board.connected(exchange=ScriptedExchange()):
            await board.publish("tasks", {"by": app_id})

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    with start_blocking_portal() as portal:
        portal.call(publish)
        serves = portal.start_task_soon(server.serve)
        eventually(lambda: server.started, lambda: "uvicorn does not start")
        yield server.servers[0].sockets[0].getsockname()[1]
        server.should_exit = True
        serves.result()


@pytest.fixture(scope="module")
def recorded(kubernetes: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    namespace, folder = kubernetes.add_namespace(), tmp_path_factory.mktemp("pods")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app-api-token"}}
    secret["metadata"]["namespace"] = namespace  # type: ignore[index]
    kubernetes.create(secret | {"stringData": {"token": TOKEN}})
    with ExitStack() as running:
        for app in ("backend", "notification"):
            port = running.enter_context(serving(app, folder / app))
            kubernetes.add_pod(namespace, f"{app}-0", [app, "daprd"], annotations=ANNOTATIONS)
            kubernetes.kubelet.ports[namespace, f"{app}-0", 8000] = to_port(port)
        yield Recorded(kubernetes, namespace, folder)


def apps(events: list[Any]) -> set[str]:
    return {app for app in ("backend", "notification") if app in json.dumps(events)}


def test_the_records_of_all_pods_are_told_as_one(recorded: Recorded) -> None:
    events, errors = recorded.events("--topic", "tasks")
    assert len(events) == 2
    assert apps(events) == {"backend", "notification"}
    assert errors == ""
    code, out, errors = recorded.trace("--topic", "nowhere")
    assert (code, out) == (1, "")
    assert f"in the pods of {recorded.namespace}." in errors


def test_a_pod_that_cannot_be_asked_is_named_and_the_others_are_told(recorded: Recorded) -> None:
    port = recorded.cluster.kubelet.ports.pop((recorded.namespace, "notification-0", 8000))
    try:
        events, errors = recorded.events()
    finally:
        recorded.cluster.kubelet.ports[recorded.namespace, "notification-0", 8000] = port
    assert apps(events) == {"backend"}
    assert "Note: the record of notification-0 could not be read: nobody listens on port 8000" in errors


@pytest.mark.parametrize(
    ("account", "rules", "code", "words"),
    [
        ("all", [READ_PODS, READ_SECRETS, FORWARD], 0, ""),
        (
            "no-forward",
            [READ_PODS, READ_SECRETS],
            1,
            "backend-0, notification-0 could not be read: you may not create pods/portforward",
        ),
        ("no-secret", [READ_PODS, FORWARD], 1, "could not be read from the Secret 'app-api-token'"),
        ("nothing", [], 2, "cannot be seen: "),
    ],
)
def test_what_one_may_not_see_is_said(
    recorded: Recorded, tmp_path: Path, account: str, rules: list[Any], code: int, words: str
) -> None:
    file = restricted(recorded.cluster, recorded.namespace, tmp_path, *rules, name=account)
    got, out, errors = recorded.trace(kubeconfig=file)
    assert got == code, errors
    assert words in errors
    assert (out != "") is (code == 0)

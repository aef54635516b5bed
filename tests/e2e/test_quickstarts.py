"""Small applications in the shape of Dapr's quickstarts for Python, unchanged on our sidecar and on daprd.

What each of their apps prints is the same on both.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.processes import free_ports
from support.projects import Run, outboard
from support.redis import RedisServer

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(180)]

PROGRAMS = Path(__file__).with_name("quickstarts")
NAMES = """\
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: names}
spec:
  nameResolution:
    component: sqlite
    version: v1
    configuration: {connectionString: "%s"}
"""


@dataclass(frozen=True)
class Quickstart:
    """`lines` are how many lines each app prints; the programs with `servers` listen at a port, and speak
    `protocol` there.
    """

    name: str
    lines: Mapping[str, int]
    servers: Sequence[str] = ()
    protocol: str = "http"
    components: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


REDIS = {"redisHost": "{redis}", "redisPassword": ""}
ORDERS = {"orderpubsub": ("pubsub.redis", REDIS)}
STREAMED = {
    "orderpubsub": ("pubsub.redis", {**REDIS, "processingTimeout": "5s", "redeliverInterval": "2000"})
}
"""daprd may have events for a stream that is only just being opened: they come again, else in a minute."""
STORE = {"statestore": ("state.redis", REDIS)}
SECRETS = {
    "localsecretstore": (
        "secretstores.local.file",
        {"secretsFile": "secrets.json", "nestedSeparator": ":"},
    )
}
BOTH = {"order-processor": 5, "checkout": 5}
SERVER = ("order-processor",)
QUICKSTARTS = (
    Quickstart("pub_sub", BOTH, SERVER, components=ORDERS),
    Quickstart("pub_sub_http", BOTH, SERVER, components=ORDERS),
    Quickstart("pub_sub_streaming", BOTH, components=STREAMED),
    Quickstart("state_management", {"order-processor": 9}, components=STORE),
    Quickstart("state_management_http", {"order-processor": 9}, components=STORE),
    Quickstart("secrets_management", {"order-processor": 2}, components=SECRETS),
    Quickstart("secrets_management_http", {"order-processor": 2}, components=SECRETS),
    Quickstart("service_invocation", BOTH, SERVER),
    Quickstart("service_invocation_grpc", BOTH, SERVER, "grpc"),
)


def written(quickstart: Quickstart, folder: Path, redis: str) -> Path:
    """The project in `folder`: its run file."""
    shutil.copytree(PROGRAMS / quickstart.name, folder)
    (folder / "components").mkdir()
    (folder / "secrets.json").write_text(
        '{"secret": "YourPasskeyHere", "deep": {"er": "1"}}', encoding="utf-8"
    )
    names = (folder / "names.db").as_posix()
    (folder / "configuration.yaml").write_text(NAMES % names, encoding="utf-8")
    for name, (kind, metadata) in quickstart.components.items():
        items = [{"name": key, "value": value.replace("{redis}", redis)} for key, value in metadata.items()]
        spec = {"type": kind, "version": "v1", "metadata": items}
        resource = {"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": name}}
        file = folder / "components" / f"{name}.yaml"
        file.write_text(json.dumps({**resource, "spec": spec}), encoding="utf-8")
    apps = [
        {
            "appID": app,
            "appDirPath": ".",
            "command": ["python", f"{app.replace('-', '_')}.py"],
            **(
                {"appPort": free_ports(1)[0], "appProtocol": quickstart.protocol}
                if app in quickstart.servers
                else {}
            ),
        }
        for app in quickstart.lines
    ]
    common = {"resourcesPath": "components", "configFilePath": "configuration.yaml"}
    file = folder / "dapr.yaml"
    file.write_text(json.dumps({"version": 1, "common": common, "apps": apps}), encoding="utf-8")
    return file


def printed(run: Run, wanted: Mapping[str, int]) -> dict[str, list[str]]:
    """What each app prints, sorted: events come in any order."""
    lines: dict[str, list[str]] = {app: [] for app in wanted}
    while any(len(lines[app]) < count for app, count in wanted.items()):
        told = run.until(lambda event: event["event"] == "log" and event["source"] == "app")
        lines[told["app"]].append(told["line"])
    return {app: sorted(found) for app, found in lines.items()}


@pytest.mark.parametrize("quickstart", QUICKSTARTS, ids=str)
def test_its_apps_print_the_same_on_both(
    quickstart: Quickstart, tmp_path: Path, daprd: Path, redis_servers: Callable[..., RedisServer]
) -> None:
    found = {}
    for name, engine in {"outboard": [], "daprd": ["--engine", "daprd", "--daprd-path", str(daprd)]}.items():
        file = written(quickstart, tmp_path / name, redis_servers().address)
        with outboard(["run", "-f", str(file), "--output", "json", *engine], file.parent) as process:
            run = Run(process)
            found[name] = printed(run, quickstart.lines)
            assert run.interrupt() == 0
    assert found["outboard"] == found["daprd"]
    assert {app: len(lines) for app, lines in found["outboard"].items()} == dict(quickstart.lines)

"""What keeps a sidecar or a service from starting: said once, with its place, before anything is touched."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from faults.sidecars import component, sidecar_beside
from outboard import Event, Outboard
from outboard.errors import DuplicateSubscription
from outboard.sidecar.components.registry import FACTORIES
from outboard.testing import Harness
from support.processes import eventually, free_ports, outboard, running

SECRET = "hunter2-do-not-tell"
PUBSUB = component()
STATE = component("statestore", "state.sqlite", connectionString="state.db")
VAULT = component("vault", "secretstores.local.file", secretsFile="secrets.json")
NEEDS_SECRET = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: statestore}
auth: {secretStore: vault}
spec:
  type: state.sqlite
  version: v1
  metadata:
    - name: connectionString
      secretKeyRef: {name: database, key: database}
"""
NO_SECRET = "`connectionString` needs secret 'database' of secret store 'vault'"
SERVED = ", ".join(sorted(FACTORIES))
MARKER = "import pathlib; pathlib.Path('service-started').touch()"
SERVICE = Path(__file__).with_name("service.py")


@dataclass(frozen=True)
class Ended:
    """A command that came to its end by itself. `said` is all that it said."""

    code: int
    said: str


def ended(folder: Path, *arguments: str, **variables: str) -> Ended:
    """Run `outboard` in `folder` until it ends. The usual port for gRPC may be somebody's here."""
    if arguments[0] == "sidecar":
        arguments += ("--dapr-grpc-port", str(free_ports(1)[0]))
    with running(outboard(*arguments), folder, **variables) as program:
        eventually(lambda: program.ended, lambda: f"it did not end:\n{program.output}")
        code = program.interrupt()
    assert "Traceback" not in program.output
    assert SECRET not in program.output
    return Ended(code, program.output)


def written(folder: Path, files: Mapping[str, str]) -> Path:
    place = folder / "resources"
    place.mkdir()
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """The files of `folder` stay as they are: nothing is made, changed or removed."""

    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = content()
    yield
    assert content() == before


FILES = {
    "indentation": (
        {"pubsub.yaml": PUBSUB.replace("spec:", " spec:").replace("{name: pubsub}", "\n  name: pubsub")},
        "pubsub.yaml:5: not valid YAML: ",
        "Check the indentation: keys of one mapping start in the same column.",
    ),
    "tab": (
        {"pubsub.yaml": PUBSUB.replace("  type", "\ttype")},
        "pubsub.yaml:5: not valid YAML: ",
        "YAML is indented with spaces: replace the tab.",
    ),
    "unknown type": (
        {"pubsub.yaml": component(type="pubsub.in-memery")},
        "component 'pubsub' (pubsub.in-memery) of {}pubsub.yaml:1 could not be set up: there is no such "
        f"type; this sidecar serves {SERVED}.",
        "Did you mean `pubsub.in-memory`?",
    ),
    "no such secret": (
        {"state.yaml": NEEDS_SECRET, "vault.yaml": VAULT},
        f"component 'statestore' (state.sqlite) of {{}}state.yaml:9 could not be set up: {NO_SECRET}: secret "
        "database not found.",
        "Put it there, or correct the name.",
    ),
    "one name twice": (
        {"a.yaml": PUBSUB, "b.yaml": PUBSUB},
        "b.yaml:1: component name 'pubsub' is taken by pubsub.in-memory in {}a.yaml:1, whatever the scopes.",
        "Rename or remove one of them.",
    ),
    "no colon": (
        {"pubsub.yaml": PUBSUB.replace("spec:", "spec")},
        "pubsub.yaml:5: not valid YAML: ",
        "Check for a missing colon, here or in the line before.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("command", ["sidecar", "run"])
@pytest.mark.parametrize(("files", "problem", "advice"), FILES.values(), ids=FILES)
def test_a_faulty_resource_file_is_told_with_its_line(
    tmp_path: Path, command: str, files: Mapping[str, str], problem: str, advice: str
) -> None:
    place = written(tmp_path, files)
    (tmp_path / "secrets.json").write_text(f'{{"databas": "{SECRET}"}}', encoding="utf-8")
    flags = ["--app-id", "shop", "--dapr-http-port", str(free_ports(1)[0]), "--resources-path", str(place)]
    if command == "run":
        flags += ["--", "python", "-c", MARKER]
    with untouched(tmp_path):
        outcome = ended(tmp_path, command, *flags)

    assert outcome.code == 1
    assert problem.format(f"{place}{os.sep}") in outcome.said
    assert advice in outcome.said


LEFT_OUT = {
    "type of another engine": (
        {"pubsub.yaml": component(type="pubsub.rabbitmq")},
        "{}pubsub.yaml:1: component 'pubsub' (pubsub.rabbitmq) is left out: this sidecar does not serve "
        "its type.",
        "`outboard run --engine daprd` serves it",
    ),
    "no secret store": (
        {"state.yaml": NEEDS_SECRET},
        f"{{}}state.yaml:9: component 'statestore' (state.sqlite) is left out: {NO_SECRET}, which is not "
        "loaded.",
        "Add it, or check its name, namespace and `scopes`.",
    ),
}


@pytest.mark.parametrize(("files", "problem", "advice"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_component_that_is_left_out_is_told_at_the_start_and_ends_it_with_strict(
    tmp_path: Path, files: Mapping[str, str], problem: str, advice: str
) -> None:
    place = written(tmp_path, files)
    flags = ["--app-id", "shop", "--resources-path", str(place)]
    said = problem.format(f"{place}{os.sep}")
    command = ["--", "python", "-c", MARKER]
    with untouched(tmp_path):
        outcome = ended(tmp_path, "run", "--strict", *flags, *command)
    assert outcome.code == 1
    assert said in outcome.said
    assert advice in outcome.said

    outcome = ended(tmp_path, "run", *flags, *command)
    assert outcome.code == 0
    assert f"WARN {said}" in outcome.said
    assert advice in outcome.said


def test_a_state_store_whose_file_is_broken_has_everything_when_it_is_mended(tmp_path: Path) -> None:
    good = {"statestore.yaml": STATE}
    with sidecar_beside(tmp_path, good) as sidecar:
        assert sidecar.http.post("/v1.0/state/statestore", json=[{"key": "k", "value": 1}]).is_success
    broken = tmp_path / "resources" / "statestore.yaml"
    broken.write_text(STATE.replace("spec:", "spec"), encoding="utf-8")
    outcome = ended(tmp_path, "sidecar", "--app-id", "shop", "--resources-path", str(broken.parent))
    assert (outcome.code, "statestore.yaml:5: not valid YAML" in outcome.said) == (1, True)
    with sidecar_beside(tmp_path, good) as sidecar:
        assert sidecar.http.get("/v1.0/state/statestore/k").json() == 1


USAGE = {
    "unknown flag": (
        ["--dapr-htp-port", "1"],
        "unknown flag --dapr-htp-port",
        "Did you mean --dapr-http-port?",
    ),
    "no number": (
        ["--app-port", "http"],
        "--app-port 'http' is not a whole number",
        "Port on which the app listens",
    ),
    "the app's port": (
        ["--app-port", "4500", "--dapr-http-port", "4500"],
        "--app-port and --dapr-http-port are both 4500.",
        "Give the sidecar another port with --dapr-http-port: --app-port is where the app itself listens",
    ),
    "no folder": (
        ["--resources-path", "nowhere"],
        "--resources-path nowhere is not a folder.",
        "Name the folder of the resource files",
    ),
}


@pytest.mark.parametrize(("flags", "problem", "advice"), USAGE.values(), ids=USAGE)
def test_a_wrong_command_line_is_told_with_code_2(
    tmp_path: Path, flags: list[str], problem: str, advice: str
) -> None:
    outcome = ended(tmp_path, "sidecar", "--app-id", "shop", *flags)

    assert outcome.code == 2
    assert problem in outcome.said
    assert advice in outcome.said


@pytest.mark.parametrize("command", ["sidecar", "run"])
def test_a_taken_port_is_told_with_its_owner_who_keeps_it(tmp_path: Path, command: str) -> None:
    place = written(tmp_path, {"pubsub.yaml": PUBSUB})
    with socket.create_server(("127.0.0.1", 0)) as owner:
        port = owner.getsockname()[1]
        flags = ["--app-id", "shop", "--dapr-http-port", str(port), "--resources-path", str(place)]
        if command == "run":
            flags += ["--", "python", "-c", MARKER]
        with untouched(tmp_path):
            outcome = ended(tmp_path, command, *flags)
        with socket.create_connection(("127.0.0.1", port)):
            taken, _ = owner.accept()
            taken.close()

    assert outcome.code == 1
    assert f"port {port} for " in outcome.said
    assert " is taken by " in outcome.said
    assert str(os.getpid()) in outcome.said
    assert "Stop that process, or choose another port with --dapr-http-port" in outcome.said


def test_a_second_sidecar_on_the_port_leaves_the_first_one_its_events(tmp_path: Path) -> None:
    with sidecar_beside(tmp_path, {"pubsub.yaml": component(backlog="10")}) as first:
        first.publish("orders", {"number": 1})
        flags = ["--app-id", "shop", "--dapr-http-port", str(first.port)]
        outcome = ended(tmp_path, "sidecar", *flags, "--resources-path", str(tmp_path / "resources"))
        first.publish("orders", {"number": 2})

    assert outcome.code == 1
    assert f"port {first.port} for the Dapr HTTP API is taken by python" in outcome.said


def two_handlers() -> tuple[FastAPI, Outboard]:
    board = Outboard(environ={"APP_ID": "shop"})
    orders = board.topic("orders")

    @orders.subscribe("/first")
    async def first(event: Event[object]) -> None: ...

    @orders.subscribe("/second")
    async def second(event: Event[object]) -> None: ...

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app, board


@pytest.mark.anyio
async def test_two_handlers_for_one_topic_are_both_named_and_the_events_wait(tmp_path: Path) -> None:
    harness = Harness([written(tmp_path, {"pubsub.yaml": component(backlog="10")})])
    mended = Outboard(environ={"APP_ID": "shop"})
    orders, handled = mended.topic("orders"), list[object]()

    @orders.subscribe("/only")
    async def only(event: Event[object]) -> None:
        handled.append(event.data)

    app = FastAPI(lifespan=mended.lifespan)
    mended.mount(app)
    publisher = Outboard(environ={"APP_ID": "web"})
    async with harness.connected(publisher):
        await publisher.publish("orders", 1)
        with pytest.raises(DuplicateSubscription) as caught:
            async with harness.serving(*two_handlers()):
                pytest.fail("an app with two handlers for one topic was started")
        await publisher.publish("orders", 2)
        async with harness.serving(app, mended):
            await harness.handled(orders)
            await harness.handled(orders)

    assert handled == [1, 2]
    first, second = caught.value.first, caught.value.second
    assert "first (" in first
    assert "second (" in second
    assert Path(__file__).name in first
    assert str(caught.value) == (
        f"two handlers for topic 'orders' on 'pubsub' with the same rule (every event): {first} and {second}."
        " Only one of them would ever be called: remove one, or give each a `match` of its own."
    )


def test_two_handlers_for_one_topic_end_a_run_that_names_the_service(tmp_path: Path) -> None:
    place = written(tmp_path, {"pubsub.yaml": PUBSUB})
    text = SERVICE.read_text(encoding="utf-8")
    again = '@orders.subscribe("/again")\nasync def again(event: Event[Order]) -> None: ...\n\n\ndef say('
    (tmp_path / "twice.py").write_text(text.replace("def say(", again), encoding="utf-8")
    app_port, http_port = free_ports(2)
    flags = ["--app-id", "shop", "--app-port", str(app_port), "--dapr-http-port", str(http_port)]
    command = [*flags, "--resources-path", str(place), "--", "python", "twice.py"]
    with running(outboard("run", *command), tmp_path) as program:
        eventually(lambda: program.ended, lambda: program.output)
        code = program.interrupt()

    assert code == 1
    assert "two handlers for topic 'orders' on 'pubsub' with the same rule" in program.output
    assert "on_order (twice.py:" in program.output.replace(str(tmp_path) + os.sep, "")
    assert "again (twice.py:" in program.output.replace(str(tmp_path) + os.sep, "")
    assert "shop ended with exit code" in program.output
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{http_port}/v1.0/healthz", trust_env=False)

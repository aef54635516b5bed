"""`outboard doctor` as it is called: sidecars that were started by hand, canaries, bundles, waiting."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.broken import APP, MEMORY, SQLITE, SUBSCRIPTION, SetUp
from support.doctoring import Place, codes, doctor, made, running
from support.processes import Program, eventually, free_ports
from support.processes import outboard as command_line
from support.processes import running as program
from support.projects import PATIENCE, outboard
from support.servers import is_open

KIT = """
import os
import uvicorn
from fastapi import FastAPI
from outboard import Event, Outboard

print("BEGIN", flush=True)
board = Outboard()
jobs = board.topic("jobs", dict)

@jobs.subscribe("/events/jobs")
async def on_job(event: Event[dict]) -> None:
    print("GOT", event.id, flush=True)

app = FastAPI(lifespan=board.lifespan)
board.mount(app)
uvicorn.run(app, port=int(os.environ["APP_PORT"]), log_level="warning")
"""
JOBS = SetUp("", "", {"TOPICS": "jobs"})


@contextmanager
def by_hand(
    folder: Path, *, daprd: Path | None = None, broken: str = "", **variables: str
) -> Iterator[tuple[Program, list[str]]]:
    """An app and a sidecar that no run knows: the app, and the options that name both."""
    app_port, http_port, *others = free_ports(5)
    (folder / "components").mkdir(exist_ok=True)
    (folder / "components" / "pubsub.yaml").write_text(MEMORY, encoding="utf-8")
    if broken:
        (folder / "components" / "broken.yaml").write_text(broken, encoding="utf-8")
    (folder / "app.py").write_text(APP, encoding="utf-8")
    own = {"APP_PORT": str(app_port), "DAPR_HTTP_PORT": str(http_port), "TOPICS": "jobs", "HOME": str(folder)}
    options = ["--app-id", "worker", "--app-port", str(app_port), "--dapr-http-port", str(http_port)]
    resources = ["--resources-path", "components"]
    grpc_port, internal_port, metrics_port = map(str, others)
    sidecar = command_line("sidecar", *options, *resources, "--dapr-grpc-port", grpc_port)
    if daprd is not None:
        ports = ["--dapr-internal-grpc-port", internal_port, "--metrics-port", metrics_port]
        loopback = ["--dapr-listen-addresses", "127.0.0.1", "--dapr-grpc-port", grpc_port]
        sidecar = [str(daprd), *options, *resources, *loopback, *ports]
    environment = {**own, **variables}
    app_command = [sys.executable, "app.py"]
    with (
        program(app_command, folder, **environment) as app,
        program(sidecar, folder, **environment) as started,
    ):
        started.wait_for("dapr initialized")
        yield app, [*options, *resources]


def daprd_or_ours(engine: str, request: pytest.FixtureRequest) -> Path | None:
    """The executable of daprd, where that is wanted."""
    if engine != "daprd":
        return None
    found: Path = request.getfixturevalue("daprd")
    return found


@pytest.mark.parametrize("engine", ["outboard", "daprd"])
def test_a_sidecar_that_was_started_by_hand_is_looked_at(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with by_hand(tmp_path, daprd=daprd_or_ours(engine, request)) as (_, options):
        code, told = doctor(tmp_path, *options)
    assert (code, codes(told, "failed")) == (0, set()), json.dumps(told, indent=1)
    assert {"app-listening", "subscription-registered", "component-loaded"} <= codes(told, "passed")


def test_a_file_without_which_daprd_goes_on_is_told(tmp_path: Path, daprd: Path) -> None:
    with by_hand(tmp_path, daprd=daprd, broken="kind: [\n") as (_, options):
        code, told = doctor(tmp_path, *options)
    assert (code, codes(told, "failed")) == (1, {"component-files"}), json.dumps(told, indent=1)


def test_what_is_wrong_with_it_is_told(tmp_path: Path) -> None:
    with by_hand(tmp_path, DAPR_API_TOKEN="known-to-the-sidecar") as (_, options):
        _, without_token = doctor(tmp_path, *options)
        _, other_name = doctor(tmp_path, "--app-id", "shop", *options[2:])
        closed, *_ = free_ports(1)
        _, other_port = doctor(tmp_path, *options[:5], str(closed))
        _, a_stranger = doctor(tmp_path, *options[:5], options[3])
    assert codes(without_token, "failed") == {"sidecar-token"}
    assert codes(other_name, "failed") == {"sidecar-token"}  # without the token it does not say whose it is
    assert codes(other_port, "failed") == {"sidecar-answers"}
    assert "sidecar-identity" in codes(a_stranger, "failed")


def test_the_sidecar_of_another_app_is_told(tmp_path: Path) -> None:
    with by_hand(tmp_path) as (_, options):
        _, told = doctor(tmp_path, "--app-id", "shop", *options[2:])
    assert codes(told, "failed") == {"sidecar-identity"}


def test_an_app_that_was_started_again_with_other_subscriptions_is_told(tmp_path: Path) -> None:
    with by_hand(tmp_path) as (app, options):
        app.kill()
        environment = {"APP_PORT": options[3], "DAPR_HTTP_PORT": options[5], "TOPICS": "jobs mails"}
        with program([sys.executable, "app.py"], tmp_path, **environment) as again:
            eventually(lambda: is_open(int(options[3])), lambda: again.output)
            code, told = doctor(tmp_path, *options)
    assert (code, codes(told, "failed")) == (1, {"subscription-registered"}), json.dumps(told, indent=1)


def kit_place(folder: Path, **more: str) -> Place:
    place = made(SetUp("", "", files=more), folder)
    (folder / "app.py").write_text(KIT, encoding="utf-8")
    return place


@pytest.mark.parametrize("engine", ["outboard", "daprd"])
def test_a_canary_comes_through_without_its_handler(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with running(SetUp("", ""), kit_place(tmp_path), daprd_or_ours(engine, request)):
        code, told = doctor(tmp_path, "--canary")
        log = next((tmp_path / ".outboard" / "runs").glob("*/worker.app.log")).read_text(encoding="utf-8")
    assert (code, codes(told, "failed")) == (0, set()), json.dumps(told, indent=1)
    (canary,) = [each for each in told["categories"] if each["name"] == "a canary"]
    assert canary["checks"][0]["evidence"] == ["it came to /events/jobs"]
    assert "GOT" not in log


def test_no_canary_goes_to_a_handler_that_would_take_it(tmp_path: Path) -> None:
    with running(JOBS, made(JOBS, tmp_path), None):
        code, told = doctor(tmp_path, "--canary")
        log = next((tmp_path / ".outboard" / "runs").glob("*/worker.app.log")).read_text(encoding="utf-8")
    assert code == 0
    assert codes(told, "unknown") == {"canary-arrives"}
    assert "GOT" not in log


def test_a_canary_that_waits_behind_others_is_told(tmp_path: Path) -> None:
    place = kit_place(tmp_path, **{"pubsub.yaml": SQLITE, "subscription.yaml": SUBSCRIPTION})
    stuck = KIT.replace('print("GOT", event.id, flush=True)', "raise OSError('database away')")
    (tmp_path / "app.py").write_text(stuck, encoding="utf-8")
    with running(SetUp("", "", publish=("jobs",) * 6), place, None):
        code, told = doctor(tmp_path, "--canary")
    assert (code, codes(told, "failed")) == (1, {"group-moves"}), json.dumps(told, indent=1)


def test_a_bundle_has_all_that_was_seen_and_no_secret(tmp_path: Path) -> None:
    secret = "hunter2-of-the-broker"
    store = MEMORY.replace("name: pubsub", "name: secrets").replace(
        "type: pubsub.in-memory, version: v1",
        "type: secretstores.local.env, version: v1",
    )
    redis = f"""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: other}}
scopes: [worker]
spec:
  type: state.in-memory
  version: v1
  metadata:
    - {{name: redisPassword, value: {secret}-in-the-file}}
    - name: keyPrefix
      secretKeyRef: {{name: PREFIX, key: PREFIX}}
auth: {{secretStore: secrets}}
"""
    setup = SetUp(
        "",
        "",
        {
            "TOPICS": "jobs",
            "SUBSCRIBE_STATUS": "500",
            "SUBSCRIBE_BODY": f"<html>{secret}-in-the-store</html>",
            "PREFIX": f"{secret}-in-the-store",
        },
        {"secrets.yaml": store, "other.yaml": redis},
        environment={"DAPR_API_TOKEN": f"{secret}-of-the-api", "APP_API_TOKEN": f"{secret}-of-the-app"},
    )
    place = made(setup, tmp_path)
    with running(setup, place, None):
        code, told = doctor(tmp_path, "--bundle", "seen.json")
    text = (tmp_path / "seen.json").read_text(encoding="utf-8")
    assert code == 1
    assert secret not in text + json.dumps(told)
    seen = json.loads(text)
    assert seen["diagnosis"] == told
    assert seen["evidence"]["apps"][0]["app_id"] == "worker"
    assert "***" in seen["evidence"]["apps"][0]["subscribe"]["body"]
    if os.name == "posix":
        assert (tmp_path / "seen.json").stat().st_mode & 0o077 == 0


def test_it_waits_until_every_hop_is_well(tmp_path: Path) -> None:
    place = made(JOBS, tmp_path)
    arguments = ["doctor", "--wait", "30s", "-o", "json"]
    with outboard(arguments, tmp_path) as waiting, running(JOBS, place, None):
        out, _ = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 0
    assert json.loads(out)["success"] is True


def test_watching_tells_of_each_change(tmp_path: Path) -> None:
    place = made(JOBS, tmp_path)
    with running(JOBS, place, None), outboard(["doctor", "--watch", "-o", "json"], tmp_path) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["success"] is True
        (tmp_path / "components" / "pubsub.yaml").write_text("kind: [\n", encoding="utf-8")
        assert json.loads(watching.stdout.readline())["broken"] == "the components"
        if os.name == "posix":
            watching.send_signal(signal.SIGINT)
            watching.communicate(timeout=PATIENCE)
            assert watching.returncode == 0, "that is how one ends it"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "there is no run that runs now. Start one with `outboard run`."),
        (["--run", "2026"], "there is no run with the id 2026"),
        (["--dapr-http-port", "3500"], "--dapr-http-port needs --app-id"),
        (["--app-port", "8000"], "--app-port is for a sidecar that was started by hand"),
        (["--wait", "soon"], "--wait soon"),
        (["--watch", "--canary"], "--watch goes with none of"),
    ],
)
def test_where_it_cannot_look_it_says_so(arguments: list[str], told: str, tmp_path: Path) -> None:
    with outboard(["doctor", *arguments], tmp_path) as process:
        out, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (2, "")
    assert told in errors
    assert "Traceback" not in errors


def test_text_says_it_in_words_where_there_is_no_terminal(tmp_path: Path) -> None:
    setup = SetUp("", "", {"TOPICS": "jobs", "SERVED": "/other"})
    place = made(setup, tmp_path)
    with running(setup, place, None), outboard(["doctor", "--short"], tmp_path) as process:
        out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert re.search(
        r"^FAILED:  it does not serve the route of a subscription \(worker\)$", out, re.MULTILINE
    )
    assert "POST /events: the app answers 404" in out
    assert "curl -si -X OPTIONS http://127.0.0.1:" in out or "Invoke-WebRequest" in out
    assert out.rstrip().endswith("Events stay at: the routes (route-there)")
    assert "ok:" not in out

"""A service on Dapr's own SDK runs as it is: its client, sync and async, against `outboard run`."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.projects import APP, Project, publish, running

STORES = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: statestore}
spec: {type: state.in-memory, version: v1}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: secrets}
spec:
  type: secretstores.local.file
  version: v1
  metadata: [{name: secretsFile, value: secrets.json}]
"""
CALLS = """
import json, time, urllib.request
from dapr.clients.grpc._request import TransactionalStateOperation, TransactionOperationType
from dapr.clients.grpc._state import StateItem, StateOptions, Concurrency, Consistency

JSON = "application/json"
LAST = StateOptions(Consistency.strong, Concurrency.last_write)

def print(*texts, **_):  # in one piece: threads write side by side
    sys.stdout.write(" ".join(map(str, texts)) + "\\n")
    sys.stdout.flush()

def status(error):
    grpc = error if hasattr(error, "code") else error.__cause__ or error.__context__
    return grpc.code().name, grpc.details()

def checked(name, found, wanted):
    verdict = "fine" if found == wanted else f"{{found!r}}, not {{wanted!r}}"
    print("CHECK", name, verdict, flush=True)

def ready():
    while True:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{{os.environ['DAPR_HTTP_PORT']}}/v1.0/healthz")
        except OSError:
            time.sleep(0.05)

{calls}
"""
BODY = """
    {w}client.publish_event("pubsub", "orders", json.dumps({{"n": {n}}}), data_content_type=JSON)
    more = [json.dumps({{"n": {n} + 1}}), json.dumps({{"n": {n} + 2}})]
    done = {w}client.publish_events("pubsub", "orders", more, data_content_type=JSON)
    checked("{name} bulk", [each.entry_id for each in done.failed_entries], [])
    {w}client.save_state("statestore", "{name}", "v1", options=LAST)
    got = {w}client.get_state("statestore", "{name}")
    checked("{name} state", got.data, b"v1")
    try:
        {w}client.save_state("statestore", "{name}", "v2", etag="other")
    except Exception as error:
        checked("{name} etag", status(error)[0], "ABORTED")
    {w}client.save_bulk_state("statestore", [StateItem("{name}1", "1"), StateItem("{name}2", "2")])
    many = {w}client.get_bulk_state("statestore", ["{name}1", "{name}2", "none"])
    checked("{name} many", sorted((each.key, each.data) for each in many.items),
            sorted([("{name}1", b"1"), ("{name}2", b"2"), ("none", b"")]))
    {w}client.execute_state_transaction("statestore", [
        TransactionalStateOperation(key="{name}3", data="3"),
        TransactionalStateOperation("{name}1", "", operation_type=TransactionOperationType.delete),
    ])
    left = [({w}client.get_state("statestore", key)).data for key in ("{name}3", "{name}1")]
    checked("{name} transaction", left, [b"3", b""])
    {w}client.delete_state("statestore", "{name}3")
    checked("{name} deleted", ({w}client.get_state("statestore", "{name}3")).data, b"")
    checked("{name} secret", ({w}client.get_secret("secrets", "A_SECRET")).secret, {{"A_SECRET": "kept"}})
    secrets = ({w}client.get_bulk_secret("secrets")).secrets
    checked("{name} secrets", secrets["A_SECRET"], {{"A_SECRET": "kept"}})
    {w}client.set_metadata("{name}", "told")
    told = {w}client.get_metadata()
    checked("{name} metadata", (told.application_id, told.extended_metadata["{name}"]), ("shop", "told"))
    try:
        {w}client.get_state("nope", "k")
    except Exception as error:
        checked("{name} error", status(error), ("INVALID_ARGUMENT", "state store nope is not found"))
    print("CHECKED {name}", flush=True)
"""
SYNC = (
    "from dapr.clients import DaprClient\ndef calls():\n  ready()\n  with DaprClient() as client:"
    + BODY.format(w="", n=1, name="sync")
)
AWAITED = (
    "import asyncio\nfrom dapr.aio.clients import DaprClient\n"
    "async def main():\n  async with DaprClient() as client:"
    + BODY.format(w="await ", n=11, name="awaited")
    + "\ndef calls():\n  ready()\n  asyncio.run(main())\n"
)
SERVER = "http.server.ThreadingHTTPServer("
THREAD = "import threading\nthreading.Thread(target=calls, daemon=True).start()\n"
APP_OVER_GRPC = """
import os
from dapr.clients.grpc._response import TopicEventResponse
from dapr.common.pubsub.subscription import SubscriptionMessage
from dapr.ext.grpc import App, Rule

app = App()

@app.subscribe(pubsub_name="pubsub", topic="TOPIC")
def take(event: SubscriptionMessage) -> TopicEventResponse:
    print("EVENT", event.data(), flush=True)
    return TopicEventResponse("success")

@app.subscribe(pubsub_name="pubsub", topic="ruled", rule=Rule('event.data.n > 4', 1))
def large(event: SubscriptionMessage) -> None:
    print("LARGE", event.data(), flush=True)

app.run(int(os.environ["APP_PORT"]))
"""
CHECKS = ("bulk", "state", "etag", "many", "transaction", "deleted", "secret", "secrets", "metadata", "error")


@pytest.mark.parametrize(
    ("name", "calls", "events"), [("sync", SYNC, (1, 2, 3)), ("awaited", AWAITED, (11, 12, 13))]
)
def test_its_client_works_as_it_is(tmp_path: Path, name: str, calls: str, events: tuple[int, ...]) -> None:
    project = Project(tmp_path)
    (tmp_path / "components" / "stores.yaml").write_text(STORES, encoding="utf-8")
    program = project.add("shop", topics="orders")
    (tmp_path / "shop" / "secrets.json").write_text('{"A_SECRET": "kept"}', encoding="utf-8")
    source = APP.replace(SERVER, f"{CALLS.format(calls=calls)}\n{THREAD}{SERVER}")
    program.write_text(source, encoding="utf-8")
    with running(project) as run:
        run.line(f"CHECKED {name}")
        said = [each["line"] for each in run.seen if each["event"] == "log"]
        checks = [each for each in said if each.startswith("CHECK ")]
        assert checks == [f"CHECK {name} {check} fine" for check in CHECKS]
        wanted = {f"EVENT {number} v1" for number in events}
        while not wanted <= {each["line"] for each in run.seen if each["event"] == "log"}:
            run.line("EVENT ")
        assert run.interrupt() == 0


def test_its_app_over_grpc_works_as_it_is_and_after_a_restart(tmp_path: Path) -> None:
    project = Project(tmp_path)
    program = project.add("shop", more="    appProtocol: grpc\n")
    program.write_text(APP_OVER_GRPC.replace("TOPIC", "orders"), encoding="utf-8")
    with running(project, "--reload") as run:
        sidecar = run.ready()["shop"]
        publish(sidecar, "orders", n=1)
        assert run.line("EVENT") == "EVENT {'n': 1}"
        publish(sidecar, "ruled", n=2)
        publish(sidecar, "ruled", n=5)
        assert run.line("LARGE") == "LARGE {'n': 5}"
        program.write_text(APP_OVER_GRPC.replace("TOPIC", "others"), encoding="utf-8")
        run.until(lambda event: "others" in str(event.get("topics")))
        run.event("reloaded")
        publish(sidecar, "others", n=3)
        assert run.line("EVENT") == "EVENT {'n': 3}"
        assert run.interrupt() == 0

"""`outboard run` tells of wiring that would fail in silence: at `ready`, or with the first event."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from support.projects import APP, CTRL_C, PATIENCE, PUBSUB, Event, Project, Run, outboard, publish, running

SCOPED = PUBSUB.replace("name: pubsub", "name: shop-pubsub") + "scopes: [orders]\n"
SUBSCRIBE = 'body if self.path == "/dapr/subscribe" else {}'
ITEMS = '[{"pubsubname": "pubsub", "topic": topic, "route": "/events"} for topic in topics]'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def add_answering(project: Project, app_id: str, subscriptions: object) -> None:
    """An app with this answer at `/dapr/subscribe`."""
    program = project.add(app_id)
    program.write_text(APP.replace(ITEMS, repr(subscriptions)), encoding="utf-8")


def up_to_ready(run: Run) -> tuple[dict[str, Event], Event]:
    """What is told of each app, and `ready`."""
    ready = run.event("ready")
    return {each["app"]: each for each in run.seen if each["event"] == "topology"}, ready


def sidecar_of(ready: Event, app: str) -> str:
    return next(str(each["sidecar_url"]) for each in ready["apps"] if each["app"] == app)


def test_a_topic_that_nobody_takes_is_told_at_the_first_event(project: Project) -> None:
    project.add("shop")
    project.add("billing", topics="orders-created")
    with running(project) as run:
        topologies, ready = up_to_ready(run)
        taken = {"pubsub": "pubsub", "topic": "orders-created", "routes": ["/events"], "bulk": False}
        assert topologies["billing"]["topics"] == [{**taken, "dead_letter_topic": "", "remark": ""}]
        assert topologies["shop"]["topics"] == []
        assert topologies["shop"]["components"] == [{"name": "pubsub", "type": "pubsub.in-memory"}]
        assert ready["not_taken"] == 0
        for number in range(2):
            publish(sidecar_of(ready, "shop"), "order-created", n=number)
        publish(sidecar_of(ready, "shop"), "orders-created", n=2)
        told = run.event("untaken")
        assert (told["app"], told["pubsub"], told["topic"]) == ("shop", "pubsub", "order-created")
        assert "which no app of this run takes" in told["text"]
        assert "Did you mean `orders-created`, which billing takes?" in told["text"]
        assert run.line("EVENT 2", "billing")
        assert run.interrupt() == 0
        assert not [event for event in run.rest() if event["event"] == "untaken"]


def test_dead_letters_that_nobody_takes_are_where_they_belong(project: Project) -> None:
    project.add("shop", topics="orders")
    with running(project) as run:
        _, ready = up_to_ready(run)
        sidecar = sidecar_of(ready, "shop")
        publish(sidecar, "orders-dead", n=0)
        letter = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "deadletterreason": "poison"}
        headers = {"content-type": "application/cloudevents+json"}
        url = f"{sidecar}/v1.0/publish/pubsub/poison"
        assert httpx.post(url, json=letter, headers=headers, trust_env=False).status_code == 204
        publish(sidecar, "order", n=1)
        assert run.event("untaken")["topic"] == "order"
        publish(sidecar, "poison", n=2)
        assert run.event("untaken")["topic"] == "poison"
        assert run.interrupt() == 0
        assert not [event for event in run.rest() if event["event"] == "untaken"]


def test_a_component_that_an_app_does_not_get_is_named_with_the_reason(project: Project) -> None:
    (project.folder / "components" / "shop.yaml").write_text(SCOPED, encoding="utf-8")
    project.add("orders")
    item = {"pubsubname": "shop-pubsub", "topic": "jobs", "route": "/events"}
    add_answering(project, "billing", [item])
    with running(project) as run:
        topologies, ready = up_to_ready(run)
        (left,) = topologies["billing"]["left_out"]
        assert (left["name"], left["reason"]) == ("shop-pubsub", "its scopes are [orders]")
        assert topologies["orders"]["left_out"] == []
        warned = [event["line"] for event in run.seen if event.get("level") == "warn"]
        assert any(
            "'shop-pubsub' (pubsub.in-memory) is left out of billing: its scopes" in line for line in warned
        )
        assert ready["not_taken"] == 1
        assert "component 'shop-pubsub' is left out: its scopes are [orders]" in run.event("caution")["text"]
        assert run.interrupt() == 0


def test_an_app_without_a_component_says_why(project: Project) -> None:
    (project.folder / "components" / "pubsub.yaml").unlink()
    project.add("billing", topics="jobs")
    with running(project) as run:
        topologies, _ = up_to_ready(run)
        assert topologies["billing"]["components"] == []
        assert topologies["billing"]["remark"] == "it was not asked, since no pub/sub component is loaded"
        assert any("no component is loaded: there is none in" in str(event.get("line")) for event in run.seen)
        assert run.interrupt() == 0


RULE = {"rules": [{"match": "event.type.lowerAscii() == 'a'", "path": "/a"}]}


@pytest.mark.parametrize(
    ("subscriptions", "problem"),
    [
        (
            [{"pubsubname": "pubsubs", "topic": "jobs", "route": "/e"}],
            "no pub/sub component 'pubsubs' is loaded",
        ),
        ([{"pubsubname": "pubsub", "topic": "jobs"}], "has no `route`"),
        ([{"pubsubname": "pubsub", "topic": "jobs", "routes": RULE}], "lowerAscii"),
        ({"pubsub": "jobs"}, "cannot be used: not a list"),
    ],
)
def test_what_an_app_asks_for_in_vain_stands_last(
    subscriptions: object, problem: str, project: Project
) -> None:
    add_answering(project, "billing", subscriptions)
    with running(project) as run:
        topologies, ready = up_to_ready(run)
        assert topologies["billing"]["topics"] == []
        assert ready["not_taken"] == 1
        caution = run.event("caution")["text"]
        assert caution.startswith("billing does not get its events: ")
        assert problem in caution
        assert not [event for event in run.seen if "is subscribed to" in str(event.get("line"))]
        assert run.interrupt() == 0


def test_what_a_person_sees(project: Project) -> None:
    project.add("shop")
    project.add("billing", topics="orders-created")
    add_answering(project, "audit", [{"pubsubname": "pubsubs", "topic": "jobs", "route": "/e"}])
    with outboard(["run", "-f", str(project.write())], project.folder) as process:
        assert process.stdout is not None
        lines = list[str]()
        for line in process.stdout:
            lines.append(line.rstrip("\n").partition("| ")[2])
            if "sidecar http" in line and "shop" in line:
                publish(line.rstrip("\n").rpartition(" ")[2], "order-created", n=1)
            if "no app of this run takes" in line:
                break
        process.send_signal(CTRL_C)
        process.stdout.read()
        assert process.wait(PATIENCE) == 0
    assert "billing takes" in lines
    assert "  orders-created of pubsub at /events" in lines
    assert "shop takes no topic" in lines
    assert "ready, but for 1 that the last lines name" in lines
    last = lines.index("Ctrl-C stops everything")
    assert lines[last + 1].startswith("caution: audit does not get its events: subscription to topic 'jobs'")
    assert lines[-1].startswith("note: shop published to 'order-created' of 'pubsub', which no app")


PLAIN = """
import json, os
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

class Order(BaseModel):
    title: str

app = FastAPI()

@app.get("/dapr/subscribe")
def subscribe():
    rules = {"rules": [{"match": "event.type == 'never'", "path": "/never"}]}
    return [
        {"pubsubname": "pubsub", "topic": "orders", "route": "/orders"},
        {"pubsubname": "pubsub", "topic": "ruled", "routes": rules},
    ]

@app.post("/orders")
def take(order: Order):
    print("TOOK", order.title, flush=True)

uvicorn.run(app, port=int(os.environ["APP_PORT"]), log_level="warning")
"""


def test_what_the_app_answers_and_what_no_rule_takes_are_shown(project: Project) -> None:
    project.add("billing").write_text(PLAIN, encoding="utf-8")
    with running(project) as run:
        sidecar = run.ready()["billing"]
        publish(sidecar, "orders", title="milk")
        refused = run.line("was not handled by the app: status code returned: 422, body: ", "billing")
        assert json.loads(refused.partition("body: ")[2].partition(" (the app gets")[0])["detail"]
        assert refused.endswith("(the app gets a CloudEvent; the payload is under `data`)")
        publish(sidecar, "ruled", title="milk")
        assert "None of the rules matches (`event.type == 'never'`)" in run.line(
            "no matching route for event"
        )
        assert run.interrupt() == 0


def test_the_topology_is_told_with_daprd_too(project: Project, daprd: Path) -> None:
    (project.folder / "components" / "shop.yaml").write_text(SCOPED, encoding="utf-8")
    item = {"pubsubname": "shop-pubsub", "topic": "jobs", "route": "/events"}
    add_answering(project, "billing", [item, {**item, "pubsubname": "pubsub"}])
    with running(project, "--engine", "daprd", "--daprd-path", str(daprd)) as run:
        topologies, ready = up_to_ready(run)
        told = topologies["billing"]
        assert [(each["pubsub"], each["topic"], each["routes"]) for each in told["topics"]] == [
            ("pubsub", "jobs", ["/events"])
        ]
        assert told["components"] == [{"name": "pubsub", "type": "pubsub.in-memory"}]
        assert [each["reason"] for each in told["left_out"]] == ["its scopes are [orders]"]
        assert ready["not_taken"] == 1
        problem = "'shop-pubsub' is left out: its scopes are [orders]"
        assert problem in run.event("caution")["text"]
        assert run.interrupt() == 0


def running_daprd(project: Project, daprd: Path) -> AbstractContextManager[Run]:
    return running(project, "--engine", "daprd", "--daprd-path", str(daprd))


def test_what_daprd_leaves_out_or_cannot_do_is_told(project: Project, daprd: Path) -> None:
    item = {"pubsubname": "pubsub", "topic": "jobs"}
    bulk = {**item, "topic": "many", "route": "/events", "bulkSubscribe": {"enabled": True}}
    add_answering(project, "billing", [item, bulk])
    with running_daprd(project, daprd) as run:
        topologies, ready = up_to_ready(run)
        (taken,) = topologies["billing"]["topics"]
        assert (taken["topic"], taken["bulk"]) == ("many", True)
        assert "one event when the one before it is done" in taken["remark"]
        assert ready["not_taken"] == 1
        assert "topic 'jobs' on pubsub 'pubsub' is not started: its item" in run.event("caution")["text"]
        assert run.interrupt() == 0


ITEM = {"pubsubname": "pubsub", "topic": "jobs", "route": "/events"}
NO_CEL = {"pubsubname": "pubsub", "topic": "ruled", "routes": {"rules": [{"match": "a ==", "path": "/a"}]}}


@pytest.mark.parametrize(
    ("subscriptions", "said"),
    [
        ([ITEM, NO_CEL], "`match: a ==` of topic 'ruled' cannot be compiled"),
        ({"pubsub": "jobs"}, "its answer at /dapr/subscribe cannot be used: not a list"),
    ],
)
def test_an_answer_of_which_daprd_starts_nothing_is_told(
    project: Project, daprd: Path, subscriptions: object, said: str
) -> None:
    add_answering(project, "billing", subscriptions)
    with running_daprd(project, daprd) as run:
        topologies, ready = up_to_ready(run)
        assert topologies["billing"]["topics"] == []
        assert ready["not_taken"] == 1
        text = run.event("caution")["text"]
        assert text.startswith(f"billing does not get its events: {said}")
        assert text.endswith("daprd starts no subscription of this app")
        assert run.interrupt() == 0


def test_a_rule_with_which_daprd_never_becomes_ready_is_told(project: Project, daprd: Path) -> None:
    add_answering(project, "billing", [{"pubsubname": "pubsub", "topic": "jobs", "routes": RULE}])
    with running_daprd(project, daprd) as run:
        text = run.event("caution")["text"]
        assert text.startswith("billing does not get its events: `match: event.type.lowerAscii()")
        assert text.endswith("The daprd of billing does not become ready with it")
        slow = run.event("slow")
        assert (slow["app"], slow["listens"]) == ("billing", True)
        run.interrupt()
    assert not [event for event in run.seen if event["event"] == "ready"]

"""The commands of the pages about Kubernetes, executed in their order on the system that they are about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from engines.cluster.kubectl import Cluster
from support.cluster import eventually, moved_to, port_forward
from support.commands import Command, commands

pytestmark = pytest.mark.engine("cluster")
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
BEFORE = ("create secret", "scale", "rollout", "port-forward", "apply")
"""What prepares a system, or goes on until somebody ends it."""


def looks(page: str, beginning: str, end: str = "\0") -> list[Command]:
    """The commands of kubectl in a part of the page that tell of something."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    first = text[: text.index(beginning)].count("\n")
    last = text[: text.index(end)].count("\n") if end in text else text.count("\n")
    return [
        each
        for each in commands(HOW_TO / page)
        if first < each.line <= last + 1
        and each.shell == "$"
        and each.words[0] == "kubectl"
        and each.expected
        and not each.text.removeprefix("kubectl ").startswith(BEFORE)
    ]


SIX = looks("kubernetes.md", "## Look whether it works", "### When a component changes")
STORY = "### 7 The whole story"
WALK = looks("where-did-my-event-go.md", "## On Kubernetes", STORY)
AT_ONCE = 6
"""Commands that run at the same time: three of them start a JVM in the pod of Kafka."""


def add_tasks(cluster: Cluster, namespace: str, count: int) -> set[int]:
    """The ids of tasks that the backend was asked for, as a person does by the page. Each makes an event."""
    with port_forward(cluster, namespace, "deployment/backend", 8000) as url:
        asked = [
            httpx.post(f"{url}/tasks", json={"title": f"walked {number}"}, trust_env=False, timeout=30)
            for number in range(count)
        ]
    assert {answer.status_code for answer in asked} == {201}, asked[0].text
    return {answer.json()["id"] for answer in asked}


@pytest.fixture(scope="module")
def events(cluster: Cluster, todo: str) -> set[int]:
    """As many as the page's command waits for, which then need not wait for more."""
    return add_tasks(cluster, todo, 5)


def show(cluster: Cluster, command: Command) -> None:
    """Wait until the command shows what its page says."""
    said = ""

    def shows() -> bool:
        nonlocal said
        said = cluster.kubectl(*command.words[1:])
        return all(expected in said for expected in command.expected if expected != "...")

    eventually(shows, lambda: said[-3000:])


@pytest.fixture(scope="module")
def shown(cluster: Cluster, events: set[int]) -> Iterator[Mapping[Command, Future[None]]]:
    """What came of each command. None changes anything, and some wait for seconds: they go together."""
    assert events
    longest_first = sorted([*SIX, *WALK], key=lambda each: "--timeout-ms" not in each.text)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {each: threads.submit(show, cluster, each) for each in longest_first}


def test_the_pages_have_the_walk() -> None:
    assert len(SIX) == 6
    assert len(WALK) >= 8


@pytest.mark.parametrize("command", [*SIX, *WALK], ids=lambda each: each.text[:70])
def test_a_command_of_a_page_shows_what_the_page_says(
    shown: Mapping[Command, Future[None]], command: Command
) -> None:
    shown[command].result()


def test_state_is_in_redis_through_the_backend(cluster: Cluster, todo: str) -> None:
    with port_forward(cluster, todo, "deployment/backend", 8000) as url:
        put = httpx.post(f"{url}/api/state/theme", json={"name": "dark"}, trust_env=False, timeout=30)
        got = httpx.get(f"{url}/api/state/theme", trust_env=False, timeout=30)
    assert put.is_success, put.text
    assert "dark" in got.text
    stored = cluster.kubectl("exec", "-n", todo, "redis-0", "--", "redis-cli", "HGETALL", "backend||theme")
    assert "dark" in stored


def test_the_backend_says_which_components_there_are_where_one_is_in_another_namespace(
    cluster: Cluster, todo: str
) -> None:
    scopes = '{"scopes": ["notification"]}'
    with port_forward(cluster, todo, "deployment/backend", 8000) as url:
        cluster.kubectl("patch", "component", "kafka-pubsub", "-n", todo, "--type=merge", "-p", scopes)
        try:
            said = ""

            def told() -> bool:
                nonlocal said
                httpx.post(f"{url}/tasks", json={"title": "unpublished"}, trust_env=False, timeout=30)
                log = ("logs", "-n", todo, "-l", "app=backend", "-c", "backend", "--tail=20")
                said = cluster.kubectl(*log)
                return "no pub/sub component 'kafka-pubsub'" in said and "they are kept" in said

            eventually(told, lambda: said)
        finally:
            restored = '{"scopes": ["backend", "notification"]}'
            cluster.kubectl("patch", "component", "kafka-pubsub", "-n", todo, "--type=merge", "-p", restored)


BAD = "no json at all"


def test_behind_a_record_that_is_not_json_one_goes_on_as_the_page_says(cluster: Cluster, todo: str) -> None:
    produce = (
        f"echo '{BAD}' | /opt/kafka/bin/kafka-console-producer.sh --bootstrap-server localhost:9092 "
        "--topic task-events"
    )
    cluster.kubectl("exec", "-n", "kafka", "kafka-broker-0", "--", "sh", "-c", produce)
    log = ("logs", "-n", todo, "-l", "app=notification", "-c", "daprd", "--tail=-1")
    place = re.compile(r"Error processing Kafka message: task-events/(\d+)/(\d+) .*invalid character")
    eventually(lambda: place.search(cluster.kubectl(*log)), lambda: cluster.kubectl(*log)[-2000:])
    found = place.search(cluster.kubectl(*log))
    assert found is not None
    page = [
        each.words[1:]
        for each in commands(HOW_TO / "kubernetes.md")
        if each.words[:2] in (["kubectl", "scale"], ["kubectl", "wait"])
        or "kafka-consumer-groups.sh" in each.text
    ]
    down, gone, described, reset, up = page
    partition, offset = found[1], str(int(found[2]) + 1)
    reset = [partition.join(each.rsplit("0", 1)) if each == "task-events:0" else each for each in reset]
    reset[reset.index("--to-offset") + 1] = offset
    for each in (down, gone, described):
        cluster.kubectl(*each)
    assert moved_to(cluster, *reset) == {int(partition): int(offset)}
    cluster.kubectl(*up)
    cluster.kubectl("rollout", "status", "-n", todo, "deployment/notification", "--timeout=120s")
    comes_through(cluster, todo)
    assert "error deserializing" not in cluster.kubectl(*log)


def comes_through(cluster: Cluster, namespace: str) -> None:
    """Wait until 50 tasks were told of: once in 1,500 times they leave out one of six partitions."""
    made = add_tasks(cluster, namespace, 50)
    missing: set[int] = set()
    with port_forward(cluster, namespace, "deployment/notification", 8001) as url:

        def arrived() -> bool:
            told = httpx.get(f"{url}/notifications", trust_env=False, timeout=30).json()
            missing.clear()
            missing.update(made - {each["task_id"] for each in told})
            return not missing

        eventually(arrived, lambda: f"never told of the tasks {sorted(missing)}", patience=60)

"""Each kind of place that moves over, in source as people write it, and what is none."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from outboard.errors import CommandError
from outboard.migrate.finding import KINDS, places_in, summary_of
from outboard.migrate.reading import look_through


def found(source: str) -> list[tuple[int, str]]:
    return [(each.line, each.kind) for each in places_in(textwrap.dedent(source), "a.py")]


PUBLISHES = [
    'httpx.post(f"http://localhost:{port}/v1.0/publish/kafka-pubsub/task-events", content=body)',
    'client.post("/v1.0/publish/kafka-pubsub/task-events", content=body)',
    'session.request("POST", base + "/v1.0/publish/kafka-pubsub/task-events?metadata.ttlInSeconds=1")',
    'requests.post(url="%s/v1.0/publish/kafka-pubsub/task-events" % base)',
    'requests.post("{}/v1.0/publish/kafka-pubsub/task-events".format(base))',
    "await client.post(URL, content=body)",
]


@pytest.mark.parametrize("call", PUBLISHES)
def test_an_event_published_by_a_request(call: str) -> None:
    url = 'URL = f"{BASE}/v1.0/publish/kafka-pubsub/task-events"'
    source = f"{url}\n\n\nasync def f(body, base, port):\n    {call}\n"
    (place,) = [each for each in places_in(source, "a.py") if each.kind == "raw-publish"]
    assert place.line == 5
    assert "to topic 'task-events'" in place.what
    assert "`await task_events.publish(data, key=...)`" in place.replacement
    assert "`task_events = board.topic('task-events', Model)`" in place.replacement


ELSEWHERE = [
    (
        """
        class Publisher:
            base = "http://localhost:8000"

            def __init__(self, pubsub):
                self.url = f"{self.base}/v1.0/publish/events/orders"

            def send(self, body):
                self.session.post(self.url, content=body)
        """,
        9,
    ),
    (
        """
        def send(body):
            with httpx.Client(base_url=f"{BASE}/v1.0") as client:
                client.post("publish/events/orders", content=body)
        """,
        4,
    ),
    (
        """
        class Publisher:
            def __init__(self):
                self.client = httpx.AsyncClient(base_url=BASE + "/v1.0/")

            async def send(self, body):
                await self.client.post("/publish/events/orders", content=body)
        """,
        7,
    ),
    (
        """
        def send(body):
            urllib.request.urlopen(BASE + "/v1.0/publish/events/orders", data=body)
        """,
        3,
    ),
    (
        """
        from httpx import post as send


        send(BASE + "/v1.0/publish/events/orders", content=body)
        """,
        5,
    ),
]


@pytest.mark.parametrize(("source", "line"), ELSEWHERE)
def test_an_event_published_to_what_is_written_elsewhere(source: str, line: int) -> None:
    places = places_in(textwrap.dedent(source), "a.py")
    assert [(each.line, each.what.partition(" ")[2]) for each in places if each.kind == "raw-publish"] == [
        (line, "to topic 'orders'")
    ]


def test_an_attribute_that_is_assigned_twice_is_not_known() -> None:
    source = """
    class Publisher:
        def __init__(self):
            self.url = "/v1.0/publish/events/orders"

        def other(self):
            self.url = "/orders"

        def send(self):
            client.post(self.url)
    """
    assert found(source) == []


def test_what_an_exception_is_swallowed_by() -> None:
    source = """
    def script():
        try:
            work()
        except:
            pass
        try:
            work()
        except:
            raise Stop
        try:
            work()
        except Exception:
            pass

    @dapr_app.subscribe(pubsub="events", topic="orders")
    def on_order(event):
        try:
            work()
        except Exception:
            return {"status": "SUCCESS"}

    @app.post("/mails")
    def on_mail(event):
        try:
            work()
        except* BaseException:
            log()

    @app.get("/dapr/subscribe")
    def subscriptions():
        return [{"pubsubname": "events", "topic": "mails", "route": "mails"}]
    """
    assert [line for line, kind in found(source) if kind == "bare-except"] == [5, 20, 27]
    assert "swallowed" not in {kind for _, kind in found(source)}


def test_the_default_of_a_parameter_is_a_literal_port() -> None:
    source = "def f(a, dapr_port: int = 3500, *, count=3500, grpc_port=50001, other_port=None): ...\n"
    assert found(source) == [(1, "literal-port")] * 2


def test_a_topic_that_only_a_run_can_tell() -> None:
    (place,) = places_in('client.post(f"{base}/v1.0/publish/{pubsub}/{topic}")\n', "a.py")
    assert place.what == "`client.post(...)`"
    assert "`topic = board.topic(name, Model)`" in place.replacement


def test_the_sdk() -> None:
    source = """
    from dapr.clients import DaprClient

    def f(order):
        with DaprClient() as client:
            client.publish_event(pubsub_name="events", topic_name="orders", data=json.dumps({"id": 1}))
            client.save_state("statestore", "a", "b")
    """
    assert found(source) == [
        (5, "client-per-call"),
        (6, "sdk-publish"),
        (6, "dict-event"),
        (7, "sdk-state"),
    ]


def test_state_by_requests() -> None:
    (place,) = places_in('requests.get(f"http://{host}/v1.0/state/statestore/{key}")\n', "a.py")
    assert (place.kind, place.what) == ("raw-state", "`requests.get(...)` of 'statestore'")
    assert "board.state(Model, store='statestore')" in place.replacement


@pytest.mark.parametrize(
    "guard",
    ["except:", "except Exception:", "except Exception as error:", "except (OSError, Exception):"],
)
def test_an_exception_that_is_swallowed(guard: str) -> None:
    source = f'try:\n    client.post(f"{{b}}/v1.0/publish/p/t")\n{guard}\n    log("failed")\n'
    assert found(source) == [(2, "raw-publish"), (3, "swallowed")]


def test_a_block_that_suppresses() -> None:
    source = 'with suppress(Exception):\n    client.post(f"{b}/v1.0/publish/p/t")\n'
    assert found(source) == [(1, "swallowed"), (2, "raw-publish")]


@pytest.mark.parametrize(
    "rest",
    [
        "except Exception:\n    raise Unavailable from None",
        "except httpx.HTTPError:\n    log()",
        "finally:\n    client.close()",
    ],
)
def test_an_exception_that_is_not_swallowed(rest: str) -> None:
    assert found(f'try:\n    client.post(f"{{b}}/v1.0/publish/p/t")\n{rest}\n') == [(2, "raw-publish")]


def test_a_swallowed_exception_around_something_else_is_none_of_ours() -> None:
    assert found("try:\n    print()\nexcept Exception:\n    pass\n") == []


@pytest.mark.parametrize(
    "line",
    [
        'BASE = "http://localhost:3500"',
        'client = DaprClient("127.0.0.1:50001")',
        'PORT = os.getenv("DAPR_HTTP_PORT", "3500")',
        'PORT: int = int(os.environ.get("DAPR_HTTP_PORT", 3500))',
        "connect(dapr_http_port=3500)",
        'URL = f"http://{host}:3500/v1.0"',
    ],
)
def test_a_port_that_is_written_down(line: str) -> None:
    assert found(line) == [(1, "literal-port")]


@pytest.mark.parametrize("line", ["PRICE = 3500", 'print("3500 orders")', "PORT = 8000", 'A = "x:35001"'])
def test_a_number_that_is_no_port_of_a_sidecar(line: str) -> None:
    assert found(line) == []


@pytest.mark.parametrize("event", ['{"id": 1}', "dict(id=1)", "event", 'json.dumps({"id": 1})'])
def test_an_event_that_is_a_dict(event: str) -> None:
    source = f"""
    def f():
        event = {{"id": 1}}
        client.post(f"{{b}}/v1.0/publish/p/t", json={event})
    """
    assert (4, "dict-event") in found(source)


def test_an_event_that_is_a_model_is_none() -> None:
    assert found('client.post(f"{b}/v1.0/publish/p/t", content=order.model_dump_json())') == [
        (1, "raw-publish")
    ]


def test_a_client_for_each_call() -> None:
    source = """
    shared = httpx.AsyncClient()

    async def f(body):
        async with aiohttp.ClientSession() as session:
            await session.post(f"{b}/v1.0/publish/p/t", data=body)

    async def other():
        async with httpx.AsyncClient() as client:
            await client.get("https://example.org")
    """
    assert found(source) == [(5, "client-per-call"), (6, "raw-publish")]


def test_handlers() -> None:
    source = """
    @dapr_app.subscribe(pubsub="events", topic="task-events", route="/on-task")
    def on_task(event):
        pass

    @app.get("/dapr/subscribe")
    def subscriptions():
        return []
    """
    first, second = places_in(textwrap.dedent(source), "a.py")
    assert (first.line, first.kind) == (2, "sdk-subscription")
    assert "`@task_events.subscribe('/on-task')`" in first.replacement
    assert (second.line, second.kind) == (6, "own-subscriptions")


def test_handlers_that_are_declared_in_other_ways() -> None:
    source = """
    from dapr.ext.fastapi import DaprApp

    @dapr_app.subscribe("events", "orders", route="/on-order")
    def on_order(event):
        pass

    app.add_api_route("/dapr/subscribe", subscriptions)
    """
    first, second = places_in(textwrap.dedent(source), "a.py")
    assert (first.line, first.kind) == (4, "sdk-subscription")
    assert "`@orders.subscribe('/on-order')`" in first.replacement
    assert (second.line, second.kind) == (8, "own-subscriptions")


def test_the_kit_itself_is_no_finding() -> None:
    assert found("async def f(task):\n    await tasks.publish(task)\n    await values.get('a')\n") == []


def test_a_project(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "a.py").write_text('requests.post("/v1.0/publish/p/t")\n', encoding="utf-8")
    (tmp_path / "b.py").write_text('requests.post("/v1.0/publish/p/t")\n', encoding="utf-8")
    (tmp_path / "c.py").write_text("def\n", encoding="utf-8")
    (tmp_path / "d.py").write_bytes(b"# \xff\n")
    (tmp_path / "e.txt").write_text('requests.post("/v1.0/publish/p/t")\n', encoding="utf-8")
    looked = look_through([tmp_path])
    assert looked.files == 3
    assert [(Path(each.file).name, each.kind) for each in looked.places] == [
        ("b.py", "raw-publish"),
        ("c.py", "unreadable"),
        ("d.py", "unreadable"),
    ]
    assert [*summary_of(looked.places)] == [("raw-publish", 1), ("unreadable", 2)]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n", encoding="utf-8")
    assert look_through([tmp_path, tmp_path / "a.py"]).files == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n", encoding="utf-8")
    os.mkfifo(tmp_path / "b.py")
    assert look_through([tmp_path]).files == 1


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="does not exist"):
        look_through([tmp_path / "none"])
    with pytest.raises(CommandError, match="there is no Python"):
        look_through([tmp_path])


def test_the_page_has_each_kind() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/migrate.md").read_text("utf-8")
    assert [kind for kind in KINDS if f"| `{kind}` |" not in page] == []

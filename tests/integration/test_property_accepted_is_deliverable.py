"""What the sidecar accepts reaches the app, or is a dead letter: nothing stands still behind it.

What is published raw is not looked into. Where it is no CloudEvent, a subscription that is not raw holds it,
as with daprd, unless the sidecar knows of a dead letter topic.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outboard import Event, Outboard
from outboard.testing.harness import Harness
from outboard.testing.recording import NotSeen
from outboard.wire.http import Exchange, Request, Response

SQLITE: Final = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec:
  type: pubsub.sqlite
  version: v1
  metadata:
    - {name: connectionString, value: "%s"}
    - {name: partitions, value: "1"}
"""
Publication = tuple[str, dict[str, str], str, bytes]
CLOUD_EVENT: Final = "application/cloudevents+json"
WHOLE: Final = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}

TEXTS = st.text(max_size=6) | st.sampled_from(
    ["", "\0", "a\r\nb", "☃", "x y", "ä", "\x7f", "a:b", "-5s", "0"]
)
NAMES = TEXTS | st.sampled_from(
    [
        "partitionKey",
        "rawPayload2",
        "ttlInSeconds",
        "dapr-caller-app-id",
        "dapr-api-token",
        "traceparent",
        "tracestate",
        "grpc-x",
        "x-bin",
        ":path",
        "origin",
        "expect",
        "accept-encoding",
        "content-encoding",
        "cloudevent.id",
        "cloudevent.type",
        "cookie",
        "pubsubName",
        "__key",
        "ce-specversion",
        "ce-id",
        "content-type",
        "sec-fetch-site",
        "x-forwarded-for",
    ]
)
METADATA = st.dictionaries(NAMES, TEXTS, max_size=2)
RAW_METADATA = METADATA | METADATA.map(lambda metadata: {**metadata, "rawPayload": "true"})
NUMBERS = st.sampled_from(["1e999", "-1e999", "9" * 400, "1e308", "1.0E+0400", "1" * 310 + "e-10", "0e999"])
JSON_TEXTS = st.one_of(
    NUMBERS.map(lambda number: f'{{"n":{number}}}'),
    NUMBERS,
    st.tuples(st.integers(1, 1500), st.sampled_from(["", "1.0"])).map(
        lambda nested: "[" * nested[0] + nested[1] + "]" * nested[0]
    ),
    st.recursive(st.floats() | st.text(max_size=3) | st.none(), lambda i: st.lists(i, max_size=2)).map(
        json.dumps
    ),
    st.text(max_size=6),
)
EVENTS = st.builds(
    lambda more, data: json.dumps({**WHOLE, **more})[:-1] + f',"data":{data}}}',
    st.dictionaries(
        st.sampled_from(["id", "cls", "data_base64", "time", "tracestate", "☃"]), st.text(max_size=3)
    ),
    JSON_TEXTS,
)


def _single(metadata: st.SearchStrategy[dict[str, str]]) -> st.SearchStrategy[Publication]:
    path = st.just("/v1.0/publish/pubsub/t")
    return st.tuples(
        path,
        metadata,
        st.sampled_from(["application/json", "text/plain", "application/octet-stream", ""]),
        JSON_TEXTS.map(str.encode) | st.binary(max_size=6),
    ) | st.tuples(path, metadata, st.just(CLOUD_EVENT), (EVENTS | JSON_TEXTS).map(str.encode))


def _bulk(entries: list[tuple[str, str, dict[str, str]]]) -> bytes:
    texts = [
        f'{{"entryId":"{at}","event":{event},"contentType":"{kind}","metadata":{json.dumps(metadata)}}}'
        for at, (event, kind, metadata) in enumerate(entries)
    ]
    return f"[{','.join(texts)}]".encode()


def _in_bulk(metadata: st.SearchStrategy[dict[str, str]]) -> st.SearchStrategy[Publication]:
    """`metadata` is the request's; its entries have the usual one."""
    return st.tuples(
        st.just("/v1.0/publish/bulk/pubsub/t"),
        metadata,
        st.just("application/json"),
        st.lists(
            st.tuples(EVENTS, st.just(CLOUD_EVENT), METADATA)
            | st.tuples(JSON_TEXTS, st.just("application/json"), METADATA),
            max_size=3,
        ).map(_bulk),
    )


SINGLE, RAW_SINGLE = _single(METADATA), _single(RAW_METADATA)
BULK, RAW_BULK = _in_bulk(METADATA), _in_bulk(RAW_METADATA)


async def _publish(sidecar: Exchange, publication: Publication) -> Response:
    path, metadata, content_type, body = publication
    query = "&".join(
        f"metadata.{quote(name, safe='')}={quote(value, safe='')}" for name, value in metadata.items()
    )
    headers = {"content-type": content_type} if content_type else {}
    return await sidecar(Request("POST", f"{path}?{query}", headers, body), 10)


async def _see_that_accepted_is_delivered(
    publications: list[Publication], resources: list[Path], options: dict[str, Any]
) -> None:
    board = Outboard(app_id="app", environ={})
    topic = board.topic("t", object)
    app = FastAPI(lifespan=board.lifespan)

    @topic.subscribe("/on", dead_letter="t-dead", **options)
    async def on_event(event: Event[object]) -> None: ...

    board.mount(app)
    harness = Harness(resources)
    async with harness.serving(app, board) as sidecar:
        answers = [await _publish(sidecar, each) for each in publications]
        assert all(answer.status in {204, 400, 403, 500} for answer in answers), answers
        await topic.publish("the last")
        await harness.settled(timeout=PATIENCE)


async def _see_that_raw_bytes_are_held(data: bytes, resources: list[Path], options: dict[str, Any]) -> None:
    board = Outboard(app_id="app", environ={})
    topic = board.topic("t", object)
    app = FastAPI(lifespan=board.lifespan)

    @topic.subscribe("/on", dead_letter="t-dead", **options)
    async def on_event(event: Event[object]) -> None: ...

    board.mount(app)
    harness = Harness(resources)
    raw = ("/v1.0/publish/pubsub/t", {"rawPayload": "true", "partitionKey": "a"}, CLOUD_EVENT, data)
    async with harness.serving(app, board) as sidecar:
        assert (await _publish(sidecar, raw)).status == 204
        await topic.publish("behind it", key="a")
        with pytest.raises(NotSeen):
            await harness.settled(timeout=HELD)
        assert harness.deliveries(topic) == [] or options  # in bulk others pass it, and its offset stays


def _resources(component: str, folder: Path) -> list[Path]:
    """Folders of resource files; the broker has nothing yet."""
    if component != "pubsub.sqlite":
        return []
    file = folder / "topics.db"
    for old in folder.glob("topics.db*"):
        old.unlink()
    (folder / "pubsub.yaml").write_text(SQLITE % file.as_posix(), encoding="utf-8")
    return [folder]


PATIENCE: Final = 60.0
"""Seconds: no more than a bound that ends a hopeless wait, also on a machine that does much else."""
HELD: Final = 0.3
"""Seconds that an event is seen not to be settled."""
RESOURCES = ["in-memory", "pubsub.sqlite"]
ANNOUNCED: Final = {"announce_dead_letter": True}
NO_EVENTS = st.binary(max_size=6).filter(lambda data: not _is_object(data))


def _is_object(data: bytes) -> bool:
    """Whether it could be read as a CloudEvent; `null` is an empty one, as with daprd."""
    try:
        return isinstance(json.loads(data), dict | type(None))
    except ValueError:
        return False


@pytest.mark.parametrize("options", [{}, {"bulk": True}], ids=["alone", "in bulk"])
@pytest.mark.parametrize("component", RESOURCES)
@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=25)
@given(publications=st.lists(SINGLE | BULK, max_size=8))
def test_what_is_accepted_is_settled(
    component: str, options: dict[str, Any], tmp_path: Path, publications: list[Publication]
) -> None:
    asyncio.run(_see_that_accepted_is_delivered(publications, _resources(component, tmp_path), options))


@pytest.mark.parametrize("options", [{}, {"bulk": True}], ids=["alone", "in bulk"])
@pytest.mark.parametrize("component", RESOURCES)
@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=25)
@given(publications=st.lists(RAW_SINGLE | RAW_BULK, max_size=8))
def test_what_is_published_raw_is_settled_where_the_sidecar_knows_a_dead_letter_topic(
    component: str, options: dict[str, Any], tmp_path: Path, publications: list[Publication]
) -> None:
    resources = _resources(component, tmp_path)
    asyncio.run(_see_that_accepted_is_delivered(publications, resources, {**options, **ANNOUNCED}))


@pytest.mark.parametrize("options", [{}, {"bulk": True}], ids=["alone", "in bulk"])
@pytest.mark.parametrize("component", RESOURCES)
@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=3)
@given(data=NO_EVENTS)
def test_raw_bytes_that_are_no_event_are_held_as_with_daprd_where_it_knows_none(
    component: str, options: dict[str, Any], tmp_path: Path, data: bytes
) -> None:
    asyncio.run(_see_that_raw_bytes_are_held(data, _resources(component, tmp_path), options))

"""The same pluggable components behind daprd and behind ours: the same requests reach them, the same answers
reach the app. So what the test component takes for Dapr's protocol is Dapr's protocol.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.text_format import MessageToString
from google.rpc import error_details_pb2

from conformance.http1 import Answer, exchange
from conformance.question import Group
from conformance.questions.files import component
from conformance.sidecars import Program, running
from outboard.gojson.values import Json
from support.pluggable import PluggedPubSub, PluggedSecrets, PluggedState, Refusal, plugged

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.engine("daprd"),
    pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets for gRPC"),
]

FILES = {
    "pubsub.yaml": component("ps", "pubsub.mine", host="h"),
    "state.yaml": component("st", "state.mine", keyPrefix="name"),
    "odd.yaml": component("odd", "state.odd"),
    "secrets.yaml": component("vault", "secretstores.mine"),
}
OPTIONS: Json = {"concurrency": "first-write", "consistency": "strong"}
QUERY: Json = {
    "filter": {"OR": [{"EQ": {"a": "b"}}, {"IN": {"c": [1, 2]}}]},
    "sort": [{"key": "a", "order": "DESC"}],
    "page": {"limit": 1},
}
OPERATIONS: Json = [
    {"operation": "upsert", "request": {"key": "c", "value": 3, "options": OPTIONS}},
    {"operation": "delete", "request": {"key": "a"}},
]
ASKED: Sequence[tuple[str, str, Json]] = (
    ("GET", "/v1.0/secrets/vault/db", None),
    ("GET", "/v1.0/secrets/vault/bulk", None),
    ("GET", "/v1.0/secrets/vault/missing", None),
    ("POST", "/v1.0/publish/ps/t?metadata.rawPayload=true&metadata.k=v", "hello"),
    ("POST", "/v1.0/publish/ps/refused?metadata.rawPayload=true", "hello"),
    ("POST", "/v1.0/state/st", [{"key": "a", "value": {"n": 1}, "metadata": {"m": "1"}}]),
    ("POST", "/v1.0/state/st", [{"key": "a", "value": 2, "etag": "1", "options": OPTIONS}]),
    ("POST", "/v1.0/state/st", [{"key": "a", "value": 2, "etag": "7"}]),
    ("POST", "/v1.0/state/st", [{"key": "a", "value": 2, "etag": "x"}]),
    ("POST", "/v1.0/state/st", [{"key": "b", "value": "two"}, {"key": "c", "value": None}]),
    ("POST", "/v1.0/state/st", [{"key": "b", "value": "two"}, {"key": "c", "value": [3]}]),
    ("GET", "/v1.0/state/st/a?metadata.x=y&consistency=eventual", None),
    ("GET", "/v1.0/state/st/missing", None),
    ("POST", "/v1.0/state/st/bulk", {"keys": ["a", "missing", "b"]}),
    ("POST", "/v1.0/state/st/transaction", {"operations": OPERATIONS}),
    ("POST", "/v1.0-alpha1/state/st/query?metadata.x=y", QUERY),
    ("POST", "/v1.0-alpha1/state/st/query", {"filter": {"LIKE": {"a": 1}}}),
    ("DELETE", "/v1.0/state/st/b", None),
    ("GET", "/v1.0/state/odd/a", None),
    ("POST", "/v1.0/state/odd", [{"key": "a", "value": 1}]),
    ("DELETE", "/v1.0/state/odd/a", None),
    ("POST", "/v1.0/state/odd/bulk", {"keys": ["a"]}),
    ("POST", "/v1.0/state/odd/transaction", {"operations": OPERATIONS}),
    ("POST", "/v1.0-alpha1/state/odd/query", QUERY),
)


class Seen(NamedTuple):
    """What the app was answered, and what reached the components."""

    answers: list[tuple[int, object, str | None]]
    requests: list[object]


def odd() -> PluggedState:
    """One that refuses, each time in another way."""
    told = error_details_pb2.ErrorInfo(
        reason="MINE", domain="my.org", metadata={"kit_error": "true", "http_code": "506", "tag": "t"}
    )
    own = Refusal(grpc.StatusCode.DATA_LOSS, "not today", told)
    plain = Refusal(grpc.StatusCode.PERMISSION_DENIED, "not you")
    return PluggedState(
        most=1, refusals={"Get": own, "Set": plain, "Delete": own, "BulkGet": own, "Query": own}
    )


async def seen(program: Program, folder: Path, sockets: Path) -> Seen:
    broker, store, refusing = PluggedPubSub(refused_topics=("refused",)), PluggedState(), odd()
    vault = PluggedSecrets({"db": {"user": "u", "password": "p"}})
    group = Group(
        "pluggable", (), FILES, environment={"DAPR_COMPONENTS_SOCKETS_FOLDER": str(sockets)}, app=False
    )
    answers = []
    async with (
        plugged(sockets, "mine", broker, store, vault),
        plugged(sockets, "odd", refusing),
        running(program, group, folder) as sidecar,
    ):
        for method, target, body in ASKED:
            content = b"" if body is None else json.dumps(body).encode()
            headers = {"content-type": "application/json"}
            answer = await exchange(sidecar.port, method, target, content, headers)
            assert isinstance(answer, Answer), answer
            answers.append(_told(answer))
    requests = [*broker.published, *(each for _, each in (*store.asked, *refusing.asked))]
    return Seen(answers, [broker.init, *map(_plain, requests)])


def _told(answer: Answer) -> tuple[int, object, str | None]:
    headers = {name.lower(): value for name, value in answer.headers}
    return answer.status, json.loads(answer.body) if answer.body else None, headers.get("etag")


def _plain(message: Any) -> object:
    """With fields that are not described here, if there are any."""
    return type(message).DESCRIPTOR.name, MessageToString(message, print_unknown_fields=True)


async def test_components_and_app_see_no_difference(daprd: Path, tmp_path: Path, short_folder: Path) -> None:
    ours = Program("outboard", (sys.executable, "-m", "outboard", "sidecar"))
    theirs = await seen(Program("daprd", (str(daprd),)), tmp_path / "daprd", short_folder)
    our = await seen(ours, tmp_path / "ours", short_folder)

    for asked, here, there in zip(ASKED, our.answers, theirs.answers, strict=True):
        assert here == there, asked
    assert our.requests == theirs.requests

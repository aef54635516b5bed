"""A state store in a process of its own: a whole sidecar, and a gRPC server on a Unix socket."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from outboard.gojson.values import Json
from outboard.resources.component import Component, MetadataItem, SecretKeyRef
from outboard.sidecar.errors import ApiError
from outboard.sidecar.runtime.sidecar import Sidecar
from outboard.sidecar.state.items import RequestedItem
from support.pluggable import PluggedState, Refusal, plugged, sidecar_beside
from support.sidecars import Answer, call, component

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets for gRPC"),
]

STORE = "/v1.0/state/st"


@asynccontextmanager
async def beside(folder: Path, store: PluggedState, **metadata: str) -> AsyncIterator[Sidecar]:
    async with (
        plugged(folder, "mine", store),
        sidecar_beside(folder, component("st", "state.mine", **metadata)) as sidecar,
    ):
        yield sidecar


async def save(sidecar: Sidecar, *items: Json) -> Answer:
    return await call(sidecar.api, "POST", STORE, [*items])


def own_answer(number: grpc.StatusCode, status: int, tag: str = "") -> Refusal:
    """As daprd's `StatusFromKitError` makes it."""
    told = {"kit_error": "true", "http_code": str(status), "tag": tag}
    detail = error_details_pb2.ErrorInfo(reason="MINE", domain="my.org", metadata=told)
    return Refusal(number, "not today", detail)


async def test_a_value_is_saved_read_and_deleted(short_folder: Path) -> None:
    store = PluggedState()
    async with beside(short_folder, store) as sidecar:
        assert (await save(sidecar, {"key": "k", "value": {"a": 1}})).status == 204
        read = await call(sidecar.api, "GET", f"{STORE}/k?metadata.x=y&consistency=strong")
        gone = await call(sidecar.api, "DELETE", f"{STORE}/k")
        nothing = await call(sidecar.api, "GET", f"{STORE}/k")

    assert (read.status, read.json) == (200, {"a": 1})
    assert (read.headers["etag"], read.headers["metadata.kind"]) == ("1", "test")
    assert (gone.status, nothing.status) == (204, 204)
    assert store.names() == ["Set", "Get", "Delete", "Get"]
    asked = dict(store.asked)["Get"]
    assert next(request for name, request in store.asked if name == "Get").metadata == {"x": "y"}
    assert next(request for name, request in store.asked if name == "Get").consistency == 2
    assert asked.key == "api||k"


async def test_many_go_in_one_request(short_folder: Path) -> None:
    store = PluggedState()
    async with beside(short_folder, store) as sidecar:
        await save(sidecar, {"key": "a", "value": 1}, {"key": "b", "value": "two"})
        read = await call(sidecar.api, "POST", f"{STORE}/bulk", {"keys": ["a", "missing", "b"]})

    assert store.names() == ["BulkSet", "BulkGet"]
    found = {"metadata": {"kind": "test"}, "etag": "1"}
    assert read.json == [{"key": "b", "data": "two", **found}, {"key": "a", "data": 1, **found}, {"key": ""}]


@pytest.mark.parametrize(
    ("etag", "status", "text"),
    [
        ("7", 409, "possible etag mismatch. error from state store: it is another"),
        ("x", 400, "invalid etag value: it is another"),
    ],
)
async def test_a_conflict_of_etags_is_told(etag: str, status: int, text: str, short_folder: Path) -> None:
    async with beside(short_folder, PluggedState()) as sidecar:
        await save(sidecar, {"key": "k", "value": 1})
        saved = await save(sidecar, {"key": "k", "value": 2, "etag": etag})
        deleted = await call(sidecar.api, "DELETE", f"{STORE}/k", if_match=etag)

    assert (saved.status, saved.json["message"]) == (status, f"failed saving state in state store st: {text}")
    assert (deleted.status, deleted.json["message"]) == (status, f"failed deleting state with key k: {text}")


async def test_a_transaction_is_one_request(short_folder: Path) -> None:
    store = PluggedState(kept={"api||old": (b"1", 1)})
    operations: Json = [
        {
            "operation": "upsert",
            "request": {"key": "new", "value": 2, "options": {"concurrency": "first-write"}},
        },
        {"operation": "delete", "request": {"key": "old"}},
    ]
    async with beside(short_folder, store) as sidecar:
        answer = await call(sidecar.api, "POST", f"{STORE}/transaction", {"operations": operations})

    assert (answer.status, store.names(), list(store.kept)) == (204, ["Transact"], ["api||new"])
    assert dict(store.asked)["Transact"].operations[0].set.options.concurrency == 1


async def test_a_transaction_may_have_as_many_operations_as_the_store_says(short_folder: Path) -> None:
    store = PluggedState(most=1)
    operations: Json = [{"operation": "delete", "request": {"key": key}} for key in ("a", "b")]
    async with beside(short_folder, store) as sidecar:
        answers = [
            await call(sidecar.api, "POST", f"{STORE}/transaction", {"operations": operations}) for _ in "12"
        ]

    assert {answer.status for answer in answers} == {400}
    assert answers[0].json["errorCode"] == "ERR_STATE_STORE_TOO_MANY_TRANSACTIONS"
    assert answers[0].json["details"][1]["metadata"] == {
        "currentOpsTransaction": "2", "maxOpsPerTransaction": "1",
    }  # fmt: skip
    assert [name for name, _ in store.asked].count("MultiMaxSize") == 1
    assert store.names() == []


async def test_without_the_feature_there_are_no_transactions(short_folder: Path) -> None:
    async with beside(short_folder, PluggedState(features=())) as sidecar:
        answer = await call(sidecar.api, "POST", f"{STORE}/transaction", {"operations": []})

    assert answer.json["errorCode"] == "ERR_STATE_STORE_NOT_SUPPORTED"


async def test_it_is_queried(short_folder: Path) -> None:
    store = PluggedState(kept={"api||a": (b'{"n":1}', 1), "api||b": (b"2", 1)})
    query: Json = {
        "filter": {"EQ": {"state": "CA"}},
        "sort": [{"key": "n", "order": "DESC"}],
        "page": {"limit": 1},
    }
    async with beside(short_folder, store) as sidecar:
        found = await call(sidecar.api, "POST", "/v1.0-alpha1/state/st/query?metadata.x=y", query)
        wrong = await call(sidecar.api, "POST", "/v1.0-alpha1/state/st/query", {"filter": {"LIKE": {}}})

    results = [{"key": "a", "data": {"n": 1}}]
    assert found.json == {"results": results, "token": "next", "metadata": {"of": "store"}}
    request = dict(store.asked)["Query"]
    assert (request.query.filter["EQ"].value, request.query.sort[0].order) == (b'{"state":"CA"}', 1)
    assert dict(request.metadata) == {"x": "y"}
    assert wrong.json["message"] == (
        'state store st query failed: failed to parse JSON query body: unsupported filter "LIKE"'
    )


async def test_a_value_of_nothing_cannot_be_set(short_folder: Path) -> None:
    store = PluggedState()
    async with beside(short_folder, store) as sidecar:
        answer = await save(sidecar, {"key": "k", "value": None})

    assert "an attempt to set a nil value was received" in answer.json["message"]
    assert store.names() == []


async def test_it_may_say_itself_how_the_app_is_answered(short_folder: Path) -> None:
    refused = {name: own_answer(grpc.StatusCode.DATA_LOSS, 506, "tag") for name in ("Get", "Set", "Query")}
    async with beside(short_folder, PluggedState(refusals=refused)) as sidecar:
        read = await call(sidecar.api, "GET", f"{STORE}/k")
        saved = await save(sidecar, {"key": "k", "value": 1})
        queried = await call(sidecar.api, "POST", "/v1.0-alpha1/state/st/query", {})

    text = "api error: code = DataLoss desc = not today"
    assert (read.status, saved.status, queried.status) == (506, 506, 506)
    assert read.json == {
        "errorCode": "ERR_STATE_GET",
        "message": f"fail to get k from state store st: {text}",
    }
    assert saved.json["message"] == f"failed saving state in state store st: {text}"
    assert queried.json == {
        "errorCode": "tag",
        "message": "not today",
        "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "my.org", "metadata": None,
            "reason": "MINE",
        }],
    }  # fmt: skip


@pytest.mark.parametrize(
    "detail",
    [
        None,
        error_details_pb2.ErrorInfo(reason="x", metadata={"kit_error": "true", "http_code": "many"}),
        error_details_pb2.ErrorInfo(reason="x", metadata={"http_code": "506"}),
        error_details_pb2.BadRequest(),
    ],
)
async def test_any_other_error_is_one_of_the_store(detail: Message | None, short_folder: Path) -> None:
    refusal = Refusal(grpc.StatusCode.FAILED_PRECONDITION, "no", detail)
    async with beside(short_folder, PluggedState(refusals={"Set": refusal})) as sidecar:
        answer = await save(sidecar, {"key": "k", "value": 1})

    assert (answer.status, answer.json["message"]) == (
        500,
        "failed saving state in state store st: rpc error: code = FailedPrecondition desc = no",
    )


async def test_deleted_rows_that_were_not_there_are_told(short_folder: Path) -> None:
    told = error_details_pb2.ErrorInfo(metadata={"expected": "2", "affected": "1"})
    store = PluggedState(refusals={"BulkDelete": Refusal(grpc.StatusCode.INTERNAL, "no", told)})
    async with beside(short_folder, store) as sidecar:
        service = sidecar._services.state
        with pytest.raises(ApiError, match="delete affected only 1 rows, expected 2"):
            await service.delete_many(service.store("st"), [RequestedItem("a"), RequestedItem("b")])


async def test_what_it_keeps_may_be_encrypted(short_folder: Path) -> None:
    pytest.importorskip("cryptography")
    (short_folder / "secrets.json").write_text('{"key": "' + "ab" * 16 + '"}', encoding="utf-8")
    secrets = component("secrets", "secretstores.local.file", secretsFile=str(short_folder / "secrets.json"))
    key = MetadataItem("primaryEncryptionKey", secret=SecretKeyRef("key", "key"))
    encrypted = Component("st", "state.mine", metadata=(key,), secret_store="secrets")
    store = PluggedState()
    async with (
        plugged(short_folder, "mine", store),
        sidecar_beside(short_folder, secrets, encrypted) as sidecar,
    ):
        await save(sidecar, {"key": "k", "value": "hidden"})
        read = await call(sidecar.api, "GET", f"{STORE}/k")

    assert read.body == b"hidden"  # without quotes, as by daprd
    assert b"hidden" not in store.kept["api||k"][0]

"""What daprd 1.18.1 answers about state, asked with the same requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from outboard.resources.loader import Resources
from outboard.sidecar.runtime.sidecar import Sidecar
from support.sidecars import Hops, call, component, sidecar_for

pytestmark = pytest.mark.anyio

STATE = "/v1.0/state/st"


@pytest.fixture
async def sidecar() -> AsyncIterator[Sidecar]:
    async with sidecar_for(
        None, Resources((component("st", "state.in-memory"),)), Hops()
    ).running() as running:
        yield running


async def test_save_get_and_delete(sidecar: Sidecar) -> None:
    assert (
        await call(sidecar.api, "POST", STATE, [{"key": "p/q r", "value": {"b": 1, "a": "<"}}])
    ).status == 204
    found = await call(sidecar.api, "GET", f"{STATE}/p%2Fq+r")
    assert (found.status, found.body) == (200, b'{"a":"\\u003c","b":1}')
    assert found.headers["content-type"] == "application/json"
    etag = found.headers["etag"]
    assert (await call(sidecar.api, "DELETE", f"{STATE}/p%2Fq%20r", if_match="other")).status == 409
    assert (await call(sidecar.api, "DELETE", f"{STATE}/p%2Fq%20r", if_match=etag)).status == 204
    assert (await call(sidecar.api, "GET", f"{STATE}/p%2Fq%20r")).status == 204
    assert (await call(sidecar.api, "DELETE", f"{STATE}/p%2Fq%20r")).status == 204


async def test_items_that_save_nothing_and_those_that_are_lenient(sidecar: Sidecar) -> None:
    for body in (b"[]", b"null", b'[{"key":"k"}] garbage', b'[{"Key":"ci","Value":2}]'):
        assert (await call(sidecar.api, "POST", STATE, body)).status == 204
    assert (await call(sidecar.api, "GET", f"{STATE}/k")).body == b"null"
    assert (await call(sidecar.api, "GET", f"{STATE}/ci")).body == b"2"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "EOF"),
        (b"{}", "json: cannot unmarshal object into Go value of type []state.SetRequest"),
        (b'""', "json: cannot unmarshal string into Go value of type []state.SetRequest"),
        (b"[1]", "json: cannot unmarshal number into Go value of type state.SetRequest"),
        (b'[{"value":1}]', '"key" is a required field'),
        (b'[{"key":"","value":1}]', '"key" is a required field'),
        (b'[{"key":1}]', "json: cannot unmarshal number into Go struct field SetRequest.key of type string"),
        (b'[{"key":"k","etag":5}]',
         "json: cannot unmarshal number into Go struct field SetRequest.etag of type string"),
        (b'[{"key":"k","metadata":{"a":1}}]',
         "json: cannot unmarshal number into Go struct field SetRequest.metadata of type string"),
        (b'[{"key":"k"},', "unexpected EOF"),
    ],
)  # fmt: skip
async def test_bodies_that_cannot_be_read(sidecar: Sidecar, body: bytes, message: str) -> None:
    answer = await call(sidecar.api, "POST", STATE, body)
    assert answer.status == 400
    assert answer.json == {"errorCode": "ERR_MALFORMED_REQUEST", "message": message}


@pytest.mark.parametrize(
    ("item", "status", "start"),
    [
        ({"key": "k", "value": 1, "etag": "x"}, 409,
         "failed saving state in state store st: possible etag mismatch. error from state store"),
        ({"key": "k", "value": 1, "options": {"concurrency": "zz"}}, 500,
         "failed saving state in state store st: unrecognized concurrency model 'zz'"),
        ({"key": "k", "value": 1, "metadata": {"ttlInSeconds": "zz"}}, 500,
         'failed saving state in state store st: strconv.Atoi: parsing "zz": invalid syntax'),
    ],
)  # fmt: skip
async def test_what_the_store_refuses(sidecar: Sidecar, item: Any, status: int, start: str) -> None:
    answer = await call(sidecar.api, "POST", STATE, [item])
    assert (answer.status, answer.json["errorCode"]) == (status, "ERR_STATE_SAVE")
    assert answer.json["message"].startswith(start)


async def test_of_several_items_the_good_ones_are_saved(sidecar: Sidecar) -> None:
    items: Any = [{"key": "a", "value": 1, "etag": "x"}, {"key": "b", "value": 2}]
    assert (await call(sidecar.api, "POST", STATE, items)).status == 409
    assert (await call(sidecar.api, "GET", f"{STATE}/b")).body == b"2"
    mixed: Any = [items[0], {"key": "c", "value": 1, "options": {"consistency": "zz"}}]
    answer = await call(sidecar.api, "POST", STATE, mixed)
    assert answer.status == 409  # of several failures daprd tells of the first conflict only
    assert "zz" not in answer.json["message"]
    assert (await call(sidecar.api, "POST", STATE, mixed[1:])).status == 500


async def test_the_separator_in_a_key(sidecar: Sidecar) -> None:
    answer = await call(sidecar.api, "GET", f"{STATE}/a%7C%7Cb")
    message = "api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'"
    assert answer.status == 400
    assert (answer.json["errorCode"], answer.json["message"]) == ("ERR_MALFORMED_REQUEST", message)
    assert [detail["@type"].rpartition(".")[2] for detail in answer.json["details"]] == [
        "BadRequest",
        "ResourceInfo",
        "ErrorInfo",
    ]
    assert answer.json["details"][0]["field_violations"] == [{"field": "a||b", "description": message}]


async def test_bulk_get(sidecar: Sidecar) -> None:
    item: Any = {"key": "t", "value": 1, "metadata": {"ttlInSeconds": "100"}}
    await call(sidecar.api, "POST", STATE, [item])
    answer = await call(sidecar.api, "POST", f"{STATE}/bulk", {"keys": ["missing", "t"]})
    missing, found = answer.json
    assert missing == {"key": "missing"}
    assert (found["key"], found["data"]) == ("t", 1)
    assert found["metadata"] == {"ttlExpireTime": "2026-01-02T03:05:45Z"}
    assert (await call(sidecar.api, "GET", f"{STATE}/t")).headers[
        "metadata.ttlexpiretime"
    ] == "2026-01-02T03:05:45Z"
    assert (await call(sidecar.api, "POST", f"{STATE}/bulk", b"{}")).body == b"[]\n"
    bad = await call(sidecar.api, "POST", f"{STATE}/bulk", b"[")
    assert bad.json["message"] == "failed deserializing HTTP body: unexpected EOF"


async def test_url_metadata_counts_before_the_items_own(sidecar: Sidecar) -> None:
    item: Any = {"key": "t", "value": 1, "metadata": {"ttlInSeconds": "100"}}
    await call(sidecar.api, "POST", f"{STATE}?metadata.ttlInSeconds=5", [item])
    assert (await call(sidecar.api, "GET", f"{STATE}/t")).headers[
        "metadata.ttlexpiretime"
    ] == "2026-01-02T03:04:10Z"


def transaction(*operations: Any) -> Any:
    return {"operations": [{"operation": name, "request": request} for name, request in operations]}


async def test_a_transaction_does_all_or_nothing(sidecar: Sidecar) -> None:
    target = f"{STATE}/transaction"
    done = transaction(("upsert", {"KEY": "a", "value": 1}), ("delete", {"key": "b"}))
    assert (await call(sidecar.api, "POST", target, done)).status == 204
    failing = transaction(
        ("upsert", {"key": "c", "value": 1}), ("upsert", {"key": "a", "value": 2, "etag": "x"})
    )
    answer = await call(sidecar.api, "POST", target, failing)
    assert (answer.status, answer.json["errorCode"]) == (500, "ERR_STATE_TRANSACTION")
    assert (await call(sidecar.api, "GET", f"{STATE}/c")).status == 204
    assert (await call(sidecar.api, "POST", target, b"{}")).status == 204


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (transaction(("zz", {})), "ERR_NOT_SUPPORTED_STATE_OPERATION", "operation type zz not supported"),
        (transaction(("upsert", 5)), "ERR_MALFORMED_REQUEST",
         "failed deserializing HTTP body: '' expected a map, got 'float64'"),
        (transaction(("upsert", {"key": "a", "metadata": {"q": 1}})), "ERR_MALFORMED_REQUEST",
         "failed deserializing HTTP body: 1 error(s) decoding:\n\n* 'Metadata[q]' expected type 'string', "
         "got unconvertible type 'float64', value: '1'"),
    ],
)  # fmt: skip
async def test_transactions_that_cannot_be_read(sidecar: Sidecar, body: Any, code: str, message: str) -> None:
    answer = await call(sidecar.api, "POST", f"{STATE}/transaction", body)
    assert answer.status == 400
    assert answer.json == {"errorCode": code, "message": message}


async def test_a_store_that_is_not_there(sidecar: Sidecar) -> None:
    answer = await call(sidecar.api, "GET", "/v1.0/state/nope/k")
    assert (answer.status, answer.json["errorCode"]) == (400, "ERR_STATE_STORE_NOT_FOUND")
    assert answer.json["details"][0]["metadata"] == {"appID": "api"}


async def test_no_store_at_all() -> None:
    async with sidecar_for(None, Resources(), Hops()).running() as sidecar:
        answer = await call(sidecar.api, "GET", "/v1.0/state/nope/k")
        assert (answer.status, answer.json["errorCode"]) == (500, "ERR_STATE_STORE_NOT_CONFIGURED")
        secret = await call(sidecar.api, "GET", "/v1.0/secrets/nope/k")
        assert (secret.status, secret.json["errorCode"]) == (500, "ERR_SECRET_STORES_NOT_CONFIGURED")

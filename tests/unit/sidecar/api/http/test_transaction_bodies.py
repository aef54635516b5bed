from __future__ import annotations

import json

import pytest

from outboard.gojson.decoding import DecodeError
from outboard.gojson.values import Json
from outboard.sidecar.api.http.state_bodies import read_items, read_keys
from outboard.sidecar.api.http.transaction_bodies import (
    Requested,
    UnknownOperation,
    read_item,
    read_transaction,
)
from outboard.sidecar.state.items import RequestedItem

WRONG: dict[str, Json] = {
    "key": 5,
    "etag": [1],
    "metadata": "x",
    "options": {"consistency": True},
    "contentType": 5,
}


def problem(operation: str, request: Json) -> str:
    with pytest.raises(DecodeError) as caught:
        read_item(Requested(operation, request))
    return str(caught.value)


def test_all_that_is_wrong_with_an_operation_is_told_in_order() -> None:
    text = "expected type 'string', got unconvertible type"
    wrong = [
        f"* 'ContentType' {text} 'float64', value: '5'",
        f"* 'ETag' {text} '[]interface {{}}', value: '[1]'",
        f"* 'Key' {text} 'float64', value: '5'",
        "* 'Metadata' expected a map, got 'string'",
        f"* 'Options.Consistency' {text} 'bool', value: 'true'",
    ]
    assert problem("upsert", WRONG) == "5 error(s) decoding:\n\n" + "\n".join(wrong)
    assert problem("delete", WRONG) == "4 error(s) decoding:\n\n" + "\n".join(wrong[1:])


def test_a_member_of_exactly_the_name_counts_before_one_in_another_case() -> None:
    assert read_item(Requested("upsert", {"key": 5, "Key": "a", "VALUE": 1})) == (
        "upsert",
        RequestedItem("a", 1),
    )


@pytest.mark.parametrize(
    ("request_", "kind"), [(5, "float64"), ([], "slice"), ("x", "string"), (True, "bool")]
)
def test_a_request_that_is_no_object(request_: Json, kind: str) -> None:
    assert problem("delete", request_) == f"'' expected a map, got '{kind}'"


def test_an_operation_without_a_request_has_an_empty_key() -> None:
    body = b'{"operations":[{"operation":"delete"},null]}'
    missing, nothing = read_transaction(body)
    assert read_item(missing) == ("delete", RequestedItem(""))
    with pytest.raises(UnknownOperation, match="operation type  not supported"):
        read_item(nothing)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"metadata": 5, "operations": 5}, "metadata of type map"),
        ({"operations": 5, "metadata": 5}, "operations of type []"),
    ],
)
def test_of_several_wrong_members_of_the_body_the_first_is_told(members: dict[str, Json], told: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read_transaction(json.dumps(members).encode())
    assert told in str(caught.value)


def test_of_several_wrong_members_of_an_item_the_first_is_told() -> None:
    with pytest.raises(DecodeError, match=r"SetRequest\.etag"):
        read_items(b'[{"etag":5,"key":5}]')
    with pytest.raises(DecodeError, match=r"SetStateOption\.options\.Consistency"):
        read_items(b'[{"options":{"consistency":5,"concurrency":5}}]')
    with pytest.raises(DecodeError, match=r"BulkGetRequest\.parallelism"):
        read_keys(b'{"parallelism":[],"keys":5}')

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pytest

from outboard.sidecar.components.kafka.records import RecordTooLarge, to_message, to_record
from outboard.sidecar.components.kafka.settings import KafkaSettings
from outboard.sidecar.components.port import ComponentError, Message

SETTINGS = KafkaSettings(("localhost:9092",), "group", "client")


@dataclass(frozen=True)
class Received:
    topic: str = "t"
    partition: int = 3
    offset: int = 7
    timestamp: int = 1_700_000_000_000
    key: bytes | None = None
    value: bytes | None = b"{}"
    headers: tuple[tuple[str, bytes | None], ...] = ()


def test_all_metadata_becomes_headers_and_the_partition_key_the_key() -> None:
    metadata = {"partitionKey": "ä", "ttlInSeconds": "5", "x": ""}
    record = to_record(Message(b"data", metadata), SETTINGS)

    assert (record.key, record.value, record.partition) == ("ä".encode(), b"data", None)
    assert dict(record.headers) == {"partitionKey": "ä".encode(), "ttlInSeconds": b"5", "x": b""}


def test_a_partition_key_counts_more_than_the_key_of_a_record() -> None:
    assert to_record(Message(b"", {"__key": "a", "partitionKey": "b"}), SETTINGS).key == b"b"
    assert to_record(Message(b"", {"__key": ""}), SETTINGS).key == b""


def test_null_is_a_tombstone_but_nothing_is_not() -> None:
    assert to_record(Message(b"null"), SETTINGS).value is None
    assert to_record(Message(b""), SETTINGS).value == b""


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("+7", 7), ("2147483647", 2147483647)])
def test_a_partition_number(text: str, number: int) -> None:
    assert to_record(Message(b"", {"partitionNumber": text}), SETTINGS).partition == number


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", 'value "": strconv.ParseInt: parsing "": invalid syntax'),
        ("1.0", "invalid syntax"),
        ("٣", "invalid syntax"),
        ("2147483648", "value out of range"),
        ("9" * 100, "invalid syntax"),
        ("-1", "must be non-negative, got -1"),
    ],
)
def test_what_is_no_partition_number(text: str, reason: str) -> None:
    with pytest.raises(ComponentError, match=re.escape(reason)):
        to_record(Message(b"", {"partitionNumber": text}), SETTINGS)


def test_the_size_counts_as_that_of_daprds_client() -> None:
    """3,000 bytes and the header `rawPayload: true` are 3,060, said daprd."""
    message = Message(b"x" * 3_000, {"rawPayload": "true"})
    assert to_record(message, SETTINGS).size == 3_060
    with pytest.raises(RecordTooLarge, match=r"configured Producer\.MaxMessageBytes: 3060 > 2000"):
        to_record(message, replace(SETTINGS, max_message_bytes=2_000))


@pytest.mark.parametrize("name", ["valueSchemaType", "VALUESCHEMATYPE"])
def test_a_schema_is_refused(name: str) -> None:
    with pytest.raises(ComponentError, match="schema registry"):
        to_record(Message(b"", {name: "Avro"}), SETTINGS)
    assert to_record(Message(b"", {name: "None"}), SETTINGS).value == b""


def test_a_record_says_of_itself_what_daprd_says() -> None:
    message = to_message(Received(key=b"k", headers=(("h", b"v"), ("empty", None))), SETTINGS)

    assert message.data == b"{}"
    assert message.metadata == {
        "__key": "k", "__offset": "7", "__topic": "t", "__timestamp": "1700000000000", "__partition": "3",
        "h": "v", "empty": "",
    }  # fmt: skip


def test_headers_may_pretend_to_be_the_record() -> None:
    assert to_message(Received(headers=(("__offset", b"99"),)), SETTINGS).metadata["__offset"] == "99"


def test_without_a_key_there_is_none_and_without_a_value_there_is_null() -> None:
    message = to_message(Received(value=None), SETTINGS)
    assert (message.data, "__key" in message.metadata) == (b"null", False)


def test_what_is_no_text_is_replaced_or_escaped() -> None:
    record = Received(key=b"\xff", headers=(("h", b"a b\n\xc3\xa9~"),))
    plain, escaped = to_message(record, SETTINGS), to_message(record, replace(SETTINGS, escape_headers=True))

    assert (plain.metadata["__key"], plain.metadata["h"]) == ("\ufffd", "a b\né~")
    assert (escaped.metadata["__key"], escaped.metadata["h"]) == ("%FF", "a+b%0A%C3%A9~")


def test_excluded_names_go_neither_way() -> None:
    settings = replace(SETTINGS, exclude_headers=re.compile("secret"))
    record = to_record(Message(b"", {"my-secret": "x", "partitionKey": "k"}), settings)
    message = to_message(Received(headers=(("a-secret-b", b"x"), ("kept", b"y"))), settings)

    assert [name for name, _ in record.headers] == ["partitionKey"]
    assert "kept" in message.metadata
    assert "a-secret-b" not in message.metadata

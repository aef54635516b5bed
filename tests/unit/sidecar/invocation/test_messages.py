"""The messages between sidecars, against the stubs that there are of their parts."""

from __future__ import annotations

import pytest
from dapr.proto.common.v1 import common_pb2
from hypothesis import given
from hypothesis import strategies as st

from outboard.sidecar.invocation.peers.messages import (
    COMMON,
    FIELDS,
    VERBS,
    CallHead,
    Packet,
    ReplyHead,
    Unreadable,
    read_reply,
    read_request,
    write_reply,
    write_request,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = st.from_regex(r"[a-z][a-z0-9.-]*", fullmatch=True)
HEADER_LISTS = st.dictionaries(NAMES, TEXT, min_size=1).map(lambda given: [*given.items()])
PACKETS = st.none() | st.builds(Packet, st.binary(), st.integers(0, 2**64 - 1))


@given(st.builds(CallHead, TEXT, st.sampled_from(VERBS), TEXT, TEXT, HEADER_LISTS, TEXT), PACKETS)
def test_a_request_is_read_as_it_was_written(head: CallHead, packet: Packet | None) -> None:
    read, part = read_request(write_request(head, packet))
    assert read is not None
    assert part == packet
    assert (read.method, read.verb, read.query) == (head.method, head.verb, head.query)
    assert sorted(read.headers) == sorted((name.lower(), value) for name, value in head.headers)


@given(st.builds(ReplyHead, st.integers(0, 599), HEADER_LISTS, TEXT, TEXT, TEXT), PACKETS)
def test_a_reply_is_read_as_it_was_written(head: ReplyHead, packet: Packet | None) -> None:
    read, part = read_reply(write_reply(head, packet))
    assert read is not None
    assert part == packet
    assert (read.status, read.content_type, read.message) == (head.status, head.content_type, head.message)


@pytest.mark.parametrize("name", [name for name in FIELDS if name.startswith(COMMON)])
def test_the_fields_are_those_of_the_stubs(name: str) -> None:
    message = common_pb2.DESCRIPTOR.message_types_by_name[name.rpartition(".")[2]]
    assert {(field.name, field.number) for field in message.fields} == {each[:2] for each in FIELDS[name]}


def test_the_verbs_are_those_of_the_stubs() -> None:
    numbers = common_pb2.HTTPExtension.Verb.items()
    assert [VERBS.index(name) for name, _ in numbers] == [number for _, number in numbers]


def test_what_daprd_looks_for_has_the_name_that_it_looks_for() -> None:
    headers = [("accept", "text/event-stream"), ("x-a", "1"), ("x-a", "2"), ("dapr-caller-app-id", "me")]
    data = write_request(CallHead("m", "GET", "", "", headers), None)
    for name in (b"Accept", b"X-A", b"dapr-caller-app-id"):
        assert name in data


@pytest.mark.parametrize("data", [b"\xff", write_request(CallHead("m", "GET", "", "", []), None)])
def test_what_is_no_request(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_request(data)


def test_a_text_that_is_no_utf8_is_not_written() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        write_request(CallHead("\udcff", "GET", "", "", [("a", "b")]), None)

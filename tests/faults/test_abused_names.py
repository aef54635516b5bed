"""Names of topics and state keys that are paths, queries, escapes: each means itself, as with daprd."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from faults.abused import Abused, ask
from faults.shop import board_of
from outboard.errors import InvalidName


@pytest.mark.parametrize(
    ("written", "status", "topic"),
    [
        ("..%2Fx", 204, "../x"),
        ("a%2Fb", 204, "a/b"),
        ("a/b", 204, "a/b"),
        ("a/../b", 204, "b"),
        ("a//b", 204, "a/b"),
        ("%2F", 204, "/"),
        ("%252F", 204, "%2F"),
        ("a%3Fb", 204, "a?b"),
        ("a%23b", 204, "a#b"),
        ("a%00b", 204, "a\0b"),
        ("a+b", 204, "a b"),
        ("a||b", 204, "a||b"),
        ("n" * 300, 204, "n" * 300),
        ("%E4%BA%8B", 204, "事"),
        ("v%D0%B0ult", 204, "v\N{CYRILLIC SMALL LETTER A}ult"),  # which only looks like the protected one
        ("../x", 404, None),
        (".", 404, None),
        ("", 404, None),
        ("%zz", 400, None),
        ("vault", 403, None),
        ("x/../vault", 403, None),
        ("v%61ult", 403, None),
    ],
)
def test_a_topic_is_the_one_that_the_url_names(
    abused: Abused, written: str, status: int, topic: str | None
) -> None:
    answer = ask(abused.sidecar, "POST", f"/v1.0/publish/pubsub/{written}", b'"to it"')

    arrived = abused.arrived()
    assert answer[0] == status, answer
    assert arrived == ([] if topic is None else [(topic, "to it")])


KEYS = ["../x", "a/b", "%2F", "a?b", "a#b", "a\0b", "a+b", "a b", "k" * 300, "事", "%2E%2E", "&=;"]


def test_each_state_key_has_a_value_of_its_own(abused: Abused) -> None:
    items = [{"key": key, "value": number} for number, key in enumerate(KEYS)]
    assert abused.sidecar.http.post("/v1.0/state/statestore", json=items).status_code == 204

    found = [ask(abused.sidecar, "GET", f"/v1.0/state/statestore/{quote(key, safe='')}") for key in KEYS]

    assert found == [(200, str(number).encode()) for number in range(len(KEYS))]


@pytest.mark.parametrize("target", ["a||b", ".", "..", "../statestore/kept", "a/b", "%zz"])
def test_a_state_key_that_none_can_be_is_refused(abused: Abused, target: str) -> None:
    client = abused.sidecar.http
    assert client.post("/v1.0/state/statestore", json=[{"key": "kept", "value": 1}]).status_code == 204

    status, _ = ask(abused.sidecar, "DELETE", f"/v1.0/state/statestore/{target}")

    expected = 204 if target == "../statestore/kept" else 400 if target in {"a||b", "%zz"} else 404
    assert status == expected
    remains = client.get("/v1.0/state/statestore/kept").status_code
    assert remains == (204 if target == "../statestore/kept" else 200)


@pytest.mark.anyio
async def test_through_the_kit_each_state_key_has_a_value_of_its_own(abused: Abused) -> None:
    board = board_of(abused.sidecar.port)
    keys = [key for key in KEYS if key.isprintable()] + [".", ".."]
    async with board.connected():
        for number, key in enumerate(keys):
            await board.state().save(key, number)
        assert [await board.state().get(key) for key in keys] == list(range(len(keys)))
        for key in ("", "a||b", "a\0b"):
            with pytest.raises(InvalidName, match="state key "):
                await board.state().save(key, 1)


@pytest.mark.parametrize("name", ["", "../x", "a/../b", ".", "a\0b", "a\nb", "a||b", "n" * 251, " a"])
def test_the_kit_refuses_the_name_before_anything_is_sent(name: str) -> None:
    with pytest.raises(InvalidName, match="topic name "):
        board_of(1).topic(name)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["a/b", "a?b", "a#b", "事", "%2F", "a b"])
async def test_through_the_kit_a_topic_is_the_one_that_was_named(abused: Abused, name: str) -> None:
    board = board_of(abused.sidecar.port)
    async with board.connected():
        await board.publish(name, "to it")

    assert abused.arrived() == [(name, "to it")]

"""What recorded hops tell."""

from __future__ import annotations

import json

from outboard.hops.deliveries import DeadLetter, Delivery, dead_letters, deliveries, payload_id, told
from outboard.hops.record import UNKNOWN_EVENT, EventIdentity, Hop, HopKind

NOW = 1767323045.0
EVENT = EventIdentity("7")


def hop(kind: HopKind, topic: str = "tasks", attempt: int = 0, outcome: str = "", **members: object) -> Hop:
    payload = json.dumps({"id": "7", "data": {"n": 1}, **members}).encode()
    detail = "why" if outcome == "RETRY" else ""
    return Hop(kind, NOW, "app", "p", topic, EVENT, attempt, outcome, detail, payload=payload)


def test_a_line_for_each_hop() -> None:
    hops = [hop(HopKind.STORED), hop(HopKind.DELIVERED, attempt=1, outcome="RETRY")]
    assert told(hops).splitlines() == [
        "  app: 7 of p/tasks published",
        "  app: 7 of p/tasks delivered RETRY (attempt 1): why",
    ]
    assert told(hops, most=1).splitlines()[0] == "  (1 earlier hops)"
    assert told([]) == "  nothing: no event was published."


def test_deliveries_of_a_topic() -> None:
    hops = [
        hop(HopKind.DELIVERED, attempt=2, outcome="RETRY"),
        hop(HopKind.DELIVERED, "others", 1, "SUCCESS"),
    ]
    assert deliveries(hops, "p", "tasks") == [Delivery("app", "7", 2, "RETRY", "why")]


def test_a_dead_letter_of_the_kit_says_where_it_comes_from() -> None:
    letter = hop(
        HopKind.STORED,
        "tasks-dead",
        deadletterreason="no",
        deadletterorigin="//app/p/tasks#/on",
        deadletterattempts=3,
    )
    assert dead_letters([letter], "p", "tasks") == [
        DeadLetter("7", "no", "//app/p/tasks#/on", 3, {"n": 1}, letter.payload)
    ]
    assert not dead_letters([letter], "p", "others")


def test_a_dead_letter_of_the_sidecar_is_known_by_its_bytes() -> None:
    letter = Hop(
        HopKind.DEAD_LETTERED, NOW, "app", "p", "dead", UNKNOWN_EVENT, 4, "", "spent", payload=b"not JSON"
    )
    published = Hop(HopKind.STORED, NOW, "app", "p", "tasks", UNKNOWN_EVENT, payload=b"not JSON")
    assert dead_letters([published, letter], "p", "tasks") == [
        DeadLetter("", "spent", "", 4, None, b"not JSON")
    ]


def test_what_is_no_envelope_has_no_id() -> None:
    assert payload_id(b"[" * 100_000) == ""

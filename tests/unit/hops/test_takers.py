from __future__ import annotations

import pytest

from outboard.hops.record import EventIdentity, Hop, HopKind
from outboard.hops.takers import Taker, nearest, untaken

TAKERS = [Taker("billing", "pubsub", "orders-created"), Taker("audit", "other", "audit")]
NOW = 1767225600.0


@pytest.mark.parametrize(
    ("pubsub", "topic", "question"),
    [
        ("pubsub", "order-created", "Did you mean `orders-created`, which billing takes?"),
        ("pubsub", "Orders-Created", "Did you mean `orders-created`, which billing takes?"),
        ("pubsub", "audit", "Did you mean the one of `other`, which audit takes?"),
        ("pubsub", "weather", ""),
        ("else", "order-created", ""),
    ],
)
def test_the_near_topic_is_asked_about(pubsub: str, topic: str, question: str) -> None:
    assert nearest(pubsub, topic, TAKERS) == question


def hop(kind: HopKind, topic: str, payload: bytes = b'{"id":"1"}') -> Hop:
    return Hop(kind, NOW, "shop", "pubsub", topic, EventIdentity("1"), payload=payload)


def test_each_topic_that_nobody_takes_is_told_once() -> None:
    hops = [hop(HopKind.STORED, "order-created")] * 2 + [hop(HopKind.STORED, "orders-created")]
    (line,) = untaken(hops, TAKERS)
    told = "no app takes 'order-created' of 'pubsub', which shop publishes to. Did you mean `orders-created`"
    assert line.strip().startswith(told)


def test_dead_letters_are_meant_to_lie_there() -> None:
    kit = b'{"id":"1","deadletterreason":"bad","deadlettertopic":"orders-created"}'
    hops = [hop(HopKind.STORED, "a-dead", kit), hop(HopKind.DEAD_LETTERED, "b-dead")]
    assert untaken(hops, TAKERS) == []

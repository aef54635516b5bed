"""What each pub/sub component promises beyond what holds for all: the suite asks for it, the docs show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["PUBSUBS", "PUBSUBS_OF_DAPRD", "Promises"]

ODD_NAMES: Final = ("a b", "\u00e9", "x" * 300, "a\x00b")
REFUSED_BY_KAFKA: Final = ("a b", "a/b", "\u00e9", "x" * 300)


def promise(says: str, holds: bool = False) -> bool:
    """A field whose meaning the docs show."""
    made: bool = field(default=holds, metadata={"says": says})
    return made


@dataclass(frozen=True, kw_only=True)
class Promises:
    """`topics` are names that the component must take, `refused_topics` such as it must not.

    `largest` is for an event with nothing but its data, and a broker without settings; None is no limit. Over
    HTTP an event is `rawPayload`, which becomes a header of its record.
    """

    headers: bool = promise("All metadata of publishing arrives; else the ordering key does", True)
    any_headers: bool = promise("Metadata has any names and values, not only those of HTTP headers", True)
    between_apps: bool = promise("What one app publishes reaches the other apps", True)
    retention: bool = promise("What was published before anybody subscribed arrives")
    redelivery: bool = promise(
        "What is not acknowledged comes again, to this consumer or the next of its group"
    )
    holding: bool = promise("Until then nothing else of its key is delivered")
    competition: bool = promise("Consumers of one group share the events")
    takeover: bool = promise("A consumer's events go on to another of its group, when it leaves")
    durability: bool = promise("Events, and what a group has handled, outlive every process")
    order: bool = promise("Events of one key arrive in their order, one after the other", True)
    order_at_takeover: bool = promise(
        "That holds too for what comes behind an event that a consumer left", True
    )
    order_without_key: bool = promise("Events without a key arrive in the order of publishing")
    one_at_a_time: bool = promise("A subscription has one event in hand at any time, whatever its key")
    bulk_publishing: bool = promise("Many events are published in one step")
    bulk_subscribing: bool = promise("Batches are handed over, without a gathering of single events")
    holding_back: bool = promise("Published in one step, nothing of a key arrives behind what failed of it")
    partial_redelivery: bool = promise("Of a batch only what failed comes again, not the whole", True)
    answers_beside_expired: bool = promise(
        "In a batch, an event that has outlived its time does not shift the answers to the others", True
    )
    broker: bool = promise(
        "There is a broker that may crash: what it acknowledged is there afterwards, and all goes on"
    )
    largest: int | None = field(default=None, metadata={"says": "Bytes of the largest event"})
    topics: tuple[str, ...] = ("task-events", "A", "a.b_c-d")
    refused_topics: tuple[str, ...] = ()


PUBSUBS: Final[Mapping[str, Promises]] = {
    "in-memory": Promises(order_without_key=True, one_at_a_time=True),
    "in-memory, `backlog`": Promises(
        order_without_key=True, one_at_a_time=True, retention=True, takeover=True
    ),
    "in-memory, `partitions`": Promises(
        retention=True, redelivery=True, holding=True, competition=True, takeover=True,
        bulk_publishing=True, holding_back=True, bulk_subscribing=True,
    ),
    "sqlite": Promises(
        retention=True, redelivery=True, holding=True, competition=True, takeover=True, durability=True,
        bulk_publishing=True, holding_back=True, bulk_subscribing=True,
        topics=("task-events", "", "*", "'; DROP TABLE events; --", *ODD_NAMES),
    ),
    "kafka": Promises(
        retention=True, redelivery=True, holding=True, competition=True, takeover=True, durability=True,
        bulk_publishing=True, holding_back=True, bulk_subscribing=True, broker=True, largest=1_048_516,
        refused_topics=REFUSED_BY_KAFKA,
    ),
    "redis": Promises(
        retention=True, competition=True, takeover=True, durability=True, bulk_publishing=True,
        holding_back=True, bulk_subscribing=True, order=False, order_at_takeover=False, broker=True,
        topics=("task-events", "A", "a.b_c-d", "*", *ODD_NAMES),
    ),
    "redis, `concurrency` 1": Promises(
        retention=True, competition=True, takeover=True, durability=True, bulk_publishing=True,
        holding_back=True, bulk_subscribing=True, order_without_key=True, one_at_a_time=True,
        order_at_takeover=False, broker=True,
    ),
}  # fmt: skip
"""By the type behind `pubsub.`, with the setting that makes a difference."""

PUBSUBS_OF_DAPRD: Final[Mapping[str, Promises]] = {
    "in-memory": Promises(any_headers=False, between_apps=False, order_without_key=True, one_at_a_time=True),
    "kafka": Promises(
        any_headers=False, retention=True, redelivery=True, holding=True, competition=True, takeover=True,
        durability=True, bulk_publishing=True, bulk_subscribing=True, partial_redelivery=False,
        answers_beside_expired=False, broker=True, largest=1_048_500, refused_topics=REFUSED_BY_KAFKA,
    ),
    "redis": Promises(
        any_headers=False, retention=True, competition=True, takeover=True, durability=True,
        order=False, order_at_takeover=False, answers_beside_expired=False, broker=True,
        topics=("task-events", "A", "a.b_c-d", "*", "a b", "\u00e9", "x" * 300),
    ),
    "redis, `concurrency` 1": Promises(
        any_headers=False, retention=True, competition=True, takeover=True, durability=True,
        order_without_key=True, one_at_a_time=True, order_at_takeover=False, broker=True,
    ),
}  # fmt: skip
"""The same of daprd's own components, asked over HTTP."""

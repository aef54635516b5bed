from __future__ import annotations

import re
from collections.abc import Awaitable

import pytest

from outboard.sidecar.channel.answers import Answer
from outboard.sidecar.components.port import NotAcknowledged
from outboard.sidecar.delivery.counting import BatchTally, DeliveryCounts
from outboard.sidecar.delivery.inbound import Skipped
from outboard.sidecar.metrics.families import exposition
from outboard.sidecar.metrics.meters import Meters
from outboard.wire.dapr import DeliveryStatus

pytestmark = pytest.mark.anyio

SUCCESS = Answer(DeliveryStatus.SUCCESS, status=200)
RETRY = Answer(DeliveryStatus.RETRY, status=500)


@pytest.fixture
def meters() -> Meters:
    return Meters("shop", "")


@pytest.fixture
def counts(meters: Meters) -> DeliveryCounts:
    return DeliveryCounts(meters, "ps", "orders")


def delivered(meters: Meters) -> dict[tuple[str, str], int]:
    """How often each process_status and status was counted."""
    sample = r'ingress_count\{.*process_status="(\w+)",status="(\w+)",.*\} (\d+)'
    found = re.findall(sample, exposition(meters.families, {}))
    return {(process, status): int(count) for process, status, count in found}


@pytest.mark.parametrize(
    ("answer", "counted"),
    [
        (SUCCESS, ("success", "success")),
        (RETRY, ("retry", "retry")),
        (Answer(DeliveryStatus.RETRY, "no connection"), ("retry", "retry")),
        (Answer(DeliveryStatus.DROP, status=200), ("drop", "success")),
        (Answer(DeliveryStatus.DROP, status=404), ("drop", "drop")),
    ],
)
def test_each_attempt_counts(
    meters: Meters, counts: DeliveryCounts, answer: Answer, counted: tuple[str, str]
) -> None:
    counts.answered(answer, 0.5)
    assert delivered(meters) == {counted: 1}


def test_what_the_app_does_not_get_counts_as_dropped(meters: Meters, counts: DeliveryCounts) -> None:
    counts.skipped(Skipped("expired"))
    counts.skipped(Skipped("no rule matches", unrouted=True))
    assert delivered(meters) == {("drop", "drop"): 1, ("drop", "success"): 1}
    assert "ingress_latencies" not in exposition(meters.families, {})


async def test_the_end_counts_by_whether_there_is_a_dead_letter(
    meters: Meters, counts: DeliveryCounts
) -> None:
    async def ends(error: Exception | None = None) -> None:
        if error is not None:
            raise error

    refused: Awaitable[None] = ends(NotAcknowledged("spent"))
    await counts.ended(ends())
    with pytest.raises(NotAcknowledged):
        await counts.ended(refused)
    assert delivered(meters) == {("drop", "drop"): 1, ("retry", "retry"): 1}


def test_a_batch_counts_once_and_its_events_at_each_attempt(meters: Meters, counts: DeliveryCounts) -> None:
    tally = BatchTally()
    tally.dropped()
    tally.answered([SUCCESS, RETRY], 0.2)
    tally.answered([RETRY], 0.003)
    tally.dead_lettered()
    counts.batch(tally)
    text = exposition(meters.families, {})
    events = dict(re.findall(r'bulk_event_count\{.*process_status="(\w+)".*\} (\d+)', text))
    assert events == {"SUCCESS": "1", "RETRY": "1", "DROP": "2"}
    assert re.search(r'ingress_bulk_count\{.*process_status="",topic="orders"\} 1\n', text)
    assert re.search(r"ingress_bulk_latencies_sum\{.*\} 3\n", text)

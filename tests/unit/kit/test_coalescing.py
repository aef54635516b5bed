"""What leaves when, in which order, and what each publisher is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest

from outboard.errors import PublishFailed, SidecarSilent, SidecarUnavailable
from outboard.hops.record import Hop, HopKind
from outboard.kit.client.port import BatchAnswer, Publication
from outboard.kit.topics.queue import PublishLimits
from outboard.wire.http import ExchangeFailed
from support.publishing import bench, settle

pytestmark = pytest.mark.anyio

REFUSED = ExchangeFailed("connection refused", sent=False)
DROPPED = ExchangeFailed("server disconnected", dropped=True)
BROKEN = ExchangeFailed("connection reset")


def failed(reason: str) -> PublishFailed:
    return PublishFailed("p", "t", 500, "ERR_PUBSUB_PUBLISH_MESSAGE", reason)


async def test_the_first_leaves_at_once_and_those_that_come_meanwhile_leave_together() -> None:
    async with bench() as b:
        for number in range(10):
            b.publish(str(number))
        await settle()
        assert b.sidecar.batches == [["0"], [str(number) for number in range(1, 10)]]
        for request in b.sidecar.requests:
            request.succeed()
        await asyncio.gather(*b.tasks)


async def test_one_after_another_costs_a_request_each_and_no_delay() -> None:
    async with bench() as b:
        for number in range(3):
            task = b.publish(str(number))
            await settle()
            b.sidecar.requests[-1].succeed()
            await task
        assert b.sidecar.batches == [["0"], ["1"], ["2"]]
        assert b.clock.seconds == 0


async def test_no_more_than_two_requests_are_in_flight() -> None:
    async with bench(PublishLimits(batch_events=2)) as b:
        for number in range(9):
            b.publish(str(number))
            await settle()
        assert b.sidecar.batches == [["0"], ["1", "2"]]
        b.sidecar.requests[0].succeed()
        await settle()
        assert b.sidecar.batches[2:] == [["3", "4"]]
        while b.sidecar.in_flight:
            assert len(b.sidecar.in_flight) <= 2
            b.sidecar.in_flight[0].succeed()
            await settle()
        assert b.sidecar.delivered == [str(number) for number in range(9)]


async def test_a_small_request_does_not_go_in_turn_with_a_large_one() -> None:
    async with bench() as b:
        for number in range(9):
            b.publish(str(number))
        await settle()
        b.sidecar.requests[0].succeed()
        late = b.publish("late")
        await settle()
        assert b.sidecar.batches == [["0"], [str(number) for number in range(1, 9)]]
        b.sidecar.requests[1].succeed()
        await settle()
        assert b.sidecar.batches[2] == ["late"]
        b.sidecar.requests[2].succeed()
        await late


async def test_those_who_are_answered_and_publish_again_leave_together() -> None:
    async with bench() as b:

        async def twice(name: str) -> None:
            await b.published(f"{name}1")
            await b.published(f"{name}2")

        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(twice(name))
            await settle()
            b.sidecar.requests[0].succeed()
            b.sidecar.requests[1].succeed()
            await settle()
            assert [sorted(batch) for batch in b.sidecar.batches[2:]] == [["a2", "b2", "c2"]]
            b.sidecar.requests[2].succeed()


async def test_each_is_told_its_own_outcome() -> None:
    async with bench() as b:
        tasks = [b.publish(str(number)) for number in range(4)]
        await settle()
        b.sidecar.requests[0].succeed()
        b.sidecar.requests[1].end([failed("one"), None, failed("three")])
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [str(outcome) if outcome else None for outcome in outcomes] == [
            None,
            str(failed("one")),
            None,
            str(failed("three")),
        ]


async def test_no_two_of_a_key_are_in_flight() -> None:
    async with bench() as b:
        for body, key in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a"), ("n1", None), ("n2", None)]:
            b.publish(body, key)
        await settle()
        assert b.sidecar.batches == [["a1"], ["b1", "n1", "n2"]]
        b.sidecar.requests[0].succeed()
        await settle()
        assert len(b.sidecar.requests) == 2, "less waits than is in flight"
        b.sidecar.requests[1].succeed()
        await settle()
        assert b.sidecar.batches[2:] == [["a2"]]
        b.sidecar.requests[2].succeed()
        await settle()
        b.sidecar.requests[3].succeed()
        await asyncio.gather(*b.tasks)
        assert [body for body in b.sidecar.delivered if body[0] == "a"] == ["a1", "a2", "a3"]


async def test_a_busy_key_holds_up_no_other() -> None:
    async with bench(PublishLimits(batch_events=4)) as b:
        hot = [b.publish(f"h{number}", "hot") for number in range(20)]
        others = [b.publish(f"o{number}", f"k{number}") for number in range(4)]
        await settle()
        assert b.sidecar.batches == [["h0"], ["o0", "o1", "o2", "o3"]]
        b.sidecar.requests[1].succeed()
        await asyncio.gather(*others)
        assert not any(task.done() for task in hot)


async def test_a_hot_key_leaves_in_one_request_while_the_sidecar_keeps_its_order() -> None:
    async with bench(PublishLimits(batch_events=4)) as b:
        for number in range(9):
            b.publish(f"h{number}", "hot")
        await settle()
        b.sidecar.requests[0].succeed(ordered=True)
        await settle()
        assert b.sidecar.batches == [["h0"], ["h1", "h2", "h3", "h4"]], "and never in two requests at once"
        b.sidecar.requests[1].succeed(ordered=False)
        await settle()
        assert b.sidecar.batches[2] == ["h5"], "the sidecar no longer says so"
        b.sidecar.requests[2].succeed(ordered=True)
        await settle()
        b.sidecar.requests[3].end([BROKEN] * 3)
        await settle()
        assert b.sidecar.batches[3] == ["h6", "h7", "h8"]
        b.publish("h9", "hot")
        b.publish("h10", "hot")
        await settle()
        assert b.sidecar.batches[4] == ["h9"], "forgotten when a connection fails"


async def test_an_idle_publisher_forgets_that_the_sidecar_keeps_order() -> None:
    async with bench() as b:
        b.publish("a", "k")
        await settle()
        b.sidecar.requests[0].succeed(ordered=True)
        await settle()
        for body in "bcd":
            b.publish(body, "k")
        await settle()
        assert b.sidecar.batches == [["a"], ["b"]], "another sidecar may be there by now"


async def test_keys_share_a_request_fairly_where_the_sidecar_keeps_order() -> None:
    async with bench(PublishLimits(batch_events=4, requests=1)) as b:
        for number in range(6):
            b.publish(f"h{number}", "hot")
        b.publish("c1", "cold")
        await settle()
        b.sidecar.requests[0].succeed(ordered=True)
        await settle()
        assert sorted(b.sidecar.batches[1]) == ["c1", "h1", "h2", "h3"]


async def test_batches_keep_to_their_bytes_and_a_large_event_goes_alone() -> None:
    async with bench(PublishLimits(batch_bytes=1000, requests=1)) as b:
        for body in ("first", "x" * 300, "y" * 300, "z" * 5000, "last"):
            b.publish(body)
        await b.serve()
        sizes = [[len(body) for body in batch] for batch in b.sidecar.batches]
        assert sizes == [[5], [300], [300], [5000], [4]]


async def test_what_dapr_reads_from_the_request_only_goes_alone() -> None:
    async with bench(PublishLimits(requests=1)) as b:
        b.publish("first")
        b.publish("a")
        b.publish("raw", metadata={"rawPayload": "true"})
        b.publish("b")
        await b.serve()
        assert b.sidecar.batches == [["first"], ["a"], ["raw"], ["b"]]


# Cancelling


async def test_cancelled_while_waiting_is_never_sent() -> None:
    async with bench() as b:
        b.publish("a1", "a")
        await settle()
        waiting, behind = b.publish("a2", "a"), b.publish("a3", "a")
        await settle()
        waiting.cancel()
        await settle()
        b.sidecar.requests[0].succeed()
        await settle()
        assert b.sidecar.batches == [["a1"], ["a3"]]
        b.sidecar.requests[1].succeed()
        await behind
        assert waiting.cancelled()


async def test_cancelled_in_flight_harms_no_other_and_keeps_its_key_taken() -> None:
    async with bench() as b:
        b.publish("first")
        cancelled, other = b.publish("a1", "a"), b.publish("b1", "b")
        await settle()
        cancelled.cancel()
        b.publish("a2", "a")
        await settle()
        assert b.sidecar.batches == [["first"], ["a1", "b1"]]
        b.sidecar.requests[1].succeed()
        await other
        b.sidecar.requests[0].succeed()
        await settle()
        assert b.sidecar.delivered == ["a1", "b1", "first"]
        assert b.sidecar.batches[2:] == [["a2"]]


async def test_a_crowd_that_leaves_is_let_go_of() -> None:
    async with bench(PublishLimits(waiting_events=1000)) as b:
        b.publish("head", "k")
        await settle()
        for _ in range(5):
            crowd = [b.publish(f"{number}", "k") for number in range(300)]
            await settle()
            for task in crowd:
                task.cancel()
            await settle()
        publisher = b.connection._publishers["p", "t"]
        kept = sum(len(lane or ()) for lane in publisher._queue._behind.values())
        assert kept <= 300
        assert (publisher._queue.events, publisher._queue.bytes) == (0, 0)
        b.sidecar.requests[0].succeed()


# Time


async def test_who_waits_too_long_is_told_in_time_and_never_sent() -> None:
    async with bench() as b:
        b.publish("a1", "a", timeout=60)
        await settle()
        impatient, patient = b.publish("a2", "a", timeout=2), b.publish("a3", "a", timeout=30)
        await b.clock.advance(2)
        with pytest.raises(SidecarUnavailable, match=r"within 2\.0 s \(it waited behind other events"):
            await impatient
        b.sidecar.requests[0].succeed()
        await settle()
        assert b.sidecar.batches == [["a1"], ["a3"]]
        b.sidecar.requests[1].succeed()
        await patient


async def test_in_flight_a_time_that_is_up_is_told_and_the_request_goes_on() -> None:
    async with bench() as b:
        b.publish("first")
        short, long = b.publish("a", timeout=1), b.publish("b", timeout=9)
        await settle()
        assert b.sidecar.requests[1].timeout == 9
        await b.clock.advance(1)
        with pytest.raises(SidecarUnavailable, match="the time was up"):
            await short
        b.sidecar.requests[1].succeed()
        await long
        assert b.sidecar.delivered == ["a", "b"]


async def test_a_refused_connection_is_tried_again_in_order_and_within_the_time() -> None:
    async with bench() as b:
        b.publish("a1", "a")
        await settle()
        b.publish("a2", "a")
        b.publish("b1", "b")
        for _ in range(3):
            b.sidecar.in_flight[0].end([REFUSED] * len(b.sidecar.in_flight[0].bodies))
            await settle()
            assert not b.sidecar.in_flight
            await b.clock.advance(1)
        assert b.sidecar.batches == [["a1"], ["a1", "b1"], ["a1", "b1"], ["a1", "b1"]]
        await b.serve()
        await asyncio.gather(*b.tasks)
        assert [body for body in b.sidecar.delivered if body[0] == "a"] == ["a1", "a2"]
        assert len(b.sidecar.delivered) == 3


async def test_what_waits_joins_the_next_attempt_and_what_left_does_not() -> None:
    async with bench(PublishLimits(requests=1)) as b:
        b.publish("a")
        gone, short = b.publish("gone"), b.publish("short", timeout=0.04)
        await settle()
        b.sidecar.requests[0].end([DROPPED])
        await settle()
        gone.cancel()
        b.publish("late")
        await b.clock.advance(0.05)
        assert b.sidecar.batches == [["a"], ["a", "late"]]
        with pytest.raises(SidecarUnavailable):
            await short
        await b.serve()
        assert b.sidecar.delivered == ["a", "late"]


async def test_a_sidecar_that_stays_away_is_said_to_be_with_its_reason() -> None:
    async with bench() as b:
        task = b.publish("a", timeout=3)
        for _ in range(20):
            await settle()
            if b.sidecar.in_flight:
                b.sidecar.in_flight[0].end([REFUSED])
            await b.clock.advance(0.3)
        with pytest.raises(SidecarUnavailable, match=r"\(connection refused\)") as caught:
            await task
        assert caught.value.waited <= 3
        assert not isinstance(caught.value, SidecarSilent)


async def test_who_waits_behind_others_is_told_what_these_have_met() -> None:
    async with bench() as b:
        b.publish("a1", "a", timeout=60)
        await settle()
        behind_silence = b.publish("a2", "a", timeout=2)
        await b.clock.advance(2)
        with pytest.raises(SidecarSilent, match="was not sent"):
            await behind_silence
        b.sidecar.in_flight[0].end([REFUSED])
        await settle()
        behind_nobody = b.publish("a3", "a", timeout=2)
        await settle()
        await b.clock.advance(2)
        with pytest.raises(SidecarUnavailable, match="was not sent") as caught:
            await behind_nobody
        assert not isinstance(caught.value, SidecarSilent)


@pytest.mark.parametrize("failure", [BROKEN, ExchangeFailed("the time was up")])
async def test_what_may_have_arrived_is_not_sent_again(failure: ExchangeFailed) -> None:
    async with bench() as b:
        task = b.publish("a")
        await settle()
        b.sidecar.requests[0].end([failure])
        with pytest.raises(SidecarUnavailable):
            await task
        assert len(b.sidecar.requests) == 1


async def test_a_defect_in_the_client_leaves_nobody_waiting() -> None:
    async with bench() as b:
        task = b.publish("a", "k")
        await settle()
        b.sidecar.requests[0].answer.set_exception(RuntimeError("session is closed"))
        with pytest.raises(RuntimeError, match="session is closed"):
            await task
        after = b.publish("b", "k")
        await settle()
        b.sidecar.requests[1].succeed()
        await after


# Back-pressure


async def test_publishers_wait_in_order_where_there_is_no_room() -> None:
    async with bench(PublishLimits(requests=1, batch_events=2, waiting_events=2)) as b:
        written: list[str] = []

        async def publish(body: str) -> None:
            def write() -> Publication:
                written.append(body)
                return Publication("p", "t", body.encode())

            await b.connection.publish("p", "t", write, 5.0)

        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(publish(str(number)))
            await settle()
            assert written == ["0", "1", "2"], "the others are not even written yet"
            await b.serve()
        assert b.sidecar.delivered == [str(number) for number in range(8)]


async def test_nobody_slips_in_before_those_who_wait() -> None:
    async with bench(PublishLimits(requests=1, batch_events=3, waiting_events=3)) as b:
        for number in range(5):
            b.publish(str(number))
        await settle()
        assert b.sidecar.batches == [["0"]], "1 to 3 wait, and 4 waits for room"
        b.sidecar.requests[0].succeed()
        while len(b.sidecar.requests) < 2:  # noqa: ASYNC110 - turn by turn is what is meant
            await asyncio.sleep(0)
        # 4 may come in now, and has not had its turn yet; the next is ahead of it in the loop.
        newcomer = b.published("5")
        newcomer.send(None)
        await settle()
        assert [entry for batch in b.sidecar.batches for entry in batch] == ["0", "1", "2", "3"]
        b.sidecar.requests[1].succeed()
        await settle()
        assert b.sidecar.batches[2][0] == "4"
        newcomer.close()
        await b.serve()


async def test_who_is_cancelled_at_the_door_leaves_its_place_to_the_next() -> None:
    async with bench(PublishLimits(requests=1, waiting_events=1)) as b:
        for number in range(4):
            b.publish(str(number))
        await settle()
        assert b.sidecar.batches == [["0"]], "1 waits, 2 and 3 wait for room"
        b.sidecar.requests[0].succeed()
        while len(b.sidecar.requests) < 2:  # noqa: ASYNC110 - turn by turn is what is meant
            await asyncio.sleep(0)
        b.tasks[2].cancel()  # it may come in now, and has not had its turn yet
        await settle()
        b.sidecar.requests[1].succeed()
        await settle()
        assert b.sidecar.batches == [["0"], ["1"], ["3"]]
        b.sidecar.requests[2].succeed()
        await asyncio.gather(*b.tasks, return_exceptions=True)
        assert b.tasks[2].cancelled()


async def test_a_refused_batch_of_one_key_keeps_its_order() -> None:
    async with bench() as b:
        for number in range(4):
            b.publish(f"h{number}", "hot")
        await settle()
        b.sidecar.requests[0].succeed(ordered=True)
        await settle()
        b.sidecar.requests[1].end([REFUSED] * 3)
        await b.clock.advance(1)
        assert b.sidecar.batches == [["h0"], ["h1", "h2", "h3"], ["h1"]], "nor is it trusted any more"
        await b.serve()
        assert b.sidecar.delivered == ["h0", "h1", "h2", "h3"]


async def test_bytes_are_bounded_too() -> None:
    async with bench(PublishLimits(requests=1, waiting_bytes=3000)) as b:
        for _ in range(10):
            b.publish("x" * 1000)
        await settle()
        publisher = b.connection._publishers["p", "t"]
        assert publisher._queue.events == 3
        while b.sidecar.in_flight:
            b.sidecar.in_flight[0].succeed()
            await settle()
            assert publisher._queue.bytes <= 3000 + 1256
        assert len(b.sidecar.delivered) == 10


async def test_waiting_for_room_has_an_end() -> None:
    async with bench(PublishLimits(requests=1, waiting_events=1)) as b:
        b.publish("a", timeout=60)
        b.publish("b", timeout=60)
        outside = b.publish("c", timeout=1)
        cancelled = b.publish("d", timeout=60)
        last = b.publish("e", timeout=60)
        await settle()
        await b.clock.advance(1)
        with pytest.raises(SidecarUnavailable, match="was not sent"):
            await outside
        cancelled.cancel()
        while b.sidecar.in_flight:
            b.sidecar.in_flight[0].succeed()
            await settle()
        await last
        assert b.sidecar.delivered == ["a", "b", "e"]


async def test_an_event_that_cannot_be_written_takes_no_room() -> None:
    async with bench(PublishLimits(requests=1, waiting_events=1)) as b:

        def unwritable() -> Publication:
            raise ValueError("no event")

        b.publish("a")
        b.publish("b")
        bad = [asyncio.create_task(b.connection.publish("p", "t", unwritable, 5.0)) for _ in range(3)]
        last = b.publish("c")
        await b.serve()
        await last
        outcomes = await asyncio.gather(*bad, return_exceptions=True)
        assert [str(outcome) for outcome in outcomes] == ["no event"] * 3


# The end


async def test_closing_sends_what_waits() -> None:
    async with bench(PublishLimits(requests=1, waiting_events=2), closing_seconds=60) as b:
        for number in range(6):
            b.publish(str(number))
        await settle()
        sidecar = b.sidecar

        async def answer() -> None:
            while len(sidecar.delivered) < 6:
                await settle()
                if sidecar.in_flight:
                    sidecar.in_flight[0].succeed()

        answering = asyncio.create_task(answer())
        b.tasks.append(answering)
    assert sidecar.delivered == [str(number) for number in range(6)]


async def test_closing_has_a_bound_and_fails_the_rest() -> None:
    async with bench(PublishLimits(requests=1, waiting_events=1)) as b:
        tasks = [b.publish(str(number)) for number in range(4)]
        await settle()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, SidecarUnavailable) for outcome in outcomes)
    assert {getattr(outcome, "reason", "") for outcome in outcomes} == {
        "the board was disconnected before there was an answer"
    }


# The record of hops


class Chooser:
    """A recorder that keeps one event of each flight, and remembers what it was asked."""

    wants_envelopes = records_all = may_wait = False

    def __init__(self, kept: str) -> None:
        self.kept = kept
        self.asked: list[tuple[HopKind, str, str, list[str]]] = []

    def chosen(
        self, kind: HopKind, pubsub: str, topic: str, event_ids: Sequence[str], attempt: int = 0,
        outcome: str = "",
    ) -> Sequence[int]:  # fmt: skip
        self.asked.append((kind, pubsub, topic, list(event_ids)))
        return [position for position, name in enumerate(event_ids) if name == self.kept]

    def wants_data(self, event_id: str) -> bool:
        return False

    def __call__(self, hop: Hop) -> None:
        raise AssertionError("whoever publishes makes the hop")


async def test_the_record_is_asked_once_a_flight_for_what_the_broker_has() -> None:
    """What was refused is for its publisher to record: it is none that was published."""
    recorder = Chooser(kept="2")
    async with bench(recorder=recorder) as b:
        tasks = [
            asyncio.create_task(
                b.connection.publish("p", "t", partial(Publication, "p", "t", b"{}", event_id=str(number)), 5)
            )
            for number in range(4)
        ]
        await settle()
        first, second = b.sidecar.requests
        first.succeed()
        second.answer.set_result(BatchAnswer([None, None, failed("no")]))
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert outcomes[:3] == [False, False, True]
        assert isinstance(outcomes[3], PublishFailed)
    assert recorder.asked == [
        (HopKind.PUBLISHED, "p", "t", ["0"]),
        (HopKind.PUBLISHED, "p", "t", ["1", "2"]),
    ]

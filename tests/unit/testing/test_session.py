"""Sessions: what they end with, what they tell, and what they say did not happen."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import BackgroundTasks, FastAPI
from pydantic import BaseModel

from outboard import DeliveryStatus, Drop, Event, Outboard
from outboard.testing import Harness, NotHandled, NotQuiet, NotSeen, session
from outboard.testing.patience import is_debugged

pytestmark = pytest.mark.anyio


class Ordered(BaseModel):
    number: int


class Paid(BaseModel):
    number: int


class Refunded(BaseModel):
    number: int


class Shop:
    """Two services: an order is paid for by the one, and shipped by the other."""

    def __init__(self) -> None:
        self.till, self.depot = (Outboard(app_id=name, environ={}) for name in ("till", "depot"))
        self.ordered = self.till.topic("ordered", Ordered)
        self.payments = self.till.topic("payments", Paid | Refunded)
        self.shipped: list[int] = []
        self.failing: Callable[[int], None] = lambda number: None
        self.till_app, self.depot_app = (
            FastAPI(lifespan=board.lifespan) for board in (self.till, self.depot)
        )
        self.till.mount(self.till_app)
        self.depot.mount(self.depot_app)
        self.taken = self.depot.topic("payments", Paid | Refunded)

        @self.ordered.subscribe("/ordered")
        async def pay(event: Event[Ordered]) -> None:
            await self.payments.publish(Paid(number=event.data.number), key="k")

        @self.taken.subscribe("/paid")
        async def ship(event: Event[Paid | Refunded]) -> None:
            self.failing(event.data.number)
            self.shipped.append(event.data.number)

    @property
    def apps(self) -> tuple[FastAPI, FastAPI]:
        return self.till_app, self.depot_app


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def test_a_session_ends_when_the_whole_cascade_is_quiet(outboard: Harness, shop: Shop) -> None:
    async with outboard.session(*shop.apps) as s:
        for number in range(20):
            await shop.ordered.publish(Ordered(number=number))
    assert sorted(shop.shipped) == list(range(20))
    assert sorted(event.data.number for event in s.published(Paid)) == list(range(20))
    assert len(s.published(shop.ordered)) == 20
    s.none(Refunded)


async def test_it_waits_for_what_takes_real_time(outboard: Harness, shop: Shop) -> None:
    begun, over = asyncio.Event(), threading.Event()
    later: list[int] = []
    begun_loop = asyncio.get_running_loop()

    @shop.depot.topic("slow").subscribe("/slow")
    def in_a_thread(event: Event[object], background: BackgroundTasks) -> None:
        begun_loop.call_soon_threadsafe(begun.set)
        over.wait(10)
        background.add_task(later.append, 1)

    async with outboard.session(shop.depot_app) as s:
        await shop.depot.publish("slow", 1)
        await begun.wait()
        with pytest.raises(NotSeen, match=r"in_a_thread \(.*\) of depot has event"):
            await s.quiet(timeout=0.05)
        over.set()
    assert later == [1]


async def test_none_is_exact_and_says_when_it_cannot_be(outboard: Harness, shop: Shop) -> None:
    async with outboard.session(*shop.apps) as s:
        await shop.ordered.publish(Ordered(number=1))
        with pytest.raises(NotQuiet, match=r"await s\.quiet"):
            s.none(Refunded)
        await s.quiet()
        s.none(Refunded)
        with pytest.raises(AssertionError, match=r"Paid: none was to be published, and there is .*number=1"):
            s.none(Paid)


async def test_a_class_that_no_topic_has_is_no_answer(outboard: Harness, shop: Shop) -> None:
    class Elsewhere(BaseModel): ...

    async with outboard.session(*shop.apps) as s:
        with pytest.raises(
            TypeError, match="no topic of the boards in this session has data of type Elsewhere"
        ):
            s.none(Elsewhere)
        with pytest.raises(TypeError, match="a Topic, or the class of its data"):
            s.none("payments")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no topic of the boards"):
        s.published(Elsewhere)


async def test_an_exception_of_a_handler_ends_the_session(outboard: Harness, shop: Shop) -> None:
    def away(number: int) -> None:
        if number % 2:
            raise ConnectionError(f"{number}: the depot is shut")

    shop.failing = away
    with pytest.raises(ExceptionGroup) as caught:
        async with outboard.session(*shop.apps):
            for number in range(4):
                await shop.payments.publish(Paid(number=number), key=str(number))
    assert [str(error) for error in caught.value.exceptions] == [
        "1: the depot is shut",
        "3: the depot is shut",
    ]
    assert "raised by " in caught.value.exceptions[0].__notes__[0]
    assert "ship" in caught.value.exceptions[0].__notes__[0]
    assert "RETRY" in caught.value.__notes__[0]
    assert sorted(shop.shipped) == [0, 2], "and nothing is tried again when the session has ended"


async def test_what_is_handled_in_the_end_is_no_failure(outboard: Harness, shop: Shop) -> None:
    attempts: list[int] = []

    def twice(number: int) -> None:
        attempts.append(number)
        if len(attempts) < 3:
            raise ConnectionError

    shop.failing = twice
    async with outboard.session(*shop.apps) as s:
        await shop.payments.publish(Paid(number=1))
        await s.quiet()
        assert len(attempts) == 1
        await s.clock.advance(seconds=5)
        assert len(attempts) == 2
        await s.clock.advance(timedelta(seconds=5))
    assert [type(error) for error in s.exceptions] == [ConnectionError] * 2
    assert [each.outcome for each in s.deliveries(shop.payments)] == ["RETRY", "RETRY", "SUCCESS"]


@pytest.mark.parametrize("answers", ["RETRY", "plain 500"])
async def test_what_is_not_handled_without_an_exception(outboard: Harness, shop: Shop, answers: str) -> None:
    other = FastAPI()

    @shop.depot.topic("retried").subscribe("/retried")
    async def retry(event: Event[object]) -> DeliveryStatus:
        return DeliveryStatus.RETRY

    @other.get("/dapr/subscribe")
    async def subscriptions() -> list[dict[str, str]]:
        return [{"pubsubname": "pubsub", "topic": "plain", "route": "/plain"}]

    @other.post("/plain", status_code=500)
    async def plain() -> None: ...

    topic = "retried" if answers == "RETRY" else "plain"
    with pytest.raises(ExceptionGroup) as caught:
        async with outboard.serving(other, app_id="other"), outboard.session(shop.depot_app):
            await shop.depot.publish(topic, 1)
    (error,) = caught.value.exceptions
    assert isinstance(error, NotHandled)
    assert f"of '{topic}' was not handled by {'depot' if topic == 'retried' else 'other'}" in str(error)


async def test_a_dead_letter_is_an_end(outboard: Harness, shop: Shop) -> None:
    def dropped(number: int) -> None:
        raise Drop("not ours")

    shop.failing = dropped
    async with outboard.session(*shop.apps) as s:
        await shop.payments.publish(Paid(number=1))
    assert [letter.reason for letter in s.dead_letters(shop.payments)] == ["not ours"]


async def test_the_tree_tells_what_came_of_what(outboard: Harness, shop: Shop) -> None:
    async with outboard.session(*shop.apps) as s:
        await shop.ordered.publish(Ordered(number=1), id="o1")
        await shop.payments.publish(Paid(number=2), id="p2", key="x")
    (paid,) = [event.id for event in s.published(Paid) if event.id != "p2"]
    assert s.tree() == (
        "ordered: o1 from till\n"
        "  till: SUCCESS\n"
        f"    payments: {paid} from till, key k\n"
        "      depot: SUCCESS\n"
        "payments: p2 from till, key x\n"
        "  depot: SUCCESS"
    )


async def test_an_error_in_the_block_is_raised_with_the_tree_and_what_handlers_raised(
    outboard: Harness, shop: Shop
) -> None:
    def away(number: int) -> None:
        raise ConnectionError("shut")

    shop.failing = away
    with pytest.raises(ZeroDivisionError) as caught:
        async with outboard.session(*shop.apps) as s:
            await shop.payments.publish(Paid(number=1), id="p1")
            await s.quiet()
            raise ZeroDivisionError
    (note,) = caught.value.__notes__
    assert "payments: p1 from till" in note
    assert re.search(r"ship.* for event 'p1' of 'payments', attempt 1: ConnectionError: shut", note)


async def test_a_misspelled_topic_is_told_with_the_one_that_was_meant(outboard: Harness, shop: Shop) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        async with outboard.session(*shop.apps):
            await shop.till.topic("paymnts").publish(1)
            raise ZeroDivisionError
    (note,) = caught.value.__notes__
    assert "no app takes 'paymnts'" in note
    assert "Did you mean `payments`, which depot takes?" in note


async def test_only_what_happens_in_the_session_counts(outboard: Harness, shop: Shop) -> None:
    async with outboard.serving(shop.till_app, shop.till), outboard.serving(shop.depot_app, shop.depot):
        await shop.payments.publish(Paid(number=1))
        await outboard.settled()
        async with outboard.session() as s:
            s.none(Paid)
        await shop.payments.publish(Paid(number=2))
        s.none(Paid)
        async with outboard.session() as s:
            await shop.payments.publish(Paid(number=3))
            with pytest.raises(RuntimeError, match="a session of this harness runs already"):
                async with outboard.session():
                    pass
        assert [event.data.number for event in s.published(Paid)] == [3]
    assert shop.shipped == [1, 2, 3]


async def test_a_board_alone_is_connected(outboard: Harness) -> None:
    board = Outboard(app_id="script", environ={})
    numbers = board.topic("numbers", int)
    async with outboard.session(board) as s:
        await numbers.publish(1)
    assert [event.data for event in s.published(numbers)] == [1]


async def test_several_boards_of_an_app_are_served_by_hand(outboard: Harness, shop: Shop) -> None:
    shop.till.mount(shop.depot_app)
    with pytest.raises(TypeError, match=r"several boards are mounted on the app: serve it with `serving"):
        async with outboard.session(shop.depot_app):
            pass


def test_a_synchronous_session_is_quiet_whenever_it_is_asked(outboard: Harness, shop: Shop) -> None:
    with outboard.session(*shop.apps) as s:
        shop.ordered.sync.publish(Ordered(number=1), id="o1")
        s.none(Refunded)
        assert [event.data.number for event in s.published(Paid)] == [1]
        assert "ordered: o1" in s.tree()
        before = s.clock.now()
        s.clock.advance(days=1)
        assert s.clock.now() - before == timedelta(days=1)
        s.quiet()
        assert [each.outcome for each in s.deliveries(shop.ordered)] == ["SUCCESS"]
        assert s.dead_letters(shop.ordered) == []
        assert s.exceptions == []
    s.none(Refunded)
    assert shop.shipped == [1]


def test_a_synchronous_session_raises_what_handlers_raised(outboard: Harness, shop: Shop) -> None:
    def away(number: int) -> None:
        raise ConnectionError("shut")

    shop.failing = away
    with pytest.raises(ExceptionGroup) as caught, outboard.session(*shop.apps):
        shop.payments.sync.publish(Paid(number=1))
    assert isinstance(caught.value.exceptions[0], ConnectionError)


async def test_without_a_fixture(shop: Shop) -> None:
    async with session(*shop.apps) as s:
        await shop.ordered.publish(Ordered(number=1))
    assert len(s.published(Paid)) == 1


def test_without_a_fixture_and_without_an_event_loop(shop: Shop) -> None:
    with session(*shop.apps) as s:
        shop.ordered.sync.publish(Ordered(number=1))
    assert len(s.published(Paid)) == 1


async def test_a_time_that_is_none(outboard: Harness, shop: Shop) -> None:
    async with outboard.session(shop.till_app) as s:
        with pytest.raises(ValueError, match="time does not go back"):
            await s.clock.advance(days=-1)
        with pytest.raises(TypeError, match="say how much time is to pass"):
            await s.clock.advance()
        with pytest.raises(TypeError, match="a timedelta, or left out"):
            await s.clock.advance(8)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="longer than time is"):
            await s.clock.advance(days=1e12)
        with pytest.raises(TypeError, match="timeout has to be a number of seconds, 0 or more, not '5'"):
            await s.quiet(timeout="5")  # type: ignore[arg-type]


def test_the_tests_are_not_debugged() -> None:
    assert not is_debugged()

"""Each event changes a value in a state store once, and what is staged with it arrives, whatever crashes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel

from outboard import DeliveryStatus, Event, Outboard
from outboard.errors import HandlerUnsuitable, SidecarUnavailable
from outboard.inbox import InboxEntry
from outboard.kit.inbox.state.inbox import StateInbox
from outboard.kit.inbox.state.record import MAX_FAILED
from outboard.wire.http import ExchangeFailed
from support.scripted import FakeClock
from support.state_sidecar import StateSidecar

pytestmark = pytest.mark.anyio

HEADERS = {"content-type": "application/cloudevents+json"}


class Payment(BaseModel):
    account: str | None
    amount: int


class Account(BaseModel):
    balance: int = 0


class Crash(BaseException):
    """The process ends here."""


class Bank:
    """A service that adds what is paid to accounts, and publishes what then lies there."""

    def __init__(self, *, asynchronous: bool = True, **options: Any) -> None:
        self.board = Outboard(app_id="bank", environ={}, clock=FakeClock())
        self.accounts: StateInbox[Account] = self.board.state_inbox(
            Account, key=lambda event: event.data.account, **options
        )
        self.booked = self.board.topic("booked", Account)
        self.runs = 0
        self.does: Callable[[InboxEntry[Account]], object] = lambda entry: None
        self.app = FastAPI(lifespan=self.board.lifespan)
        self.board.mount(self.app)
        payments, accounts = self.board.topic("payments", Payment), self.accounts

        async def later(
            event: Event[Payment], entry: Annotated[InboxEntry[Account], Depends(accounts.entry)]
        ) -> DeliveryStatus | None:
            await asyncio.sleep(0)
            return self._book(event, entry)

        def at_once(
            event: Event[Payment], entry: Annotated[InboxEntry[Account], Depends(accounts.entry)]
        ) -> DeliveryStatus | None:
            return self._book(event, entry)

        payments.subscribe("/on")(later if asynchronous else at_once)

    def _book(self, event: Event[Payment], entry: InboxEntry[Account]) -> DeliveryStatus | None:
        self.runs += 1
        account = entry.value or Account()
        account.balance += event.data.amount
        entry.value = account
        self.booked.stage(entry, account, key=entry.key)
        told = self.does(entry)
        return told if isinstance(told, DeliveryStatus) else None

    @asynccontextmanager
    async def running(self, sidecar: StateSidecar) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app)
        async with (
            self.board.connected(exchange=sidecar),
            self.app.router.lifespan_context(self.app),
            httpx.AsyncClient(transport=transport, base_url="http://app") as client,
        ):
            yield client


@pytest.fixture
def sidecar() -> StateSidecar:
    return StateSidecar()


@pytest.fixture(params=["async", "sync"])
def bank(request: pytest.FixtureRequest) -> Bank:
    return Bank(asynchronous=request.param == "async")


async def replay(client: httpx.AsyncClient, number: int, id: str) -> str:
    return await deliver(client, number, replayed={"replayid": id, "replayto": "bank"})


async def deliver(
    client: httpx.AsyncClient, number: int, *, replayed: Mapping[str, str] | None = None, **data: Any
) -> str:
    common = {"id": f"e-{number}", "source": "shop", "specversion": "1.0", "type": "paid"}
    event = {**common, **(replayed or {}), "data": {"account": "ann", "amount": 10, **data}}
    response = await client.post("/on", content=json.dumps(event), headers=HEADERS)
    assert response.status_code == 200
    return str(response.json()["status"])


async def test_a_duplicate_is_acknowledged_without_the_handler(bank: Bank, sidecar: StateSidecar) -> None:
    async with bank.running(sidecar) as client:
        assert [await deliver(client, 1), await deliver(client, 1), await deliver(client, 2)] == [
            "SUCCESS"
        ] * 3
        assert await bank.accounts.get("ann") == Account(balance=20)
        assert await bank.accounts.get("bob") is None

    assert bank.runs == 2
    assert [event["data"] for event in sidecar.published] == [{"balance": 10}, {"balance": 20}]
    assert sidecar.published[0]["causationid"] == "e-1"
    assert sidecar.record("ann")["outgoing"] == []


@pytest.mark.parametrize("like_redis", [False, True])
async def test_deliveries_of_one_key_at_once_are_each_applied(bank: Bank, like_redis: bool) -> None:
    sidecar = StateSidecar(like_redis=like_redis)
    async with bank.running(sidecar) as client:
        found = await asyncio.gather(*(deliver(client, number % 10) for number in range(20)))

    assert found == ["SUCCESS"] * 20
    assert sidecar.record("ann")["value"] == {"balance": 100}
    assert bank.runs == 10


@pytest.mark.parametrize("like_redis", [False, True])
async def test_two_processes_apply_each_event_once(like_redis: bool) -> None:
    sidecar, banks = StateSidecar(like_redis=like_redis), [Bank(), Bank()]
    async with banks[0].running(sidecar) as one, banks[1].running(sidecar) as two:
        pairs = [
            [*await asyncio.gather(deliver(one, number), deliver(two, 100 + number % 5))]
            for number in range(10)
        ]

    assert pairs == [["SUCCESS"] * 2] * 10
    assert sidecar.record("ann")["value"] == {"balance": 150}
    assert sum(bank.runs for bank in banks) > 15  # somebody lost, and ran again
    assert {event["data"]["balance"] for event in sidecar.published} == set(range(10, 160, 10))


@pytest.mark.parametrize("like_redis", [False, True])
async def test_who_was_overtaken_runs_again_with_what_is_there(bank: Bank, like_redis: bool) -> None:
    sidecar = StateSidecar(like_redis=like_redis)

    def overtaken(entry: InboxEntry[Account]) -> None:
        if bank.runs == 1:
            sidecar.put("ann", {"format": 1, "value": {"balance": 5}, "seen": [], "outgoing": []})

    bank.does = overtaken
    async with bank.running(sidecar) as client:
        assert await deliver(client, 1) == "SUCCESS"

    assert (bank.runs, sidecar.record("ann")["value"]) == (2, {"balance": 15})
    assert [event["data"] for event in sidecar.published] == [{"balance": 15}]  # what lost was not published


async def test_who_is_always_overtaken_is_delivered_again(
    bank: Bank, sidecar: StateSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    bank.does = lambda entry: sidecar.put(
        "ann", {"format": 1, "value": {"balance": bank.runs}, "seen": [], "outgoing": []}
    )
    async with bank.running(sidecar) as client:
        assert await deliver(client, 1) == "RETRY"

    assert (bank.runs, sidecar.saves, sidecar.published) == (5, 0, [])
    assert "EtagMismatch was raised" in caplog.text


async def test_the_event_applied_by_another_process_meanwhile_is_not_applied_again(
    bank: Bank, sidecar: StateSidecar
) -> None:
    other = Bank()

    async def overtake(asked: str) -> None:
        if asked == "POST" and not other.runs:
            async with other.running(sidecar) as client:
                other.runs = 100
                assert await deliver(client, 1) == "SUCCESS"

    sidecar.before = overtake
    async with bank.running(sidecar) as client:
        assert await deliver(client, 1) == "SUCCESS"

    assert sidecar.record("ann")["value"] == {"balance": 10}


@pytest.mark.parametrize("crash_after", ["POST", "publish"])
async def test_a_crash_behind_the_save_loses_no_event(sidecar: StateSidecar, crash_after: str) -> None:
    reached = list[str]()

    async def crash(asked: str) -> None:
        if reached[-1:] == [crash_after]:
            raise Crash
        reached.append(asked)

    sidecar.before = crash
    async with Bank().running(sidecar) as client:
        with pytest.raises(Crash):
            await deliver(client, 1)
    assert len(sidecar.record("ann")["outgoing"]) == 1

    sidecar.before = None
    restarted = Bank()
    async with restarted.running(sidecar) as client:
        assert [await deliver(client, 1), await deliver(client, 1)] == ["SUCCESS"] * 2

    assert (restarted.runs, sidecar.record("ann")["value"]) == (0, {"balance": 10})
    assert len(sidecar.published) == (1 if crash_after == "POST" else 2)
    assert all(event == sidecar.published[0] for event in sidecar.published)  # the same id, the same bytes
    assert sidecar.record("ann")["outgoing"] == []


async def test_another_event_of_the_key_publishes_what_a_crash_has_left(sidecar: StateSidecar) -> None:
    async def crash(asked: str) -> None:
        if sidecar.saves:
            raise Crash

    sidecar.before = crash
    async with Bank().running(sidecar) as client:
        with pytest.raises(Crash):
            await deliver(client, 1)
    sidecar.before = None
    async with Bank().running(sidecar) as client:
        assert await deliver(client, 2) == "SUCCESS"

    assert [event["data"]["balance"] for event in sidecar.published] == [10, 20]


async def test_what_fails_changes_nothing(bank: Bank, sidecar: StateSidecar) -> None:
    def fail(entry: InboxEntry[Account]) -> None:
        raise ValueError("no")

    async with bank.running(sidecar) as client:
        bank.does = fail
        assert await deliver(client, 1) == "RETRY"
        bank.does = lambda entry: DeliveryStatus.RETRY
        assert await deliver(client, 1) == "RETRY"
        bank.does = lambda entry: DeliveryStatus.DROP
        assert await deliver(client, 2) == "SUCCESS"
        assert sidecar.values == {}
        bank.does = lambda entry: None
        assert await deliver(client, 1) == "SUCCESS"

    assert sidecar.record("ann")["value"] == {"balance": 10}
    dead, booked = sidecar.published
    assert (dead["id"], booked["data"]) == ("e-2", {"balance": 10})


def failing(entry: InboxEntry[Account]) -> None:
    raise OSError("away")


async def test_after_the_last_attempt_it_is_a_dead_letter(sidecar: StateSidecar) -> None:
    banks = [Bank(max_attempts=3), Bank(max_attempts=3)]  # as after a restart: the count is in the record
    for bank, told in zip(banks, (["RETRY", "RETRY"], ["SUCCESS"]), strict=True):
        bank.does = failing
        async with bank.running(sidecar) as client:
            assert [await deliver(client, 1) for _ in told] == told
    (letter,) = sidecar.published
    assert letter["deadletterreason"] == "OSError was raised: away, at attempt 3, the last of 3"
    assert (letter["deadletterattempts"], letter["deadlettererror"]) == (3, "OSError")
    assert sidecar.record("ann")["value"] is None

    banks[1].does = lambda entry: None
    async with banks[1].running(sidecar) as client:
        assert await deliver(client, 1) == "SUCCESS"  # as a replay does
    assert sidecar.record("ann")["value"] == {"balance": 10}
    assert sidecar.record("ann")["failed"] == []


async def test_a_dead_letter_that_cannot_be_published_is_tried_again_at_the_next_failure(
    sidecar: StateSidecar,
) -> None:
    bank = Bank(max_attempts=1)
    bank.does = failing

    async def refuse(asked: str) -> None:
        if asked == "publish" and bank.runs == 1:
            raise ExchangeFailed("no connection", sent=False)

    sidecar.before = refuse
    async with bank.running(sidecar) as client:
        assert [await deliver(client, 1), await deliver(client, 1)] == ["RETRY", "SUCCESS"]
    assert [letter["deadletterattempts"] for letter in sidecar.published] == [2]


async def test_a_replay_has_attempts_of_its_own_and_is_applied_once(sidecar: StateSidecar) -> None:
    bank = Bank(max_attempts=2)
    bank.does = failing
    async with bank.running(sidecar) as client:
        assert [await deliver(client, 1) for _ in range(2)] == ["RETRY", "SUCCESS"]
        told = [await replay(client, 1, "r1") for _ in range(2)]
        assert told == ["RETRY", "SUCCESS"]
        bank.does = lambda entry: None
        assert [await replay(client, 1, each) for each in ("r2", "r2", "r3")] == ["SUCCESS"] * 3
    assert sidecar.record("ann")["value"] == {"balance": 10}
    assert [event["deadletterattempts"] for event in sidecar.published[:2]] == [2, 2]


async def test_what_returns_retry_counts_and_what_is_away_does_not(sidecar: StateSidecar) -> None:
    def unavailable(entry: InboxEntry[Account]) -> None:
        raise SidecarUnavailable(address="x", waited=1.0, reason="refused", operation="publishing")

    bank = Bank(max_attempts=1)
    async with bank.running(sidecar) as client:
        bank.does = unavailable
        assert [await deliver(client, 1) for _ in range(3)] == ["RETRY"] * 3
        assert sidecar.published == []
        bank.does = lambda entry: DeliveryStatus.RETRY
        assert await deliver(client, 1) == "SUCCESS"
    (letter,) = sidecar.published
    assert letter["deadletterreason"] == "the handler returned RETRY, at attempt 1, the last of 1"


@pytest.mark.parametrize("like_redis", [False, True])
async def test_attempts_are_counted_though_others_change_the_record(like_redis: bool) -> None:
    sidecar, changed = StateSidecar(like_redis=like_redis), list[str]()

    async def overtake(asked: str) -> None:
        if asked == "POST" and not changed:
            changed.append("ann")
            sidecar.put("ann", {"format": 1, "value": {"balance": 5}, "seen": [], "outgoing": []})

    sidecar.before = overtake
    bank = Bank(max_attempts=2)
    bank.does = failing
    async with bank.running(sidecar) as client:
        assert [await deliver(client, 1), await deliver(client, 1)] == ["RETRY", "SUCCESS"]
    assert changed and sidecar.record("ann")["value"] == {"balance": 5}
    assert [event["deadletterattempts"] for event in sidecar.published] == [2]


async def test_an_attempt_that_cannot_be_counted_is_said_and_comes_again(
    sidecar: StateSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    bank = Bank(max_attempts=1)
    bank.does = failing

    async def overtake(asked: str) -> None:
        if asked == "POST":
            sidecar.put("ann", {"format": 1, "value": {"balance": 5}, "seen": [], "outgoing": []})

    sidecar.before = overtake
    async with bank.running(sidecar) as client:
        assert await deliver(client, 1) == "RETRY"
    assert "an attempt could not be counted" in caplog.text


async def test_attempts_of_so_many_events_are_kept(sidecar: StateSidecar) -> None:
    bank = Bank(max_attempts=2)
    bank.does = failing
    async with bank.running(sidecar) as client:
        for number in range(MAX_FAILED + 1):
            assert await deliver(client, number) == "RETRY"
        assert len(sidecar.record("ann")["failed"]) == MAX_FAILED
        assert await deliver(client, 0) == "RETRY", "it is counted anew"
        assert await deliver(client, MAX_FAILED) == "SUCCESS"


async def test_so_many_events_are_remembered(sidecar: StateSidecar) -> None:
    bank = Bank(remember=3)
    async with bank.running(sidecar) as client:
        for number in range(4):
            await deliver(client, number)
        assert bank.runs == 4
        await deliver(client, 1)
        assert bank.runs == 4
        await deliver(client, 0)

    assert bank.runs == 5
    (seen,) = sidecar.record("ann")["seen"]
    assert (seen["consumer"], len(seen["ids"])) == ("bank/on", 3)


@pytest.mark.parametrize("account", [None, "", "a||b"])
async def test_an_event_without_a_key_is_a_dead_letter(
    bank: Bank, sidecar: StateSidecar, account: str | None
) -> None:
    async with bank.running(sidecar) as client:
        assert await deliver(client, 1, account=account) == "SUCCESS"

    (dead,) = sidecar.published
    assert "it has no key for the state inbox in 'statestore': state key" in dead["deadletterreason"]
    assert (bank.runs, sidecar.values) == (0, {})


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"balance": 3}, "it is no record of a state inbox, but something else has written it"),
        (7, "it is no record of a state inbox"),
        (
            {"format": 2, "value": 1, "seen": [], "outgoing": []},
            "it has format 2, and this version of Outboard",
        ),
        ({"format": 1, "value": {"balance": "x"}, "seen": [], "outgoing": []}, "value.value.balance: "),
    ],
)
async def test_what_is_no_record_is_left_alone(
    bank: Bank, sidecar: StateSidecar, caplog: pytest.LogCaptureFixture, there: object, said: str
) -> None:
    sidecar.put("ann", there)
    async with bank.running(sidecar) as client:
        assert await deliver(client, 1) == "RETRY"

    assert "the value of key 'ann' in state store 'statestore'" in caplog.text
    assert said in caplog.text
    assert (bank.runs, sidecar.record("ann")) == (0, there)


async def test_a_value_that_is_not_of_the_model_is_not_saved(
    bank: Bank, sidecar: StateSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    bank.does = lambda entry: setattr(entry, "value", "all of it")
    async with bank.running(sidecar) as client:
        assert await deliver(client, 1) == "RETRY"

    assert "is not what the store was declared with (StateRecord[Account]): value.value: " in caplog.text
    assert (sidecar.values, sidecar.published) == ({}, [])


async def test_a_record_has_a_bound(sidecar: StateSidecar, caplog: pytest.LogCaptureFixture) -> None:
    async with Bank(max_bytes=200).running(sidecar) as client:
        assert await deliver(client, 1) == "RETRY"

    assert "bytes, more than `max_bytes` (200)" in caplog.text
    assert (sidecar.values, sidecar.published) == ({}, [])


async def test_a_store_without_etags_is_refused(bank: Bank, caplog: pytest.LogCaptureFixture) -> None:
    sidecar = StateSidecar(etags=False)
    sidecar.put("ann", {"format": 1, "value": {"balance": 5}, "seen": [], "outgoing": []})
    async with bank.running(sidecar) as client:
        assert await deliver(client, 1) == "RETRY"

    assert "state store 'statestore' gave no ETag for key 'ann'" in caplog.text
    assert bank.runs == 0


async def test_a_handler_of_batches_is_refused(bank: Bank) -> None:
    accounts = bank.accounts
    with pytest.raises(HandlerUnsuitable, match=r"has a dependency on StateInbox\.entry\. It takes a batch"):

        @bank.board.topic("many", Payment).subscribe_batch("/many")
        def many(
            events: Sequence[Event[Payment]], entry: Annotated[InboxEntry[Account], Depends(accounts.entry)]
        ) -> None: ...


async def test_two_inboxes_in_one_handler_are_refused(
    bank: Bank, sidecar: StateSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = bank.accounts, bank.board.state_inbox(Account, key=lambda event: "other")

    @bank.board.topic("both", Payment).subscribe("/both")
    def both(
        event: Event[Payment],
        first: Annotated[InboxEntry[Account], Depends(one.entry)],
        second: Annotated[InboxEntry[Account], Depends(two.entry)],
    ) -> None: ...

    event = {
        "id": "1",
        "source": "s",
        "specversion": "1.0",
        "type": "t",
        "data": {"account": "a", "amount": 1},
    }
    async with bank.running(sidecar) as client:
        answer = await client.post("/both", content=json.dumps(event), headers=HEADERS)

    assert answer.json() == {"status": "RETRY"}
    assert "one may be committed, and the other not. Take one" in caplog.text


async def test_an_entry_is_closed_when_its_handler_has_ended(sidecar: StateSidecar) -> None:
    bank, kept, said = Bank(), list[InboxEntry[Account]](), list[str]()
    bank.does = kept.append
    async with bank.running(sidecar) as client:
        await deliver(client, 1)
    for late in (lambda: setattr(kept[0], "value", None), lambda: bank.booked.stage(kept[0], Account())):
        with pytest.raises(RuntimeError, match="after its handler had ended") as caught:
            late()
        said.append(str(caught.value))
    assert len(said) == 2


def test_times_and_dedupe_keys_are_the_outboxs() -> None:
    booked, entry = Bank().booked, InboxEntry[Account]("ann", None)
    with pytest.raises(ValueError, match="are for the session of a database"):
        booked.stage(entry, Account(), after=timedelta(1))
    with pytest.raises(ValueError, match="are for the session of a database"):
        booked.stage(entry, Account(), dedupe_key="x")


def test_arguments_are_checked() -> None:
    board = Outboard(environ={})
    with pytest.raises(TypeError, match="key"):
        board.state_inbox(Account, key="account")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="remember"):
        board.state_inbox(Account, key=lambda event: "a", remember=0)
    with pytest.raises(TypeError, match="max_bytes"):
        board.state_inbox(Account, key=lambda event: "a", max_bytes=0)
    with pytest.raises(TypeError, match="max_attempts"):
        board.state_inbox(Account, key=lambda event: "a", max_attempts=0)

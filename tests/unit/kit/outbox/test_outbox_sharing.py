"""How relays that live share the partitions: who joins gets some, who leaves gives them back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.host.processes import process_identity
from outboard.kit.outbox.lease import new_token
from outboard.kit.outbox.partitions import LEASE_SECONDS, PARTITIONS, share_of, surplus_of
from outboard.kit.outbox.port import Share
from outboard.kit.outbox.relay import Relay
from support.outbox import OutboxBench, running, until

pytestmark = pytest.mark.anyio

GONE = replace(process_identity(), process=2**22 + 1)
NUMBERS = st.sets(st.integers(0, PARTITIONS - 1))


@given(st.sets(st.text(min_size=1, max_size=3), min_size=1, max_size=40))
def test_all_shares_together_are_all_partitions(members: set[str]) -> None:
    shares = [share_of(member, members) for member in members]
    assert sum(shares) == PARTITIONS
    assert max(shares) - min(shares) <= 1


@given(NUMBERS, NUMBERS, st.integers(0, PARTITIONS))
def test_what_is_given_up_is_no_more_than_has_to_be_and_idle_first(
    partitions: set[int], busy: set[int], size: int
) -> None:
    surplus = surplus_of(partitions, size, busy)
    assert surplus <= partitions
    assert len(partitions - surplus) == min(size, len(partitions))
    assert not surplus & busy or not (partitions - surplus) - busy


def keys(bench: OutboxBench, count: int = 40) -> list[str]:
    """An event each of so many keys, in one transaction each."""
    made = [f"k{number}" for number in range(count)]
    for key in made:
        bench.commit(key, key=key)
    return made


async def turns(bench: OutboxBench, *relays: Relay, rounds: int = 3) -> None:
    """So many polls of each, in turn."""
    for _ in range(rounds):
        for relay in relays:
            await relay.step()
            await bench.settle_down()
        bench.clock.advance(1.0)


async def test_who_joins_has_its_share_within_seconds_and_who_leaves_gives_it_back(
    bench: OutboxBench,
) -> None:
    first, second, third = (bench.relay(name) for name in ("a", "b", "c"))
    await turns(bench, first)
    assert await bench.store.leases() == {"a": 16}
    await turns(bench, first, second)
    assert await bench.store.leases() == {"a": 8, "b": 8}
    await turns(bench, first, second, third)
    assert await bench.store.leases() == {"a": 6, "b": 5, "c": 5}
    await bench.store.release("a")
    await turns(bench, second, third)
    assert await bench.store.leases() == {"b": 8, "c": 8}


async def test_more_relays_than_partitions_stand_by(bench: OutboxBench) -> None:
    relays = [bench.relay(f"r{number:02}") for number in range(18)]
    await turns(bench, *relays)
    assert sorted((await bench.store.leases()).values()) == [0, 0] + [1] * 16
    await bench.store.release("r00")
    await turns(bench, *relays[1:])
    assert sorted((await bench.store.leases()).values()) == [0] + [1] * 16


async def test_what_is_under_way_is_ended_first_so_that_nothing_comes_twice(bench: OutboxBench) -> None:
    named = keys(bench)
    first, second = bench.relay("a"), bench.relay("b")
    bench.broker.gate.clear()
    await first.step()
    await bench.settle_down()
    assert bench.broker.asked == len(named)
    await turns(bench, first, second)
    assert (await bench.store.leases())["a"] == 16, "an event of each partition is under way"
    assert await bench.store.share("b", LEASE_SECONDS) == Share(8, 0)
    bench.broker.gate.set()
    await turns(bench, first, second)
    assert await bench.store.leases() == {"a": 8, "b": 8}
    assert sorted(key for key, _ in bench.broker.published) == sorted(named), "each of them once"


async def test_both_publish_what_is_theirs_and_no_event_twice(bench: OutboxBench) -> None:
    first, second = bench.relay("a"), bench.relay("b")
    await turns(bench, first, second)
    before = bench.broker.asked
    named = keys(bench)
    await bench.work(first)
    alone = bench.broker.asked - before
    assert 0 < alone < len(named)
    await bench.work(second)
    assert bench.broker.asked - before == len(named)
    assert bench.count() == 0


async def test_a_process_that_is_gone_counts_no_more_at_the_next_poll(bench: OutboxBench) -> None:
    here, gone = new_token(), new_token(GONE)
    alive = bench.relay(here)
    await bench.store.claim(gone, LEASE_SECONDS)
    await turns(bench, alive, rounds=1)
    assert await bench.store.leases() == {here: 16}


async def test_a_host_that_is_gone_counts_until_its_lease_is_over(bench: OutboxBench) -> None:
    alive, elsewhere = bench.relay("a"), bench.relay("on another host")
    await turns(bench, alive, elsewhere)
    await turns(bench, alive, rounds=20)
    assert (await bench.store.leases())["a"] == 8
    await turns(bench, alive, rounds=15)
    assert await bench.store.leases() == {"a": 16}


async def test_a_relay_that_stops_for_longer_than_its_lease_has_nothing_to_give_up(
    bench: OutboxBench,
) -> None:
    first, second = bench.relay("a"), bench.relay("b")
    await turns(bench, first, second)
    await turns(bench, second, rounds=40)
    assert await bench.store.leases() == {"b": 16}
    await turns(bench, first, second)
    assert await bench.store.leases() == {"a": 8, "b": 8}
    named = keys(bench)
    await turns(bench, first, second)
    assert sorted(key for key, _ in bench.broker.published) == sorted(named)


async def test_a_relay_that_ends_is_known_no_more(bench: OutboxBench) -> None:
    bench.commit(1)
    async with running(bench.relay("a")):
        await until(lambda: bench.broker.of("") == [1])
        assert await bench.store.leases() == {"a": 16}
    assert await bench.store.leases() == {}

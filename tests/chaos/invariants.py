"""The thirteen invariants, decided over what a run left behind. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from chaos.evidence import Committed, Evidence, OnBroker

__all__ = ["GROWTH_BYTES", "GROWTH_DESCRIPTORS", "Counts", "Verdict", "counts", "verdicts"]

GROWTH_BYTES: Final = 64 * 2**20
GROWTH_DESCRIPTORS: Final = 64
"""What a process may grow by and still be called flat: pools fill, and allocators keep what they had."""
SHOWN: Final = 5

Found: TypeAlias = tuple[str, list[str]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One invariant: what it promises, the counts, and what speaks against it."""

    number: int
    promise: str
    figures: str
    problems: Sequence[str]

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.problems


class Counts(NamedTuple):
    """What is summed up over several runs."""

    faults: int
    committed: int
    records: int
    applied: int
    dead: int
    lost: int
    applied_twice: int
    inversions: int


def counts(evidence: Evidence) -> Counts:
    """Of one run. `applied` are ids, with what was applied by a replay."""
    committed = {row.event_id for row in evidence.committed}
    dead = {record.event_id for record in evidence.dead}
    times = Counter(row.event_id for row in (*evidence.applied, *evidence.replayed))
    places = {row.event_id: row.place for row in evidence.committed}
    rows = sorted(evidence.applied, key=lambda row: row.place)
    inverted = _inversions(_first_occurrences(evidence.orders), places)
    inverted += _inversions(((row.key, row.event_id) for row in rows), places)
    return Counts(
        evidence.faults,
        len(committed),
        len(evidence.orders),
        len(times),
        len(dead),
        len(committed - set(times) - dead),
        sum(count > 1 for count in times.values()),
        len(inverted),
    )


def verdicts(evidence: Evidence) -> list[Verdict]:
    """All thirteen, in order."""
    return [
        Verdict(number, promise, *check(evidence)) for number, (promise, check) in enumerate(INVARIANTS, 1)
    ]


def _nothing_is_lost(evidence: Evidence) -> Found:
    committed = {row.event_id for row in evidence.committed}
    there = {record.event_id for record in evidence.orders}
    applied = {row.event_id for row in evidence.applied}
    dead = {record.event_id for record in evidence.dead}
    lost, unhandled = committed - there, there - applied - dead
    figures = (
        f"committed {len(committed):,}; on the broker {len(evidence.orders):,} records of {len(there):,} ids"
        f"; applied {len(applied):,}; dead {len(dead):,}; lost {len(committed - applied - dead):,}"
    )
    problems = _each("committed, and not on the broker: {}", lost)
    return figures, problems + _each("on the broker, and neither applied nor dead: {}", unhandled)


def _nothing_is_invented(evidence: Evidence) -> Found:
    committed = {row.event_id for row in evidence.committed}
    rolled_back = evidence.attempted - committed
    wire = {record.event_id for record in (*evidence.orders, *evidence.dead)}
    figures = f"rolled back {len(rolled_back):,}; of those on the wire {len(wire & rolled_back):,}"
    problems = _each("rolled back, and on the wire: {}", wire & rolled_back)
    return figures, problems + _each("on the wire, and staged by nobody: {}", wire - evidence.attempted)


def _each_is_applied_once(evidence: Evidence) -> Found:
    rows = [*evidence.applied, *evidence.replayed]
    times = Counter(row.event_id for row in rows)
    twice = {event_id for event_id, count in times.items() if count > 1}
    amounts = {row.event_id: row for row in evidence.committed}
    wanted: Counter[str] = Counter()
    for event_id in times:
        if event_id in amounts:
            wanted[amounts[event_id].key] += amounts[event_id].amount
    wrong = {key for key in {*wanted, *evidence.balances} if wanted[key] != evidence.balances.get(key, 0)}
    altered = {row.event_id for row in rows if _amount_differs(row.amount, amounts.get(row.event_id))}
    figures = (
        f"applied {len(rows):,} times; twice {len(twice):,}; the ledger's sum is "
        f"{sum(evidence.balances.values()):,} of {sum(wanted.values()):,}"
    )
    problems = _each("applied more than once: {}", twice) + _each("the sum of key {} is not exact", wrong)
    return figures, problems + _each("applied with another amount, or never committed: {}", altered)


def _amount_differs(amount: int, committed: Committed | None) -> bool:
    return committed is None or committed.amount != amount


def _order_is_kept(evidence: Evidence) -> Found:
    places = {row.event_id: row.place for row in evidence.committed}
    on_broker = _inversions(_first_occurrences(evidence.orders), places)
    rows = sorted(evidence.applied, key=lambda row: row.place)
    applied = _inversions(((row.key, row.event_id) for row in rows), places)
    keys = {row.key for row in evidence.committed}
    figures = f"{len(keys):,} keys; inversions on the broker {len(on_broker)}, as applied {len(applied)}"
    problems = _each("on the broker before what was committed before it: {}", on_broker)
    return figures, problems + _each("applied before what was committed before it: {}", applied)


def _first_occurrences(records: Iterable[OnBroker]) -> list[tuple[str, str]]:
    """(key, id) in the order of offsets, which is that of each partition; without what was replayed."""
    first = [record for record in records if not record.replay]
    return [(record.key, record.event_id) for record in sorted(first, key=lambda record: record.offset)]


def _inversions(found: Iterable[tuple[str, str]], places: Mapping[str, int]) -> list[str]:
    """The ids that come for the first time behind one of their key that was committed later."""
    last: dict[str, int] = {}
    seen: set[str] = set()
    inverted = []
    for key, event_id in found:
        if event_id in seen or event_id not in places:
            continue
        seen.add(event_id)
        if places[event_id] < last.get(key, -1):
            inverted.append(event_id)
        last[key] = max(places[event_id], last.get(key, -1))
    return inverted


def _one_partition_per_key(evidence: Evidence) -> Found:
    partitions: defaultdict[str, set[int]] = defaultdict(set)
    for record in evidence.orders:
        partitions[record.key].add(record.partition)
    split = {key for key, found in partitions.items() if len(found) > 1}
    used = {partition for found in partitions.values() for partition in found}
    figures = f"{len(partitions):,} keys in {len(used)} partitions; in more than one {len(split)}"
    return figures, _each("key {} is in more than one partition", split)


def _payloads_are_unchanged(evidence: Evidence) -> Found:
    payloads = {row.event_id: row.payload for row in evidence.committed}
    seen = [(record.event_id, record.payload) for record in (*evidence.orders, *evidence.dead)]
    seen += [(row.event_id, row.payload) for row in (*evidence.applied, *evidence.replayed)]
    changed = {event_id for event_id, payload in seen if payloads.get(event_id, payload) != payload}
    figures = f"{len(seen):,} hashes compared; changed {len(changed):,}"
    return figures, _each("the payload is another one: {}", changed)


def _the_dead_are_the_poison(evidence: Evidence) -> Found:
    poison = {row.event_id for row in evidence.committed if row.poison}
    dead = {record.event_id for record in evidence.dead}
    times = Counter(row.event_id for row in evidence.replayed)
    letters = Counter(evidence.letters)
    figures = (
        f"poison {len(poison):,}; dead {len(dead):,}; collected {len(letters):,}; "
        f"replayed and applied {len(times):,}"
    )
    problems = _each("poison, and no dead letter: {}", poison - dead)
    problems += _each("a dead letter, and no poison: {}", dead - poison)
    problems += _each("a dead letter that was not collected once: {}", poison ^ set(letters))
    problems += _each("collected more than once: {}", {each for each in letters if letters[each] > 1})
    problems += _each("not applied once by its replay: {}", {each for each in poison if times[each] != 1})
    return figures, problems + _each("applied by a replay, and no poison: {}", set(times) - poison)


def _the_outbox_is_empty(evidence: Evidence) -> Found:
    figures = (
        f"waiting {evidence.waiting:,}; parked {evidence.parked:,}; orphan leases {evidence.orphan_leases}"
    )
    problems = [f"{evidence.waiting:,} events wait in the outbox"] if evidence.waiting else []
    problems += [f"{evidence.parked:,} events are parked"] if evidence.parked else []
    problems += [f"{evidence.orphan_leases} leases are left of nobody"] if evidence.orphan_leases else []
    return figures, problems


def _it_drains(evidence: Evidence) -> Found:
    if evidence.drained_after is None:
        return f"bound {evidence.drain_bound:.0f} s", ["it never drained"]
    figures = f"{evidence.drained_after:.1f} s after the last fault, of {evidence.drain_bound:.0f} s"
    return figures, ["it took longer than that"] if evidence.drained_after > evidence.drain_bound else []


def _duplicates_are_bounded(evidence: Evidence) -> Found:
    duplicates = sum(_duplicates(evidence.orders).values())
    figures = f"{duplicates:,} duplicates after {evidence.faults:,} faults; bound {evidence.in_flight:,}"
    return figures, [f"{duplicates:,} duplicates"] if duplicates > evidence.in_flight else []


def _duplicates(records: Iterable[OnBroker]) -> Counter[str]:
    """By id, how often it lies on the broker beside the first time; what was replayed is none."""
    times = Counter(record.event_id for record in records if not record.replay)
    return Counter({event_id: count - 1 for event_id, count in times.items() if count > 1})


def _stopping_is_graceful(evidence: Evidence) -> Found:
    doubled = evidence.rolled & set(_duplicates(evidence.orders))
    poison = {row.event_id for row in evidence.committed if row.poison}
    dead = {record.event_id for record in evidence.dead} & evidence.rolled - poison
    late = [each for each in evidence.stopped if each.seconds > evidence.stop_bound]
    slowest = max((each.seconds for each in evidence.stopped), default=0.0)
    figures = (
        f"{len(evidence.stopped)} programs stopped, {len(evidence.rolled):,} events meanwhile: duplicates "
        f"{len(doubled)}, dead {len(dead)}; the slowest took {slowest:.1f} s of {evidence.stop_bound:.0f} s"
    )
    problems = _each("on the broker more than once: {}", doubled) + _each("a dead letter: {}", dead)
    return figures, problems + _each("took {}", {f"{each.seconds:.1f} s: {each.name}" for each in late})


def _memory_is_flat(evidence: Evidence) -> Found:
    most = max((each.bytes for each in evidence.growths), default=0)
    longest = max((each.seconds for each in evidence.growths), default=0.0)
    descriptors = max((each.descriptors for each in evidence.growths), default=0)
    grown = [
        f"{each.name}: {each.bytes / 2**20:.1f} MiB, {each.descriptors} descriptors in {each.seconds:.0f} s"
        for each in evidence.growths
        if each.bytes > GROWTH_BYTES or each.descriptors > GROWTH_DESCRIPTORS
    ]
    figures = (
        f"{len(evidence.growths)} processes, the longest for {longest:.0f} s; the most: "
        f"{most / 2**20:.1f} MiB, {descriptors} descriptors"
    )
    nothing = [] if evidence.growths else ["no process lived long enough to be measured"]
    return figures, nothing + grown


def _logs_hold_no_secrets(evidence: Evidence) -> Found:
    figures = f"{evidence.logs:,} lines of logs; with a secret {len(evidence.leaks):,}"
    return figures, _each("{}", set(evidence.leaks))


def _each(sentence: str, found: Iterable[str]) -> list[str]:
    """One problem for the first few of them, and one that counts the rest."""
    named = sorted(found)
    problems = [sentence.format(each) for each in named[:SHOWN]]
    if len(named) > SHOWN:
        problems.append(sentence.format(f"and {len(named) - SHOWN:,} more"))
    return problems


INVARIANTS: Final[Sequence[tuple[str, Callable[[Evidence], Found]]]] = (
    ("what is committed is on the broker, and what is there is applied or dead", _nothing_is_lost),
    ("nothing of a transaction that was rolled back is on the wire", _nothing_is_invented),
    ("each event is applied once, and the ledger's sum is exact", _each_is_applied_once),
    ("first occurrences and applications of a key are in the order of commits", _order_is_kept),
    ("a key has one partition", _one_partition_per_key),
    ("payloads are unchanged", _payloads_are_unchanged),
    ("the dead letters are the poison, and a replay applies each once", _the_dead_are_the_poison),
    ("the outbox is empty at the end, and no lease is left of nobody", _the_outbox_is_empty),
    ("it drains soon after the last fault", _it_drains),
    ("duplicates on the wire are no more than faults times what is in flight", _duplicates_are_bounded),
    ("asked to stop, programs end soon, without a duplicate or a dead letter", _stopping_is_graceful),
    ("memory and file descriptors are flat", _memory_is_flat),
    ("no token and no connection string is in a log", _logs_hold_no_secrets),
)

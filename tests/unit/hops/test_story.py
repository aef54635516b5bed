"""The story of an event: told the same whatever the clocks of those who saw it said."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from outboard.hops.conversation import causes, consequences, conversation
from outboard.hops.record import FAILED, EventIdentity, Hop, HopKind
from outboard.hops.story import EventStory, Passage, stories

K = HopKind
TASK = EventIdentity("e1", "backend", "7", "", "c1", "")
BILL = EventIdentity("e2", "billing", "7", "", "c1", "e1")
MAIL = EventIdentity("e3", "mail", "7", "", "c1", "e2")


def hop(
    kind: HopKind, app: str, part: str, topic: str, event: EventIdentity = TASK, outcome: str = "",
    attempt: int = 0, at: float = 0.0, offset: str = "", instance: str = "", detail: str = "",
) -> Hop:  # fmt: skip
    return Hop(
        kind, at, app, "p", topic, event, attempt, outcome, detail, None, "0" if offset else "", offset,
        b"", "", part, instance or f"{app}-{part}",
    )  # fmt: skip


def told(story: EventStory) -> list[str]:
    return [line(step.hop, passage) for passage in story.passages for step in passage.steps]


def line(hop: Hop, passage: Passage) -> str:
    return f"{hop.app_id} {hop.kind} {passage.topic} {hop.outcome} {hop.attempt or ''}".strip()


def well(event: EventIdentity, publisher: str, topic: str, taker: str) -> list[list[Hop]]:
    """The hops of an event that goes well, of each of the four processes that see it."""
    return [
        [hop(K.PUBLISHED, publisher, "kit", topic, event)],
        [hop(K.STORED, publisher, "sidecar", topic, event)],
        [hop(K.DELIVERED, taker, "sidecar", topic, event, "SUCCESS", 1)],
        [hop(K.HANDLED, taker, "kit", topic, event, "SUCCESS", 1)],
    ]


def chain() -> list[list[Hop]]:
    """Three apps: the second one fails, dead-letters, is given the replay, and publishes to the third."""
    return [
        [hop(K.STAGED, "backend", "kit", "tasks"), hop(K.RELAYED, "backend", "kit", "tasks")],
        [hop(K.STORED, "backend", "sidecar", "tasks")],
        [
            hop(K.DELIVERED, "billing", "sidecar", "tasks", TASK, "RETRY", 1),
            hop(K.RETRIED, "billing", "sidecar", "tasks", TASK, attempt=1),
            hop(K.STORED, "billing", "sidecar", "tasks-dead"),
            hop(K.DELIVERED, "billing", "sidecar", "tasks", TASK, "SUCCESS", 2),
            hop(K.STORED, "billing", "sidecar", "bills", BILL),
            hop(K.DELIVERED, "billing", "sidecar", "tasks", TASK, "SUCCESS", 1),
        ],
        [
            hop(K.HANDLED, "billing", "kit", "tasks", TASK, "RETRY", 1),
            hop(K.HANDLED, "billing", "kit", "tasks", TASK, "SUCCESS", 2),
            hop(K.DEAD_LETTERED, "billing", "kit", "tasks-dead"),
            hop(K.PUBLISHED, "billing", "kit", "bills", BILL),
            hop(K.HANDLED, "billing", "kit", "tasks", TASK, "SUCCESS", 1),
        ],
        [hop(K.REPLAYED, "operator", "kit", "tasks")],
        [hop(K.STORED, "operator", "sidecar", "tasks")],
        [hop(K.DELIVERED, "mail", "sidecar", "bills", BILL, "SUCCESS", 1)],
        [hop(K.HANDLED, "mail", "kit", "bills", BILL, "SUCCESS", 1)],
    ]


def merged(processes: Sequence[Sequence[Hop]]) -> list[Hop]:
    return [each for hops in processes for each in hops]


def test_what_kit_and_sidecar_both_say_is_one_step() -> None:
    (story,) = stories(merged(well(TASK, "backend", "tasks", "billing")))
    assert told(story) == ["backend published tasks", "billing handled tasks SUCCESS 1"]
    assert [len(step.hops) for step in story.steps] == [2, 2]


def test_either_alone_makes_the_story() -> None:
    processes = well(TASK, "backend", "tasks", "billing")
    (kit,) = stories(merged([processes[0], processes[3]]))
    (sidecar,) = stories(merged([processes[1], processes[2]]))
    assert told(kit) == ["backend published tasks", "billing handled tasks SUCCESS 1"]
    assert told(sidecar) == ["backend stored tasks", "billing delivered tasks SUCCESS 1"]


def test_a_dead_letter_and_its_replay_are_in_their_order() -> None:
    task, bill = stories(merged(chain()))
    assert told(task) == [
        "backend staged tasks",
        "backend relayed tasks",
        "billing handled tasks RETRY 1",
        "billing retried tasks  1",
        "billing handled tasks SUCCESS 2",
        "billing dead-lettered tasks-dead",
        "operator replayed tasks",
        "billing handled tasks SUCCESS 1",
    ]
    assert told(bill) == ["billing published bills", "mail handled bills SUCCESS 1"]
    assert task.failed
    assert not bill.failed


def test_the_tree_of_a_conversation_is_by_causes() -> None:
    every = stories(merged([*chain(), *well(MAIL, "mail", "mails", "outbox")]))
    (root,) = conversation(every, "c1")
    assert root.event_id == "e1"
    assert [child.event_id for child in root.children] == ["e2"]
    assert [child.event_id for child in root.children[0].children] == ["e3"]
    assert [node.event_id for node in causes(every, MAIL)] == ["e1", "e2"]
    assert [story.event.event_id for story in consequences(every, "e1").below] == ["e2", "e3"]


def test_a_cause_that_nobody_recorded_is_named() -> None:
    every = stories(merged(well(BILL, "billing", "bills", "mail")))
    (cause,) = causes(every, BILL)
    assert (cause.event_id, cause.story) == ("e1", None)
    (root,) = conversation(every, "c1")
    assert root.event_id == "e2"


def test_events_that_caused_each_other_end_somewhere() -> None:
    one, two = TASK._replace(causation_id="e2"), BILL
    every = stories(merged([*well(one, "a", "t", "b"), *well(two, "b", "u", "a")]))
    assert [node.event_id for node in causes(every, two)] == ["e1"]
    assert [story.event.event_id for story in consequences(every, "e1").below] == ["e2"]


def test_offsets_order_what_one_app_was_given_twice() -> None:
    hops = [
        hop(K.DELIVERED, "b", "kit", "tasks", outcome="SUCCESS", attempt=1, offset="10"),
        hop(K.DELIVERED, "b", "sidecar", "tasks", outcome="RETRY", attempt=1, offset="9"),
        hop(K.DELIVERED, "b", "sidecar", "tasks", outcome="RETRY", attempt=2, offset="9"),
        hop(K.DELIVERED, "b", "sidecar", "tasks", outcome="SUCCESS", attempt=1, offset="10"),
    ]
    (story,) = stories(hops)
    assert [(passage.offset, len(list(passage.steps))) for passage in story.passages] == [("9", 2), ("10", 2)]


def test_two_apps_that_use_one_id_have_two_events() -> None:
    other = TASK._replace(source="shop")
    every = stories(merged([*well(TASK, "backend", "t", "x"), *well(other, "shop", "t", "x")]))
    assert [story.event.source for story in every] == ["backend", "shop"]


def test_a_publish_that_failed_and_then_did_not_is_one_passage() -> None:
    hops = [
        hop(K.PUBLISHED, "a", "kit", "t", outcome=FAILED, detail="away"),
        hop(K.PUBLISHED, "a", "kit", "t"),
        hop(K.STORED, "a", "sidecar", "t"),
    ]
    (story,) = stories(hops)
    assert told(story) == ["a published t FAILED", "a published t"]
    assert len(story.passages) == 1


@given(data=st.data())
def test_the_clocks_say_nothing_about_the_order(data: st.DataObject) -> None:
    """Each process has a clock of its own, and their hops come in any order but its own."""
    processes = [*chain(), *well(MAIL, "mail", "mails", "outbox")]
    plain = stories(merged(processes))
    shifted = []
    for hops in processes:
        shift = data.draw(st.floats(-3600, 3600))
        shifted.append([each._replace(at=each.at + shift) for each in hops])
    turns = data.draw(st.permutations([number for number, hops in enumerate(shifted) for _ in hops]))
    rest = [list(hops) for hops in shifted]
    mixed = [rest[number].pop(0) for number in turns]
    found = stories(mixed)
    assert [told(story) for story in found] == [told(story) for story in plain]
    assert conversation_shape(found) == conversation_shape(plain)


def conversation_shape(every: Sequence[EventStory]) -> list[str]:
    return [story.event.event_id for node in conversation(every, "c1") for story in node.stories]

"""What the page of one event shows."""

from __future__ import annotations

import json
import shlex

from outboard.dashboard.views.event_page import EventPage, event_page
from outboard.dashboard.views.feed import EventFeed
from outboard.dashboard.views.rows import RowState
from outboard.hops.record import Hop, HopKind
from support.dashboard import hop

STORED, DELIVERED = HopKind.STORED, HopKind.DELIVERED


def page(*hops: Hop, event_id: str = "e1", sidecars: dict[str, str] | None = None) -> EventPage:
    feed = EventFeed()
    feed.add(hops)
    own = feed.stories_of(event_id)
    correlation_id = own[0].event.correlation_id
    others = feed.conversation(correlation_id) if correlation_id else own
    return event_page(own, others, sidecars or {})


def test_every_step_stands_in_the_timeline_with_its_time_and_who_tells_of_it() -> None:
    found = page(
        hop(HopKind.PUBLISHED, at=1_000.0, part="kit"), hop(STORED, at=1_000.002, partition="1", offset="5"),
        hop(DELIVERED, app_id="mail", at=1_000.25, outcome="RETRY", attempt=1, detail="no server"),
        hop(HopKind.RETRIED, app_id="mail", at=1_000.26, detail="in 1 s"),
        hop(DELIVERED, app_id="mail", at=1_002.0, outcome="SUCCESS", attempt=2),
    )  # fmt: skip
    (passage,) = found.passages
    assert passage.place == "partition 1, offset 5"
    assert [(step.since, step.app_id, step.state) for step in passage.steps] == [
        ("+0 ms", "api", RowState.WELL),
        ("+250 ms", "mail", RowState.FAILED),
        ("+260 ms", "mail", RowState.WAITING),
        ("+2.00 s", "mail", RowState.WELL),
    ]
    assert passage.steps[0].told_by == "kit and sidecar"
    assert passage.steps[1].text == "attempt 1: RETRY: no server"
    assert (found.state, found.told) == (RowState.WELL, "mail handled it at attempt 2")


def test_the_conversation_is_a_tree_and_a_sequence_of_the_same_events() -> None:
    found = page(
        hop(STORED, "e1", correlation="c"),
        hop(DELIVERED, "e1", app_id="mail", at=1_001, outcome="SUCCESS", correlation="c"),
        hop(STORED, "e2", app_id="mail", topic="sent", at=1_002, correlation="c", cause="e1"),
        hop(DELIVERED, "e2", app_id="api", topic="sent", at=1_003, outcome="DROP", correlation="c"),
    )  # fmt: skip
    (root,) = found.tree
    assert (root.event_id, root.own, root.state) == ("e1", True, RowState.WELL)
    assert [(child.event_id, child.own, child.state) for child in root.children] == [
        ("e2", False, RowState.FAILED)
    ]
    assert [lane.name for lane in found.sequence.lanes] == ["api", "orders", "mail", "sent"]
    assert [(arrow.event_id, arrow.own, arrow.state) for arrow in found.sequence.arrows] == [
        ("e1", True, RowState.WELL),
        ("e1", True, RowState.WELL),
        ("e2", False, RowState.WELL),
        ("e2", False, RowState.FAILED),
    ]
    assert found.sequence.arrows[1].sentence == "orders to mail: attempt 1: SUCCESS"
    assert all(0 < arrow.y < found.sequence.height for arrow in found.sequence.arrows)
    assert all(0 < lane.x < found.sequence.width for lane in found.sequence.lanes)


def test_an_app_and_a_topic_of_one_name_are_two_lanes() -> None:
    found = page(hop(STORED, app_id="orders", topic="orders"))
    assert [(lane.name, lane.is_topic) for lane in found.sequence.lanes] == [
        ("orders", False),
        ("orders", True),
    ]


def test_a_sequence_that_nobody_could_read_is_cut_and_says_so() -> None:
    hops = [hop(DELIVERED, app_id="mail", at=1_000.0 + n, outcome="RETRY", attempt=n) for n in range(1, 100)]
    found = page(hop(STORED), *hops)
    assert (len(found.sequence.arrows), found.sequence.left_out) == (60, 40)


def test_an_event_by_itself_is_a_tree_of_one() -> None:
    (root,) = page(hop(STORED)).tree
    assert (root.event_id, root.children) == ("e1", [])


def test_what_is_masked_or_cut_or_not_there_is_not_published_as_it_is() -> None:
    def refusal(data: str) -> str:
        return page(hop(STORED, data=data)).again.refusal

    assert refusal('{"title": "milk"}') == ""
    assert refusal('{"a": [{"mail": "***"}]}').startswith("The record has ***")
    assert refusal('{"title": "mil… (20,000 characters)') == "The record has only the beginning of its data."
    assert refusal("").startswith("The record does not have its data")


def test_what_is_copied_does_what_it_says() -> None:
    data = json.dumps({"title": "it's <b>", "n": [1, None]})
    found = page(hop(STORED, key="k 1", data=data), sidecars={"api": "http://localhost:3501"})
    cli, curl, test = found.copies
    words = shlex.split(cli.text)
    assert words[:2] == ["outboard", "publish"]
    assert words[words.index("--key") + 1] == "k 1"
    assert json.loads(words[words.index("--data") + 1]) == json.loads(data)
    words = shlex.split(curl.text)
    assert "http://localhost:3501/v1.0/publish/pubsub/orders?metadata.partitionKey=k+1" in words
    assert json.loads(words[-1]) == json.loads(data)
    compile(test.text, "test", "exec")
    assert "board.topic('orders', pubsub='pubsub')" in test.text


def test_without_a_sidecar_the_usual_port_is_named() -> None:
    assert "http://localhost:3500/v1.0/publish/pubsub/orders" in page(hop(STORED, data="{}")).copies[1].text

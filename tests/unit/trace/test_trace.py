"""What `outboard trace` answers, from hops alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outboard.hops.files.lines import FileHead, NotWritten, SampledOut, head_line, hop_line
from outboard.hops.record import EventIdentity, Hop, HopKind
from outboard.hops.selection import Selection
from outboard.hops.story import StoryStep, stories
from outboard.trace.asking import Writer, follow, trace_once
from outboard.trace.formats import TraceFormat
from outboard.trace.nothing import NoEventFound
from outboard.trace.question import EventsFound, Question, answer, notes_told
from outboard.trace.text import Line, list_lines, live_line, story_lines
from outboard.trace.verdict import verdict

K = HopKind
EVENT = EventIdentity("4f3c-1", "backend", "7", "", "c1", "")
CHILD = EventIdentity("9a9a-2", "billing", "", "", "c1", "4f3c-1")


def hop(kind: HopKind, app: str = "billing", event: EventIdentity = EVENT, **more: object) -> Hop:
    topic = str(more.pop("topic", "tasks"))
    return Hop(kind, 1_000.0, app, "kafka", topic, event, part="sidecar")._replace(**more)  # type: ignore[arg-type]


STORED = hop(K.STORED, "backend", partition="3", offset="41")
WELL = [STORED, hop(K.DELIVERED, outcome="SUCCESS", attempt=1, duration=0.012)]


@pytest.mark.parametrize(
    ("hops", "text", "well"),
    [
        (WELL, "billing handled it", True),
        ([STORED], "is on tasks of kafka; no app of this record has received it", None),
        ([hop(K.ACCEPTED, "backend", outcome="FAILED", detail="no broker")],
         "was not published to tasks of kafka: no broker", False),
        ([hop(K.STAGED, "backend")],
         "is staged by backend, and was not published to tasks of kafka yet", None),
        ([hop(K.PARKED, "backend", detail="too large")],
         "is parked in the outbox of backend: too large", False),
        ([STORED, hop(K.DELIVERED, outcome="RETRY", attempt=2, detail="500")],
         "billing has not handled it at attempt 2: 500", False),
        ([STORED, hop(K.DELIVERED, outcome="RETRY", attempt=2, detail="500"),
          hop(K.RETRIED, attempt=2, detail="after 5 s")],
         "billing did not handle it at attempt 2: 500; it comes again after 5 s", None),
        ([STORED, hop(K.DROPPED, detail="no route")], "billing dropped it: no route", False),
        ([STORED, hop(K.LOST, detail="500")], "billing lost it: 500", False),
        ([STORED, hop(K.DEAD_LETTERED, topic="tasks-dead", detail="poison")],
         "is a dead letter on tasks-dead: poison", False),
    ],
)  # fmt: skip
def test_the_verdict_comes_first(hops: list[Hop], text: str, well: bool | None) -> None:
    (story,) = stories(hops)
    assert verdict(story) == (text, well)
    lines = list(story_lines(story))
    assert lines[1].text.strip() == text
    assert text in next(list_lines([story])).text


def test_each_step_is_a_line_with_its_place_on_the_broker() -> None:
    (story,) = stories(WELL)
    told = [line.text.split("  ", 2)[-1] for line in story_lines(story)][2:]
    assert "backend  published to tasks; the broker has it (partition 3, offset 41)" in told[0]
    assert "billing  attempt 1: SUCCESS in 12.0 ms" in told[1]


def test_behind_daprd_who_was_given_an_event_tells_where_it_lay() -> None:
    published = hop(K.PUBLISHED, "backend")._replace(part="kit")
    handled = hop(K.HANDLED, outcome="SUCCESS", attempt=1, partition="3", offset="41")._replace(part="kit")
    (story,) = stories([published, handled])
    assert list(story_lines(story))[2].text.endswith(
        "published to tasks; the broker has it (partition 3, offset 41)"
    )
    (story,) = stories([published])
    assert list(story_lines(story))[2].text.endswith("published to tasks")
    failed = published._replace(outcome="FAILED", detail="no answer")
    (story,) = stories([failed, handled])
    assert list(story_lines(story))[2].text.endswith("published to tasks: FAILED: no answer")


def test_what_strangers_have_written_does_nothing_to_a_terminal() -> None:
    event = EventIdentity("a\x1b[2Jb\x9bc", "\u202eshop", "k\n")
    lost = hop(K.LOST, event=event, detail="first\nsecond\x1b]0;title\x07")
    (story,) = stories([lost])
    for line in (*story_lines(story), *list_lines([story]), live_line(StoryStep(lost))):
        assert line.text.isprintable()
    said = live_line(StoryStep(lost)).text
    assert said.endswith("a\ufffd[2Jb\ufffdc  tasks  lost: first second\ufffd]0;title\ufffd")


def test_an_id_may_be_cut_and_what_came_of_it_is_listed() -> None:
    found = answer(Question(Selection(event_id="4f3c")), [*WELL, hop(K.STORED, event=CHILD)])
    assert isinstance(found, EventsFound)
    assert [node.event_id for node in found.nodes] == ["4f3c-1"]
    assert [story.event.event_id for story in found.listed] == ["9a9a-2"]


def test_causes_come_before_the_event() -> None:
    found = answer(Question(Selection(event_id="9a9a-2"), causes=True), [*WELL, hop(K.STORED, event=CHILD)])
    assert isinstance(found, EventsFound)
    assert [node.event_id for node in found.nodes] == ["4f3c-1", "9a9a-2"]


def test_the_beginning_of_several_ids_names_none_of_them() -> None:
    twin = CHILD._replace(event_id="4f3c-2")
    found = answer(Question(Selection(event_id="4f3c")), [*WELL, hop(K.STORED, event=twin)])
    assert isinstance(found, NoEventFound)
    assert (found.problem, found.hints) == ("2 events begin with 4f3c", ["Write more of it: 4f3c-1, 4f3c-2."])


@pytest.mark.parametrize("name", ["c1", "4f3c", "4f3c-1", "9a9a-2"])
def test_a_conversation_is_named_by_its_id_or_by_an_event_of_it(name: str) -> None:
    found = answer(Question(Selection(), conversation=name), [*WELL, hop(K.STORED, event=CHILD)])
    assert isinstance(found, EventsFound)
    (root,) = found.nodes
    assert [story.event.event_id for story in root.stories] == ["4f3c-1", "9a9a-2"]


def test_of_a_conversation_other_options_list_what_fits() -> None:
    hops = [*WELL, hop(K.STORED, event=CHILD), hop(K.LOST, event=CHILD, detail="500")]
    hops.append(hop(K.LOST, event=EventIdentity("other", correlation_id="c2")))
    found = answer(Question(Selection(correlation_id="9a9a", failed=True), conversation="9a9a"), hops)
    assert isinstance(found, EventsFound)
    assert [story.event.event_id for story in found.listed] == ["9a9a-2"]
    assert not found.nodes
    nothing = answer(Question(Selection(correlation_id="c1", app_id="mail"), conversation="c1"), hops)
    assert isinstance(nothing, NoEventFound)
    assert nothing.problem.startswith("of the conversation c1, no recorded event was published by the app")


def test_an_event_that_other_options_leave_out_is_not_said_to_be_missing() -> None:
    found = answer(Question(Selection(event_id="4f3c", topic="orders")), WELL)
    assert isinstance(found, NoEventFound)
    assert found.problem == "the other options leave out the event 4f3c-1, which is recorded"
    assert found.hints == ["Ask for it alone: outboard trace 4f3c-1"]


@pytest.mark.parametrize(
    ("question", "hint"),
    [
        (Question(Selection(event_id="4f3d-1")), "Did you mean 4f3c-1?"),
        (Question(Selection(event_id="zzz")), "It has 1 event, of the topic tasks (1)."),
        (Question(Selection(topic="orders")), "It has 1 event, of the topic tasks (1)."),
        (Question(Selection(topic="task")), "Did you mean tasks?"),
        (Question(Selection(app_id="bakend")), "Did you mean backend?"),
        (Question(Selection(key="99")), "It has 1 event, of the key 7 (1)."),
        (Question(Selection(failed=True)), "The one event that fits otherwise went well."),
        (Question(Selection(), conversation="c1x"), "Did you mean c1?"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(question: Question, hint: str) -> None:
    found = answer(question, WELL)
    assert isinstance(found, NoEventFound)
    assert any(hint in each for each in found.hints)


def test_an_empty_record_says_so() -> None:
    found = answer(Question(Selection()), [])
    assert isinstance(found, NoEventFound)
    assert "empty" in found.hints[0]


def test_what_is_left_out_is_told() -> None:
    head = FileHead("shop", "kit", "m")
    told = notes_told(
        [SampledOut(8, 70, 1, 2, head), SampledOut(4, 30, 2, 3, head), NotWritten(3, "full", 3, head)]
    )
    assert "1 of 8" in told[0]
    assert "(100 hops are left out)" in told[0]
    assert told[1] == "3 hops of shop could not be written: full"


class Lines:
    def __init__(self) -> None:
        self.out: list[str] = []
        self.aside: list[str] = []
        self.writer = Writer(lambda line: self.out.append(line.text), self.aside.append)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    for app in ("backend", "billing"):
        mine = [each for each in WELL if each.app_id == app]
        lines = [head_line(FileHead(app, "sidecar", "m")), *map(hop_line, mine)]
        (tmp_path / f"{app}.hops.jsonl").write_bytes(b"".join(lines))
    return tmp_path


def test_that_nothing_led_to_an_event_is_told(record: Path) -> None:
    lines = Lines()
    question = Question(Selection(event_id="4f3c"), causes=True)
    assert trace_once(question, record, TraceFormat.json, lines.writer)
    assert "no event led to 4f3c-1" in lines.aside[0]
    assert json.loads(lines.out[0])


def test_json_has_the_steps_in_their_order(record: Path) -> None:
    lines = Lines()
    assert trace_once(Question(Selection(event_id="4f3c-1")), record, TraceFormat.json, lines.writer)
    (event,) = json.loads(lines.out[0])
    assert (event["id"], event["verdict"], event["well"]) == ("4f3c-1", "billing handled it", True)
    assert [step["kind"] for step in event["steps"]] == ["stored", "delivered"]
    assert event["steps"][0] | {"at": 0} == {
        "kind": "stored", "at": 0, "app": "backend", "part": "sidecar", "instance": "m", "pubsub": "kafka",
        "topic": "tasks", "partition": "3", "offset": "41",
    }  # fmt: skip


def test_a_diagram_has_an_arrow_for_each_step(record: Path) -> None:
    lines = Lines()
    assert trace_once(Question(Selection(event_id="4f3c-1")), record, TraceFormat.mermaid, lines.writer)
    told = lines.out[0].splitlines()
    assert told[0] == "sequenceDiagram"
    assert "participant p1 as tasks" in told[2]
    assert told[4].strip().startswith("p0->>p1: 4f3c-1: published to tasks, the broker has it")
    assert told[5].strip() == "p1->>p2: 4f3c-1: attempt 1: SUCCESS in 12.0 ms"


def test_nothing_found_is_no_success(record: Path) -> None:
    lines = Lines()
    assert not trace_once(Question(Selection(key="9")), record, TraceFormat.text, lines.writer)
    assert not lines.out
    assert str(record) in lines.aside[0]


def test_nothing_found_is_an_empty_list_for_programs(record: Path) -> None:
    lines = Lines()
    assert not trace_once(Question(Selection(key="9")), record, TraceFormat.json, lines.writer)
    assert [json.loads(line) for line in lines.out] == [[]]


def followed(question: Question, record: Path) -> Lines:
    """What is written of what is there already."""
    lines = Lines()

    def pause(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(question, record, TraceFormat.text, lines.writer, pause)
    return lines


@pytest.mark.parametrize("name", ["c1", "4f3c", "4f3c-1"])
def test_a_conversation_is_followed_by_the_id_of_an_event_of_it_too(record: Path, name: str) -> None:
    lines = followed(Question(Selection(correlation_id=name), conversation=name), record)
    assert [line.split("  ")[1] for line in lines.out] == ["backend", "billing"]
    assert not lines.aside


def test_following_says_where_nothing_fits_until_now(record: Path) -> None:
    lines = followed(Question(Selection(topic="task")), record)
    assert not lines.out
    assert lines.aside == [
        "Note: of the record until now: no recorded event lay on the topic task. Did you mean tasks?"
    ]


def test_following_everything_needs_no_note(tmp_path: Path) -> None:
    assert not followed(Question(Selection()), tmp_path).aside


def test_following_shows_what_is_there_and_what_comes(record: Path) -> None:
    lines = Lines()
    late = hop(K.DELIVERED, "mail", outcome="RETRY", attempt=1, detail="500")

    def pause(_: float) -> None:
        if len(lines.out) == 3:
            raise KeyboardInterrupt
        head = head_line(FileHead("mail", "sidecar", "m"))
        (record / "mail.hops.jsonl").write_bytes(head + hop_line(late))

    with pytest.raises(KeyboardInterrupt):
        follow(Question(Selection(topic="tasks")), record, TraceFormat.text, lines.writer, pause)
    assert [line.split("  ")[1] for line in lines.out] == ["backend", "billing", "mail"]


def test_a_line_has_a_style_only_where_it_says_something() -> None:
    (story,) = stories([STORED, hop(K.DELIVERED, outcome="RETRY", attempt=1)])
    assert [line.style for line in story_lines(story)] == ["bold", "red", "", "red"]
    assert Line("x").style == ""

"""`outboard trace` of a chain of apps under `outboard run`, with nothing but Python."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.chain_run import TracedRun, chain_run
from support.processes import eventually, outboard, running

SQLITE = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec:
  type: pubsub.sqlite
  version: v1
  metadata:
    - {name: connectionString, value: events.db}
    - {name: backOffDuration, value: 50ms}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracedRun]:
    with chain_run(tmp_path_factory.mktemp("chain"), {"pubsub": SQLITE}) as run:
        yield run


def test_one_command_tells_where_the_event_is(run: TracedRun) -> None:
    told = run.trace(run.event_id[:8]).splitlines()
    assert told[0].startswith(f"{run.event_id}  tasks of pubsub  key 7")
    assert told[1].strip() == "billing handled it"
    steps = [" ".join(line.split()[1:]) for line in told[2:9]]
    assert steps[0].startswith("backend published to tasks; the broker has it (partition ")
    assert steps[1].startswith("billing attempt 1: RETRY")
    assert steps[2].startswith("billing attempt 2: SUCCESS")
    assert "the price is missing" in steps[2]
    assert steps[3].startswith("billing dead-lettered to tasks-dead: the price is missing")
    assert steps[4].startswith("operator attempt 1: SUCCESS")
    assert steps[5].startswith("operator replayed to tasks")
    assert steps[6].startswith("billing attempt 1: SUCCESS")
    assert told[9].strip() == 'data {"number":7,"email":"***"}'
    assert told[10] == "what came of it:"
    assert "bills  mail handled it" in told[11]


def test_the_conversation_is_a_tree_over_all_apps(run: TracedRun) -> None:
    (task,) = run.traced("--conversation", run.event_id)
    (bill,) = task["children"]
    assert (task["id"], bill["causationid"]) == (run.event_id, run.event_id)
    assert [step["app"] for step in bill["steps"]] == ["billing", "mail"]
    (cause, own) = run.traced(bill["id"], "--causes")
    assert (cause["id"], own["id"]) == (task["id"], bill["id"])
    diagram = run.trace("--conversation", run.event_id, "-o", "mermaid")
    assert diagram.startswith("sequenceDiagram\n")
    assert "as mail" in diagram


@pytest.mark.parametrize(
    ("question", "events"),
    [
        (["--failed"], 1),
        (["--key", "7"], 2),
        (["--topic", "bills"], 1),
        (["--app", "operator"], 1),
        (["--topic", "bills", "--since", "10h"], 1),
    ],
)
def test_events_are_found_by_what_is_known_of_them(run: TracedRun, question: list[str], events: int) -> None:
    assert len(run.trace(*question).splitlines()) == events
    assert len(run.traced(*question)) == events


def test_what_is_not_there_is_exit_code_1(run: TracedRun) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run.trace("no-such-event")
    assert failed.value.returncode == 1
    assert "of the topics tasks" in failed.value.stderr


def test_no_payload_is_in_the_record_but_the_masked_one(run: TracedRun) -> None:
    files = list(run.home.glob(".outboard/runs/*/hops/*.jsonl"))
    assert len(files) == 8  # the kit and the sidecar of each app
    assert all(b"someone@example.org" not in file.read_bytes() for file in files)
    for file in files:
        for line in file.read_bytes().splitlines():
            assert json.loads(line)


def test_what_happens_is_followed_until_that_is_enough(run: TracedRun, tmp_path: Path) -> None:
    home = {"HOME": str(run.home), "USERPROFILE": str(run.home)}
    with running(outboard("trace", "--topic", "bills", "--follow"), tmp_path, **home) as program:
        program.wait_for("attempt 1: SUCCESS")
        before = program.output.count("attempt 1: SUCCESS")
        run.post(8)
        eventually(
            lambda: program.output.count("attempt 1: SUCCESS") > before, lambda: program.output, program
        )
        assert program.interrupt() == 0
    lines = program.output.splitlines()
    assert all("  bills  " in line for line in lines)
    assert program.output.count("attempt 1: SUCCESS") == 2  # what the kit and its sidecar record is told once
    assert len(lines) >= 4


def test_a_key_is_erased_when_it_is_said_twice(run: TracedRun) -> None:
    assert "of 2 events with the key 7" in run.trace("--erase", "--key", "7")
    assert run.trace("--topic", "bills")
    assert "are erased" in run.trace("--erase", "--key", "7", "--yes")
    with pytest.raises(subprocess.CalledProcessError):
        run.trace("--key", "7")

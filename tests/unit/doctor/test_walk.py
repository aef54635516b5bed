"""From what was seen to what is said: cases that no process could be brought into cheaply."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outboard.doctor.evidence import (
    AppSeen,
    BrokerSeen,
    CanarySeen,
    ComponentDeclared,
    ComponentMissing,
    Evidence,
    HopSeen,
    HttpAnswer,
    Metadata,
    ProcessSeen,
    PublishedSeen,
    RunSeen,
    SidecarLine,
    SidecarSeen,
    SubscriptionSeen,
)
from outboard.doctor.output.document import as_json
from outboard.doctor.output.text import as_lines
from outboard.doctor.results import Status
from outboard.doctor.walk import CATEGORIES, diagnose
from outboard.sidecar.components.pubsub.standing import (
    GroupMember,
    PartitionStanding,
    TopicStanding,
    WaitingEvent,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JOBS = SubscriptionSeen("pubsub", "jobs", (("", "/events"),), source="the app")
METADATA = Metadata("worker", "1.18.5", (("pubsub", "pubsub.kafka"),), (JOBS,), 8000)
WELL = AppSeen(
    "worker",
    8000,
    3500,
    listening=True,
    process=ProcessSeen(7, (8000,)),
    owner_pid=7,
    subscribe=HttpAnswer(200),
    subscribed=(JOBS,),
    sidecar=SidecarSeen(
        HttpAnswer(204),
        HttpAnswer(204),
        HttpAnswer(200),
        METADATA,
    ),
    declared=(ComponentDeclared("pubsub", "pubsub.kafka", "pubsub.yaml", 1),),
)
ONE = GroupMember("a-1", "worker")
OTHER = GroupMember("a-2", "worker")
HANDLED = PartitionStanding(0, 0, 5, 5, "a-1", 0)
SKIPPED = (
    "consumer group 'jobs' had committed nothing for partition 0 of 'jobs': it begins at offset 5, and the 3 "
    "events before it are skipped (`initialOffset: newest`)"
)
WAITING = PartitionStanding(0, 0, 5, 3, "a-1", 2, WaitingEvent(3, "e-3", NOW - timedelta(minutes=1)))


def broker(
    *partitions: PartitionStanding, members: tuple[GroupMember, ...] = (ONE,), **more: Any
) -> BrokerSeen:
    topic = TopicStanding("jobs", True, partitions, members, 5)
    seen = BrokerSeen("worker", "pubsub", "pubsub.kafka", "jobs", "k:9092", before=(topic,), now=(topic,))
    return replace(seen, **more)


def seen(app: AppSeen = WELL, *brokers: BrokerSeen, **more: Any) -> Evidence:
    return Evidence("here", NOW, (app,), brokers=brokers or (broker(HANDLED),), **more)


def found(evidence: Evidence, status: Status) -> dict[str, tuple[str, ...]]:
    """Code → evidence of the checks with that status."""
    return {check.code: check.evidence for check in diagnose(evidence).all_checks if check.status is status}


def test_what_is_well_passes() -> None:
    diagnosis = diagnose(seen())
    assert [check for check in diagnosis.all_checks if check.status is not Status.PASSED] == []
    assert (diagnosis.success, diagnosis.broken, diagnosis.status) == (True, None, Status.PASSED)


@pytest.mark.parametrize(
    ("evidence", "code", "part"),
    [
        (seen(WELL, broker(HANDLED, members=())), "group-members", "has no member that reads 'jobs'"),
        (seen(WELL, broker(replace(HANDLED, owner=""))), "group-partitions", "of 'jobs' has no owner"),
        (seen(WELL, broker(replace(HANDLED, begin=6, committed=2))), "group-deleted", "is deleted: 4 events"),
        (seen(WELL, broker(WAITING)), "group-moves", "event e-3 at offset 3 is next, 2 wait"),
        (seen(replace(WELL, in_files=(JOBS,), app_port=0, listening=None)), "app-port", "no app port"),
        (
            seen(replace(WELL, sidecar=SidecarSeen(HttpAnswer(204), HttpAnswer(204), HttpAnswer(401)))),
            "sidecar-token",
            "asked with none, as the app does, it answers HTTP 401",
        ),
        (
            seen(replace(WELL, sidecar=replace(WELL.sidecar, health=HttpAnswer(500, "not ready")))),
            "sidecar-ready",
            "HTTP 500: not ready",
        ),
        (
            seen(canaries=(CanarySeen("worker", "pubsub", "jobs", HttpAnswer(204)),)),
            "canary-arrives",
            "has not come to the app",
        ),
        (
            seen(canaries=(CanarySeen("worker", "pubsub", "jobs", HttpAnswer(403, "no")),)),
            "canary-arrives",
            "HTTP 403: no",
        ),
        (
            seen(replace(WELL, sidecar=replace(WELL.sidecar, metadata=Metadata("shop", "1.18.5")))),
            "sidecar-identity",
            "the sidecar of 'shop' answers",
        ),
    ],
)  # fmt: skip
def test_what_is_broken_is_told(evidence: Evidence, code: str, part: str) -> None:
    failed = found(evidence, Status.FAILED)
    assert list(failed) == [code]
    assert part in " ".join(failed[code])


@pytest.mark.parametrize(
    ("evidence", "code", "part"),
    [
        (
            seen(WELL, broker(HANDLED, now=(
                TopicStanding("jobs", True, (replace(HANDLED, owner=""),), (ONE,), 5, rebalancing=True),),
                before=(TopicStanding("jobs", True, (replace(HANDLED, owner=""),), (ONE,), 5),))),
            "group-partitions",
            "has no owner",
        ),
        (seen(WELL, broker(HANDLED, members=(ONE, OTHER))), "group-size", "2 members share 1 partitions"),
        (
            seen(WELL, broker(replace(HANDLED, committed=None), initial_newest=True)),
            "group-offset",
            "those from before its start are skipped",
        ),
        (
            seen(
                replace(WELL, log=(SidecarLine("warn", SKIPPED, NOW),)),
                broker(HANDLED, initial_newest=True),
            ),
            "group-offset",
            "3 events before it are skipped",
        ),
        (
            seen(WELL, broker(replace(WAITING, waiting=WaitingEvent(3, "e-3", NOW)))),
            "group-moves",
            "has not moved",
        ),
        (
            seen(replace(WELL, engine="daprd", sidecar=replace(
                WELL.sidecar, metadata=replace(WELL.sidecar.metadata, version="1.16.2")))),  # type: ignore[type-var]
            "sidecar-version",
            "before 1.17",
        ),
        (
            seen(replace(WELL, sidecar=replace(WELL.sidecar, exposed="0.0.0.0"))),
            "sidecar-exposed",
            "it listens on 0.0.0.0",
        ),
        (
            seen(replace(WELL, missing=(
                ComponentMissing("orders", "pubsub.kafka", "its namespace is prod"),))),
            "component-left-out",
            "its namespace is prod",
        ),
        (
            seen(replace(WELL, read_at=NOW, declared=(
                replace(WELL.declared[0], changed=NOW + timedelta(seconds=5)),))),
            "component-stale",
            "pubsub.yaml was changed",
        ),
        (seen(replace(WELL, in_files=(replace(JOBS, source="a.yaml"),))), "subscription-twice", "a.yaml"),
        (
            seen(replace(WELL, log=(SidecarLine("error", "no matching route for event e-1", NOW),))),
            "route-matches",
            "e-1",
        ),
        (
            seen(WELL, broker(HANDLED, now=(
                TopicStanding("jobs", True, (HANDLED,), (ONE,), 5),
                TopicStanding("jobs-dead", events=2, last_reason="no number")))),
            "dead-letters",
            "2 lie on 'jobs-dead', the latest because no number",
        ),
        (
            seen(replace(WELL, app_log=("event e-1 for topic 't' of 'p' is parked in the outbox: no",))),
            "outbox-parked",
            "e-1",
        ),
        (
            seen(WELL, broker(HANDLED, other_topics=("job",), now=(TopicStanding("jobs", members=(ONE,)),))),
            "topic-there",
            "'job' has some",
        ),
        (
            seen(WELL, broker(replace(
                WAITING, owner="a-2", waiting=WaitingEvent(3, "e-3", NOW, wraps=True)), before=())),
            "event-format",
            "is a CloudEvent itself",
        ),
    ],
)  # fmt: skip
def test_what_may_surprise_is_a_warning(evidence: Evidence, code: str, part: str) -> None:
    assert found(evidence, Status.FAILED) == {}
    warnings = found(evidence, Status.WARNING)
    assert part in " ".join(warnings[code])


def test_an_event_that_goes_back_and_forth_is_named_with_those_who_have_it() -> None:
    said = SidecarLine("error", "Error processing Kafka message: jobs/0/3: it failed", NOW)
    sidecar = replace(WELL.sidecar, metadata=replace(METADATA, app_id="second"))
    other = replace(WELL, app_id="second", log=(said,), sidecar=sidecar)
    first = replace(WELL, log=(said,))
    before = TopicStanding("jobs", True, (replace(WAITING, owner="a-2"),), (ONE, OTHER), 5)
    evidence = seen(first, broker(WAITING, members=(ONE, OTHER), before=(before,), seconds=1.0))
    evidence = replace(evidence, apps=(first, other))
    told = found(evidence, Status.FAILED)["group-moves"]
    assert "its owner was a-2, and is a-1" in told[0]
    assert "event e-3 goes back and forth between worker and second" in told


def test_the_record_of_hops_tells_who_had_an_event_and_what_became_of_others() -> None:
    def hop(kind: str, event_id: str, **more: str) -> HopSeen:
        return HopSeen(kind, "worker", "pubsub", "jobs", event_id, **more)

    hops = (
        hop("delivered", "e-3", outcome="RETRY", instance="101"),
        hop("delivered", "e-3", outcome="RETRY", instance="202"),
    )
    stuck = seen(WELL, broker(replace(WAITING, attempts=4, reason="no database")), hops=hops)
    told = found(stuck, Status.FAILED)["group-moves"]
    assert "it has failed 4 times, the last time because no database" in told[0]
    once = seen(WELL, broker(replace(WAITING, attempts=1, reason="no database")))
    assert "it has failed once, because no database" in found(once, Status.FAILED)["group-moves"][0]
    (check,) = [each for each in diagnose(once).all_checks if each.code == "group-moves"]
    assert "`outboard topics held` names the commands to go on behind it" in check.fix
    assert "event e-3 goes back and forth between worker 101 and worker 202" in told
    ended = seen(
        hops=(
            hop("dead-lettered", "e-1", detail="no number"),
            hop("dropped", "e-2", detail="no route"),
            hop("parked", "e-4", detail="too large"),
        )
    )
    warnings = found(ended, Status.WARNING)
    assert warnings["dead-letters"] == ("event e-1 of 'jobs' is dead-lettered: no number",)
    assert warnings["event-lost"] == ("event e-2 of 'jobs' is dropped: no route",)
    assert warnings["outbox-parked"] == ("event e-4 of 'jobs' is parked: too large",)
    commands = [check.command.bash for check in diagnose(ended).all_checks if check.command]
    assert "outboard trace e-2" in commands


def test_a_topic_that_nobody_takes_is_broken_where_it_looks_like_a_slip_and_only_since_the_apps_start() -> (
    None
):
    def published(topic: str, app: AppSeen = WELL) -> Evidence:
        return seen(app, published=(PublishedSeen("worker", "pubsub", topic, NOW),))

    assert "Did you mean `jobs`" in found(published("job"), Status.FAILED)["topic-taken"][0]
    assert "topic-taken" in found(published("mails"), Status.WARNING)
    for topic in ("jobs", "jobs-dead", "defaultworkertasksoutbox"):
        assert "topic-taken" in found(published(topic), Status.PASSED)
    restarted = replace(WELL, process=replace(WELL.process, started=NOW + timedelta(seconds=1)))
    assert "topic-taken" in found(published("job", restarted), Status.PASSED)


def test_an_app_that_speaks_grpc_is_not_asked_and_the_rest_is_looked_into() -> None:
    app = replace(WELL, unasked="it speaks grpc", subscribed=(), subscribe=HttpAnswer())
    evidence = seen(app, broker(WAITING))
    assert found(evidence, Status.UNKNOWN) == {"subscribe-answers": ("it speaks grpc",)}
    assert list(found(evidence, Status.FAILED)) == ["group-moves"]


def test_the_first_broken_hop_stops_the_walk_and_the_rest_is_told_as_skipped() -> None:
    diagnosis = diagnose(seen(replace(WELL, listening=False), broker(WAITING)))
    assert diagnosis.broken is not None
    assert diagnosis.broken.name == "the app"
    names = [category.name for category in CATEGORIES]
    skipped = [each.name for each in diagnosis.categories if each.skipped]
    assert skipped == names[names.index("the app") + 1 :]
    document = as_json(diagnosis)
    assert isinstance(document, dict)
    assert (document["success"], document["broken"]) == (False, "the app")


def test_short_json_has_all_hops_and_of_the_checks_those_that_have_not_passed() -> None:
    diagnosis = diagnose(seen(replace(WELL, listening=False)))
    document: Any = as_json(diagnosis, short=True)
    told = {each["name"]: each["checks"] for each in document["categories"]}
    assert list(told) == [category.name for category in diagnosis.categories]
    assert [check["result"] for checks in told.values() for check in checks] == ["failed"]


@pytest.mark.parametrize(
    ("state", "problem", "status"),
    [
        ("ended", "api ended with exit code 7", Status.FAILED),
        ("died", "", Status.FAILED),
        ("elsewhere", "", Status.UNKNOWN),
        ("live", "", Status.PASSED),
    ],
)
def test_a_run_that_does_not_go_on_is_the_first_hop(state: str, problem: str, status: Status) -> None:
    run = RunSeen("20260102-030405-abcd", "outboard", state, NOW, problem)
    checks = [each for each in diagnose(seen(run=run)).all_checks if each.code == "run-alive"]
    assert [check.status for check in checks] == [status]
    assert problem in " ".join(checks[0].evidence)


def test_lines_of_before_the_apps_start_or_of_long_ago_do_not_count() -> None:
    line = SidecarLine("error", "status code returned: 422, body: x", NOW - timedelta(minutes=1))
    assert "route-answers" in found(seen(replace(WELL, log=(line,))), Status.FAILED)
    restarted = replace(WELL.process, started=NOW - timedelta(seconds=30))
    assert found(seen(replace(WELL, log=(line,), process=restarted)), Status.FAILED) == {}
    old = replace(line, at=NOW - timedelta(minutes=11))
    assert found(seen(replace(WELL, log=(old,))), Status.FAILED) == {}


def test_text_has_signs_on_a_terminal_and_words_elsewhere() -> None:
    diagnosis = diagnose(seen(replace(WELL, listening=False)))
    signs = [line.text for line in as_lines(diagnosis, signs=True)]
    words = [line.text for line in as_lines(diagnosis, signs=False)]
    assert "\u00d7 the app does not listen on its port (worker)" in signs
    assert "FAILED:  the app does not listen on its port (worker)" in words
    assert signs[-1] == words[-1] == "Events stay at: the app (app-listening)"
    assert "    docs/reference/doctor.md#app-listening" in words
    assert all(line.isascii() for line in words)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("dead-lettered", "warning: there are dead letters (worker)"),
        ("dropped", "warning: events were dropped (worker)"),
    ],
)
def test_a_warning_says_what_is_so_and_not_what_should_be(kind: str, said: str) -> None:
    hop = HopSeen(kind, "worker", "pubsub", "jobs", "e-1")
    lines = [line.text for line in as_lines(diagnose(replace(seen(WELL), hops=(hop,))), signs=False)]
    assert [line for line in lines if line.startswith("warning: ")] == [said]


def test_short_text_has_only_what_is_not_well_and_commands_are_of_the_shell() -> None:
    diagnosis = diagnose(seen(replace(WELL, listening=False)))
    bash = [line.text for line in as_lines(diagnosis, signs=False, short=True)]
    windows = [line.text for line in as_lines(diagnosis, signs=False, short=True, windows=True)]
    assert not [line for line in bash if line.startswith("ok:")]
    assert "    see: lsof -nP -iTCP:8000 -sTCP:LISTEN" in bash
    assert "    see: Get-NetTCPConnection -LocalPort 8000 -State Listen" in windows
    assert [line.text for line in as_lines(diagnose(seen()), signs=False, short=True)] == [
        "Every hop is well"
    ]

"""A walk as a page shows it: what is still to come, what is broken, and what is behind it."""

from __future__ import annotations

from outboard.dashboard.views.doctor_page import walk_view
from outboard.dashboard.views.rows import RowState
from outboard.doctor.results import CategoryResult, CheckResult, Diagnosis, ManualCommand, Status
from outboard.doctor.walk import CATEGORIES


def passed(subject: str) -> CheckResult:
    return CheckResult("app-listening", "it listens on its port", subject, Status.PASSED)


BROKEN = CheckResult(
    "sidecar-answers", "its sidecar answers", "api", Status.FAILED, ("no answer\nat all",), "Start it",
    ManualCommand("curl x", "iwr x"),
)  # fmt: skip
APP = CategoryResult("the app", (passed("api"), passed("worker")))
SIDECAR = CategoryResult("the sidecar", (BROKEN,))


def test_before_anything_is_seen_all_hops_are_to_come() -> None:
    found = walk_view(None, whole=False)
    assert [hop.name for hop in found.hops] == [category.name for category in CATEGORIES]
    assert {(hop.state, hop.word) for hop in found.hops} == {(None, "still to come")}
    assert found.verdict == ""


def test_as_it_goes_what_is_known_stands_beside_what_is_to_come() -> None:
    found = walk_view(Diagnosis("run 1", (APP,)), whole=False)
    words = {hop.name: hop.word for hop in found.hops}
    assert (words["the app"], words["the broker"]) == ("well", "still to come")
    assert found.verdict == ""


def test_at_the_end_only_hops_that_there_are_show() -> None:
    found = walk_view(Diagnosis("run 1", (APP,)), whole=True)
    (hop,) = found.hops
    assert [(line.title, line.subject) for line in hop.checks] == [("it listens on its port", "api, worker")]
    assert (found.verdict, found.state) == ("Every hop is well.", RowState.WELL)


def test_what_is_broken_has_evidence_fix_and_commands_and_what_is_behind_it_is_open() -> None:
    behind = CategoryResult("the broker", skipped=True)
    found = walk_view(Diagnosis("run 1", (APP, SIDECAR, behind)), whole=True)
    (line,) = found.hops[1].checks
    assert (line.state, line.word, line.evidence) == (RowState.FAILED, "broken", ["no answer", "at all"])
    assert (line.fix, line.bash, line.powershell) == ("Start it", "curl x", "iwr x")
    assert (found.hops[2].state, found.hops[2].word) == (
        None,
        "not looked into, for an earlier hop is broken",
    )
    assert (found.verdict, found.state) == ("Events stay at: the sidecar.", RowState.FAILED)

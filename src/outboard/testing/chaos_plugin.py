"""The option `--outboard-chaos`: tests with the fixture `outboard` run under chaos, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import pytest
from _pytest.runner import runtestprotocol

if TYPE_CHECKING:
    from outboard.testing.chaos import Chaos

__all__ = ["CHAOS", "run_under_chaos", "told_at_the_end"]

CHAOS: Final = pytest.StashKey["Chaos"]()
TOLD: Final = pytest.StashKey[list[str]]()
TITLE: Final = "outboard chaos"


def run_under_chaos(item: pytest.Item, nextitem: pytest.Item | None, seed: int) -> None:
    """Run `item` as it is, and if it passes under chaos; report the one that fails, and whose fault it is."""
    from outboard.testing.chaos import Chaos
    from outboard.testing.chaos_runs import culprit_of, told_culprit

    ihook = item.ihook
    ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    try:
        reports = _protocol(item)
        if all(report.passed for report in reports):
            chaos = Chaos(seed)
            shaken = _run(item, chaos)
            if any(report.failed for report in shaken):
                culprit = culprit_of(
                    seed, chaos.steps, lambda each: any(report.failed for report in _run(item, each))
                )
                told = told_culprit(culprit, seed, item.nodeid)
                next(report for report in shaken if report.failed).sections.append((TITLE, told))
                item.config.stash.setdefault(TOLD, []).append(told)
                reports = shaken
    finally:
        item.session._setupstate.teardown_exact(nextitem)
    for report in reports:
        ihook.pytest_runtest_logreport(report=report)
    ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def told_at_the_end(config: pytest.Config) -> list[str]:
    """What was found in this run of pytest, a text for each test."""
    return config.stash.get(TOLD, [])


def _run(item: pytest.Item, chaos: Chaos) -> list[pytest.TestReport]:
    item.stash[CHAOS] = chaos
    try:
        return _protocol(item)
    finally:
        del item.stash[CHAOS]


def _protocol(item: pytest.Item) -> list[pytest.TestReport]:
    """Set up, call and tear down, but for what the tests beside it share: the next run needs that again."""
    return runtestprotocol(item, log=False, nextitem=cast("pytest.Item", item.parent))

"""What is restarted when a run is planned again, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.run.plan.plan_changes import plan_changes
from outboard.run.plan.template import Destination

APP = AppPlan(
    app_id="api",
    directory=Path("/project"),
    command=("python", "-m", "api"),
    app_port=8000,
    app_host="127.0.0.1",
    http_port=3501,
    grpc_port=50001,
    sidecar=("--app-id", "api"),
    origin="dapr.yaml:3",
    variables={"APP_PORT": "8000"},
    own_variables={"PASSWORD": "secret-value"},
)


@pytest.mark.parametrize(
    ("after", "restarts", "reason"),
    [
        (replace(APP, command=("python", "-m", "web")), ("app",), "its command"),
        (replace(APP, app_log=Destination.FILE), ("app",), "where its output goes"),
        (replace(APP, sidecar=("--app-id", "api", "--log-level", "debug")), ("sidecar",), "the options"),
        (replace(APP, own_variables={"PASSWORD": "other"}), ("app", "sidecar"), "its `env`"),
        (replace(APP, app_port=8001, variables={"APP_PORT": "8001"}), ("app", "sidecar"), "its port"),
        (replace(APP, directory=Path("/elsewhere")), ("app", "sidecar"), "its folder"),
        (replace(APP, keep_going=True), ("app", "sidecar"), "how it is run"),
    ],
)
def test_only_the_processes_that_a_change_is_about_restart(
    after: AppPlan, restarts: tuple[str, ...], reason: str
) -> None:
    (change,) = plan_changes(RunPlan((APP,)), RunPlan((after,)))
    assert (change.before, change.after, change.restarts) == (APP, after, restarts)
    assert reason in change.reason
    assert "secret" not in change.reason


def test_where_it_is_written_and_the_order_change_nothing() -> None:
    other = replace(APP, app_id="other")
    moved = replace(APP, origin="dapr.yaml:17")
    assert plan_changes(RunPlan((APP, other)), RunPlan((other, moved))) == ()


def test_an_app_that_is_gone_ends_before_a_new_one_starts() -> None:
    changes = plan_changes(RunPlan((APP,)), RunPlan((replace(APP, app_id="new"),)))
    assert [(change.app_id, change.before is None, change.after is None) for change in changes] == [
        ("api", False, True),
        ("new", True, False),
    ]


def test_an_app_that_somebody_else_starts_is_told_to_them_anew() -> None:
    waited_for = replace(APP, attached=True)
    (change,) = plan_changes(
        RunPlan((waited_for,)), RunPlan((replace(waited_for, own_variables={"PASSWORD": "other"}),))
    )
    assert change.restarts == ("sidecar",)
    assert change.ends_process

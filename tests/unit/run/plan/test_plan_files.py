"""Whose a source file is, and which files a plan is made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.run.plan.plan_files import is_plan_file, named_packages, plan_files, source_owners

PROJECT = Path("/project")


def app(app_id: str, folder: str, *command: str) -> AppPlan:
    sidecar = ("--resources-path", str(PROJECT / "components"), "--config", "tracing.yaml")
    program = ("/bin/python", *command)
    return AppPlan(app_id, PROJECT / folder, program, 0, "127.0.0.1", 3501, 50001, sidecar, "dapr.yaml:3")


PLAN = RunPlan(
    (
        app("backend", "", "-m", "backend"),
        app("notification", "", "-m", "uvicorn", "notification.main:app"),
        app("worker", "services/worker", "app.py"),
    ),
    run_file=PROJECT / "dapr.yaml",
)


@pytest.mark.parametrize(
    ("file", "owners"),
    [
        ("backend/routes/tasks.py", ["backend"]),
        ("notification/main.py", ["notification"]),
        ("shared/models.py", ["backend", "notification"]),
        ("settings.toml", ["backend", "notification"]),
        ("services/worker/app.py", ["worker"]),
        ("services/worker/lib/x.py", ["worker"]),
        ("services/shared.py", ["backend", "notification"]),
    ],
)
def test_a_source_file_is_that_of_the_nearest_folder_and_of_whom_its_command_names(
    file: str, owners: list[str]
) -> None:
    assert [each.app_id for each in source_owners(PROJECT / file, PLAN)] == owners


def test_what_lies_elsewhere_is_nobodys() -> None:
    assert source_owners(Path("/elsewhere/app.py"), PLAN) == ()


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (("-m", "backend"), {"backend"}),
        (("-m", "uvicorn", "api.main:app", "--port", "80"), {"uvicorn", "api", "api.main", "80"}),
        (("src/api/main.py",), {"src"}),
        (("/srv/api/main.py", "../other.py", "./x.py"), {"x.py"}),
    ],
)
def test_what_a_command_may_mean_by_folders_of_its_own(command: tuple[str, ...], names: set[str]) -> None:
    found = named_packages(app("api", "", *command))
    assert names <= found
    assert not {name for name in found if "/" in name or name.startswith(".")}


def test_the_files_of_the_plan_are_no_sources() -> None:
    assert is_plan_file(PROJECT / "dapr.yaml", PLAN)
    assert is_plan_file(PROJECT / "components" / "pubsub.yaml", PLAN)
    assert is_plan_file(PROJECT / "services" / "worker" / ".dapr" / "config.yaml", PLAN)
    assert is_plan_file(PROJECT / "services" / "worker" / "tracing.yaml", PLAN)
    assert not is_plan_file(PROJECT / "backend" / "settings.yaml", PLAN)
    assert plan_files(RunPlan((app("one", "one"),)))[0] == PROJECT / "components"
